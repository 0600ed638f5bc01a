"""Groups of Telegram with topics: each topic may be a team's place, and a conversation stays in its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.telegram.app import TelegramBot
from server.model.actor import SYSTEM
from server.model.delivery import Place
from server.store.store import Store
from tests.bots.desk import BOOK, Desk
from tests.clock import FakeClock
from tests.emulators.http import eventually
from tests.emulators.telegram import TelegramEmulator, Topic


@pytest.fixture
def address() -> str:
    """Where the team's cards go."""
    return "-1001/42"


@pytest.fixture
async def desk(store: Store, clock: FakeClock, address: str) -> AsyncIterator[Desk]:
    opened = await Desk.open(store, clock, BOOK.replace('telegram "-1001"', f'telegram "{address}"'))
    yield opened
    await opened.close()


@pytest.fixture
async def topic(telegram: TelegramEmulator, telegram_bot: TelegramBot) -> Topic:
    """A topic of the group, beside another."""
    telegram.chats[-1001].add_topic(43)
    return telegram.chats[-1001].add_topic(42)


async def test_a_lead_is_shown_and_claimed_in_its_teams_topic(
    desk: Desk, telegram: TelegramEmulator, topic: Topic
) -> None:
    await desk.person("Ana", telegram=42)
    ana = telegram.user(42, language="fr")
    await desk.hot_lead()
    await desk.deliver()
    card = await topic.expect_card("Léa")
    await ana.clicks(card, "Claim")
    await ana.sees("Vous l'avez")
    await desk.deliver()
    await card.expect("claimed by Ana")
    await ana.clicks(card, "Snooze")
    await topic.expect("Jusqu'à quand")
    assert [post.topic for post in telegram.chats[-1001].posts] == [topic, topic]


async def test_a_conversation_stays_in_its_topic(desk: Desk, telegram: TelegramEmulator, topic: Topic) -> None:
    await desk.person("Mia", "marketer", telegram=43)
    mia, group = telegram.user(43), telegram.chats[-1001]
    await mia.says("/segments", topic)
    await topic.expect("french")
    await mia.says("/rules edit segment french", topic)
    asked = await topic.expect("segment french")
    await mia.answers(asked, "segment french: contact.country in ['FR', 'BE']")
    await topic.expect("Your draft has no mistakes")
    await mia.says("/rules edit", topic)
    asked = await topic.expect("list loyal_customers")
    long = BOOK + "".join(f'score page_{number}: +1 on "Page {number}"\n' for number in range(120))
    await mia.sends_file("all.rules", long.encode(), answering=asked)
    await topic.expect("+ score page_0")
    await mia.says("/rules edit", topic)
    await eventually(lambda: topic.posts[-1].file, "text that is a file")
    assert {post.topic for post in group.posts} == {topic}
    await mia.says("/segments", group)
    await eventually(lambda: group.posts[-1].topic is None, "answer in General")
    assert group.topics[43].posts == []


async def test_where_one_is_can_be_asked_for_and_goes_into_the_rulebook(
    desk: Desk, telegram: TelegramEmulator, topic: Topic
) -> None:
    await desk.person("Ana", telegram=42)
    ana, group = telegram.user(42), telegram.chats[-1001]
    await ana.says("/whoami", topic)
    await topic.expect('telegram "-1001/42"')
    await ana.says("/whoami", group)
    await group.expect('telegram "-1001"')
    await ana.says("/whoami")
    await ana.hears('telegram "42"')


async def test_a_rule_is_muted_in_the_topic_where_its_cards_are_and_nowhere_else(
    desk: Desk, telegram: TelegramEmulator, topic: Topic
) -> None:
    await desk.person("Ana", telegram=42)
    ana, group = telegram.user(42), telegram.chats[-1001]
    for elsewhere in (group, group.topics[43]):
        await ana.says("/mute hot_lead 2h", elsewhere)
        await elsewhere.expect("No team's cards come here: say it in the channel, group or topic")
    await ana.says("/mute hot_lead 2h", topic)
    muted = await topic.expect("No new cards of hot_lead here until")
    await desk.hot_lead()
    await desk.deliver()
    assert not any(post.is_card for post in group.posts)
    await ana.sends(ana.press(muted, "End it", old=True))  # Telegram no longer says in which topic that was
    await ana.sees("No team's cards come here")
    await ana.clicks(muted, "End it")
    await topic.expect("appear here again")
    await desk.hot_lead("43", "Zoé")
    await desk.deliver()
    await topic.expect_card("Zoé")


@pytest.mark.parametrize("address", ["-1001", "-1001/1"])
async def test_a_rule_is_muted_in_general_where_the_cards_of_the_group_are(
    desk: Desk, telegram: TelegramEmulator, topic: Topic
) -> None:
    await desk.person("Ana", telegram=42)
    ana, group = telegram.user(42), telegram.chats[-1001]
    await ana.says("/mute hot_lead 2h", topic)
    await topic.expect("No team's cards come here")
    await ana.says("/mute hot_lead 2h", group)
    await group.expect("No new cards of hot_lead here until")
    await desk.hot_lead()
    await desk.deliver()
    assert not any(post.is_card for post in group.posts)


async def test_a_closed_topic_is_on_record_and_the_next_change_tries_again(
    desk: Desk, telegram: TelegramEmulator, topic: Topic
) -> None:
    await desk.person("Ana", telegram=42)
    topic.closed = True
    alert = await desk.hot_lead()
    await desk.deliver()
    known = await desk.services.deliveries.of_alert(SYSTEM, alert.id)
    row = known[Place("telegram", "-1001/42")]
    assert (row.state, row.reason) == (
        "failed",
        "telegram: the topic is closed: reopen it, or let the bot manage topics",
    )
    ana = telegram.user(42)
    await ana.says("/status")
    await ana.hears("Not delivered")
    topic.closed = False
    await ana.says(f"/claim {alert.id}")
    await ana.hears("You have it")
    await desk.deliver()
    await topic.expect("claimed by Ana")
