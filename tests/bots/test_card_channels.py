"""Cards in Slack and Telegram: posted, edited, found, and what each failure means for the courier."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from telegram.ext import ExtBot

from bots.slack.cards import SlackCards
from bots.slack.client import SlackClient
from bots.telegram.cards import TelegramCards
from bots.telegram.client import Request, quiet
from server.model.card import Card, CardReason
from server.ports import ChannelBusy, ChannelDown, ChannelRefused, ChannelUnsure
from tests.emulators.http import Fault
from tests.emulators.slack import TOKEN, SlackEmulator
from tests.emulators.telegram import TOKEN as TELEGRAM_TOKEN
from tests.emulators.telegram import TelegramEmulator

CARD = Card(
    alert="7K2Q",
    contact="u1kjpwd7k8q0cxtacd",
    who="Léa <b> & co",
    text="Léa has 85 points & <more>",
    trigger="hot_lead",
    version=3,
    team="sales",
    score=85.0,
    reasons=(CardReason("cart", 60.0, 2), CardReason("core_market", 25.0)),
)
TAKEN = msgspec.structs.replace(CARD, status="claimed", owner="Ana", revision=2)


@pytest.fixture
def patience() -> float:
    """Seconds that an answer may take; little only where a test waits for one that does not come."""
    return 20.0


@pytest.fixture
async def in_slack(slack: SlackEmulator, patience: float) -> AsyncIterator[SlackCards]:
    client = SlackClient(TOKEN, slack.api_url, timeout=patience)
    yield SlackCards(client)
    await client.close()


@pytest.fixture
async def in_telegram(telegram: TelegramEmulator, patience: float) -> AsyncIterator[TelegramCards]:
    quiet()
    async with telegram_bot(telegram.url, patience=patience) as bot:
        yield TelegramCards(bot)


def telegram_bot(url: str, token: str = TELEGRAM_TOKEN, patience: float = 20.0) -> ExtBot[None]:
    request = Request(connect_timeout=patience, read_timeout=patience)
    return ExtBot(token, base_url=f"{url}/bot", request=request, get_updates_request=request)


# --- Slack --------------------------------------------------------------------------------------------------------


async def test_a_card_in_slack_says_who_why_and_what_can_be_done(slack: SlackEmulator, in_slack: SlackCards) -> None:
    reference = await in_slack.post("#hot-leads", CARD)
    [card] = slack.channel("#hot-leads").messages
    for words in ("Léa <b> & co", "85", "cart +60 (2 times)", "core_market +25", "open", "7K2Q", "&lt;more&gt;"):
        assert words in card.text
    assert list(card.buttons) == ["Claim", "Snooze", "Finish", "Dismiss", "Why?"]
    assert card.content["metadata"] == {"event_type": "relance_alert", "event_payload": {"alert": "7K2Q"}}
    await in_slack.edit("#hot-leads", reference, TAKEN)
    assert "claimed by Ana" in card.text
    assert list(card.buttons) == ["Finish", "Snooze", "Release", "Dismiss", "Why?"]
    await in_slack.edit("#hot-leads", reference, TAKEN)
    assert len(slack.channel("#hot-leads").messages) == 1


async def test_a_copy_stays_marked_as_repeated_when_it_is_edited(slack: SlackEmulator, in_slack: SlackCards) -> None:
    reference = await in_slack.post("#hot-leads", CARD, repeated=True)
    [card] = slack.channel("#hot-leads").messages
    assert "repeated" in card.text
    await in_slack.edit("#hot-leads", reference, TAKEN)
    assert "repeated" in card.text
    assert await in_slack.find("#hot-leads", "7K2Q") == reference


async def test_a_card_is_found_by_its_metadata_among_many_messages(slack: SlackEmulator, in_slack: SlackCards) -> None:
    for number in range(40):
        slack.add_channel(f"#other-{number}")
    reference = await in_slack.post("#hot-leads", CARD)
    for number in range(150):
        await in_slack.post("#hot-leads", msgspec.structs.replace(CARD, alert=f"N{number}"))
    client = SlackClient(TOKEN, slack.api_url)
    fresh = SlackCards(client)  # a courier that has never posted to this channel knows it by name only
    assert await fresh.find("#hot-leads", "7K2Q") == reference
    assert await fresh.find("#hot-leads", "N149") is not None
    assert await fresh.find("#hot-leads", "NONE") is None
    assert await fresh.find("#no-such", "7K2Q") is None
    await client.close()


async def test_slack_refusals_are_final(slack: SlackEmulator, in_slack: SlackCards) -> None:
    slack.add_channel("#private", member=False)
    for address, reason in (("#nowhere", "channel_not_found"), ("#private", "not_in_channel")):
        with pytest.raises(ChannelRefused, match=reason):
            await in_slack.post(address, CARD)
    with pytest.raises(ChannelRefused, match="message_not_found"):
        await in_slack.edit("#hot-leads", f"{slack.channel('#hot-leads').id}:1.000", CARD)
    slack.token = "another"
    with pytest.raises(ChannelRefused, match="invalid_auth"):
        await in_slack.post("#hot-leads", CARD)


async def test_slack_busy_says_when_to_come_back(slack: SlackEmulator, in_slack: SlackCards) -> None:
    slack.fails("chat.postMessage", Fault("busy", 7))
    with pytest.raises(ChannelBusy) as caught:
        await in_slack.post("#hot-leads", CARD)
    assert caught.value.retry_after == 7
    assert slack.channel("#hot-leads").messages == []


@pytest.mark.parametrize("patience", [1.5])
@pytest.mark.parametrize("fault", [Fault("hang", 3), Fault("drop"), Fault("broken")])
async def test_a_lost_answer_of_slack_is_unsure_for_a_post_and_repeatable_for_an_edit(
    slack: SlackEmulator, in_slack: SlackCards, fault: Fault
) -> None:
    slack.fails("chat.postMessage", fault)
    with pytest.raises(ChannelUnsure):
        await in_slack.post("#hot-leads", CARD)
    assert len(slack.called("chat.postMessage")) == 1, "the client repeated the post by itself"
    reference = await in_slack.find("#hot-leads", "7K2Q")
    assert (reference is not None) is (fault.kind == "drop")
    reference = reference or await in_slack.post("#hot-leads", CARD, repeated=True)
    slack.fails("chat.update", fault)
    with pytest.raises(ChannelDown):
        await in_slack.edit("#hot-leads", reference, TAKEN)
    await in_slack.edit("#hot-leads", reference, TAKEN)


async def test_without_a_connection_nothing_was_sent() -> None:
    client = SlackClient(TOKEN, "http://127.0.0.1:1/api")
    with pytest.raises(ChannelDown):
        await SlackCards(client).post("#hot-leads", CARD)
    await client.close()
    async with Request() as request:
        bot: ExtBot[None] = ExtBot(TELEGRAM_TOKEN, base_url="http://127.0.0.1:1/bot", request=request)
        with pytest.raises(ChannelDown):
            await TelegramCards(bot).post("-1001", CARD)


# --- Telegram -----------------------------------------------------------------------------------------------------


async def test_a_card_in_telegram_says_who_why_and_what_can_be_done(
    telegram: TelegramEmulator, in_telegram: TelegramCards
) -> None:
    reference = await in_telegram.post("-1001", CARD)
    [card] = telegram.chats[-1001].posts
    for words in ("Léa <b> & co", "85", "cart +60 (2 times)", "core_market +25", "open", "7K2Q", "<more>"):
        assert words in card.text
    assert card.buttons == {
        "Claim": "claim 7K2Q",
        "Snooze": "snooze 7K2Q",
        "Finish": "done 7K2Q ?",
        "Dismiss": "dismiss 7K2Q",
    }
    assert card.links == {"Why?": "https://t.me/relance_bot?start=why_7K2Q"}
    await in_telegram.edit("-1001", reference, TAKEN)
    assert "claimed by Ana" in card.text
    await in_telegram.edit("-1001", reference, TAKEN)  # "message is not modified" is no failure
    assert [*card.buttons, *card.links] == ["Finish", "Snooze", "Release", "Dismiss", "Why?"]
    assert await in_telegram.find("-1001", "7K2Q") is None


async def test_in_a_private_chat_why_is_answered_where_one_is(
    telegram: TelegramEmulator, in_telegram: TelegramCards
) -> None:
    telegram.user(42)
    reference = await in_telegram.post("42", CARD)
    await in_telegram.edit("42", reference, TAKEN)
    [card] = telegram.chats[42].posts
    assert card.buttons["Why?"] == "why u1kjpwd7k8q0cxtacd"
    assert card.links == {}


async def test_a_card_waits_for_the_name_of_the_bot_that_its_link_bears(
    telegram: TelegramEmulator, in_telegram: TelegramCards
) -> None:
    asked = len(telegram.called("getMe"))
    for fault in (Fault("broken"), Fault("drop"), Fault("hang", 5)):
        telegram.fails("getMe", fault)
        with pytest.raises(ChannelDown):  # nothing was sent, so that the next try is no repetition
            await in_telegram.post("-1001", CARD)
    telegram.fails("getMe", Fault("busy", 7))
    with pytest.raises(ChannelBusy):
        await in_telegram.post("-1001", CARD)
    await in_telegram.post("-1001", CARD)
    await in_telegram.post("-1001", CARD)
    assert len(telegram.called("getMe")) == asked + 5
    assert len(telegram.chats[-1001].posts) == 2


async def test_a_copy_in_telegram_stays_marked_as_repeated(
    telegram: TelegramEmulator, in_telegram: TelegramCards
) -> None:
    reference = await in_telegram.post("-1001", CARD, repeated=True)
    await in_telegram.edit("-1001", reference, TAKEN)
    assert "repeated" in telegram.chats[-1001].posts[0].text


async def test_telegram_refusals_are_final(telegram: TelegramEmulator, in_telegram: TelegramCards) -> None:
    with pytest.raises(ChannelRefused, match="chat not found"):
        await in_telegram.post("-999", CARD)
    with pytest.raises(ChannelRefused, match="message to edit not found"):
        await in_telegram.edit("-1001", "-1001:424242", CARD)
    telegram.chats[-1001].kicked = True
    with pytest.raises(ChannelRefused, match="bot was kicked"):
        await in_telegram.post("-1001", CARD)
    telegram.token = "1:another"
    with pytest.raises(ChannelRefused, match="invalid token"):
        await in_telegram.post("-1001", CARD)


async def test_telegram_busy_says_when_to_come_back(telegram: TelegramEmulator, in_telegram: TelegramCards) -> None:
    telegram.fails("sendMessage", Fault("busy", 7))
    with pytest.raises(ChannelBusy) as caught:
        await in_telegram.post("-1001", CARD)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize("patience", [1.5])
@pytest.mark.parametrize("fault", [Fault("hang", 3), Fault("drop"), Fault("broken")])
async def test_a_lost_answer_of_telegram_is_unsure_for_a_post_and_repeatable_for_an_edit(
    telegram: TelegramEmulator, in_telegram: TelegramCards, fault: Fault
) -> None:
    telegram.fails("sendMessage", fault)
    with pytest.raises(ChannelUnsure):
        await in_telegram.post("-1001", CARD)
    reference = await in_telegram.post("-1001", CARD)
    telegram.fails("editMessageText", fault)
    with pytest.raises(ChannelDown):
        await in_telegram.edit("-1001", reference, TAKEN)
    await in_telegram.edit("-1001", reference, TAKEN)


async def test_a_group_that_became_a_supergroup_is_followed(
    telegram: TelegramEmulator, in_telegram: TelegramCards
) -> None:
    old, new = telegram.add_chat(-5, "group"), telegram.add_chat(-1005)
    old.migrated_to = new.id
    reference = await in_telegram.post("-5", CARD)
    assert len(new.posts) == 1
    await in_telegram.edit("-5", reference, TAKEN)
    assert "claimed by Ana" in new.posts[0].text


async def test_a_card_for_a_topic_is_posted_and_edited_there(
    telegram: TelegramEmulator, in_telegram: TelegramCards
) -> None:
    group = telegram.chats[-1001]
    leads, calls = group.add_topic(42), group.add_topic(43)
    reference = await in_telegram.post("-1001/42", CARD)
    await in_telegram.edit("-1001/42", reference, TAKEN)
    await in_telegram.post("-1001/1", CARD)  # General, as links to it have it
    await in_telegram.post("-1001", CARD)
    [card] = leads.posts
    assert "claimed by Ana" in card.text
    assert calls.posts == []
    assert [post.topic for post in group.posts] == [leads, None, None]


async def test_a_topic_that_is_closed_or_gone_is_a_refusal_that_says_so(
    telegram: TelegramEmulator, in_telegram: TelegramCards
) -> None:
    group = telegram.chats[-1001]
    leads = group.add_topic(42)
    reference = await in_telegram.post("-1001/42", CARD)
    leads.closed = True
    with pytest.raises(ChannelRefused, match="the topic is closed"):
        await in_telegram.post("-1001/42", CARD)
    await in_telegram.edit("-1001/42", reference, TAKEN)
    leads.delete()
    for topic in ("42", "44"):
        with pytest.raises(ChannelRefused, match="the topic does not exist"):
            await in_telegram.post(f"-1001/{topic}", CARD)
    with pytest.raises(ChannelRefused, match="message to edit not found"):
        await in_telegram.edit("-1001/42", reference, TAKEN)
    group.closed = True
    with pytest.raises(ChannelRefused, match="the topic is closed"):
        await in_telegram.post("-1001", CARD)
    with pytest.raises(ChannelRefused, match="a topic is a number"):
        await in_telegram.post("-1001/leads", CARD)


async def test_a_group_that_became_a_supergroup_for_its_topics_is_followed_into_each(
    telegram: TelegramEmulator, in_telegram: TelegramCards
) -> None:
    old, new = telegram.add_chat(-5, "group"), telegram.add_chat(-1005)
    leads = new.add_topic(42)
    old.migrated_to = new.id
    await in_telegram.post("-5", CARD)
    reference = await in_telegram.post("-5/42", CARD)
    with pytest.raises(ChannelRefused, match="the topic does not exist"):
        await in_telegram.post("-5/43", CARD)
    await in_telegram.edit("-5/42", reference, TAKEN)
    assert [post.topic for post in new.posts] == [None, leads]
    assert "claimed by Ana" in leads.posts[0].text
    asked = [call["chat_id"] for call in telegram.called("sendMessage")]
    assert asked.count("-5") == 1, "where the group went is known to each of its topics"


# --- both ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["x" * 20_000, "&<>" * 4_000, "é𝕏\n" * 3_000, ""])
async def test_a_card_with_a_text_of_any_length_is_one_message(
    slack: SlackEmulator, telegram: TelegramEmulator, in_slack: SlackCards, in_telegram: TelegramCards, text: str
) -> None:
    card = msgspec.structs.replace(CARD, text=text, who=text[:5000] or "?")
    await in_slack.post("#hot-leads", card)
    await in_telegram.post("-1001", card)
    [in_channel], [in_chat] = slack.channel("#hot-leads").messages, telegram.chats[-1001].posts
    assert "Claim" in in_channel.buttons
    assert "Claim" in in_chat.buttons


async def test_no_failure_quotes_a_token_or_a_card(slack: SlackEmulator, in_slack: SlackCards, caplog: Any) -> None:
    slack.fails("chat.postMessage", Fault("broken"))
    with pytest.raises(ChannelUnsure) as caught:
        await in_slack.post("#hot-leads", CARD)
    said = f"{caught.value} {caplog.text}"
    assert TOKEN not in said
    assert "Léa" not in said
