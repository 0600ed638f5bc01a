"""The message shortcut "Why?": a lead's score line by line, asked at its card, told in private."""

from __future__ import annotations

import asyncio

import pytest

from bots.slack.app import SlackBot
from server.model.actor import Role
from tests.bots.desk import Desk
from tests.emulators.http import Fault, eventually
from tests.emulators.slack import SlackEmulator
from tests.emulators.slack_people import Message, User


async def card_of_lea(desk: Desk, slack: SlackEmulator) -> Message:
    await desk.hot_lead()
    await desk.deliver()
    return await slack.channel("#hot-leads").expect_card("Léa")


async def ana(desk: Desk, slack: SlackEmulator, role: Role = "rep", locale: str = "en-US") -> User:
    await desk.person("Ana", role, slack="U0ANA")
    return slack.user("U0ANA", locale=locale)


async def test_a_rep_asks_a_card_why_and_is_told_in_private(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    card, her = await card_of_lea(desk, slack), await ana(desk, slack)
    await her.asks_why(card)
    why = await her.hears("Léa: 35 points")
    assert "cart +30 (once)" in why.text
    assert "core_market +5" in why.text
    assert len(slack.channel("#hot-leads").messages) == 1
    assert not slack.called("conversations.history"), "the request says which alert it is"


async def test_a_card_is_looked_at_where_the_request_does_not_say_whose_it_is(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    card, her = await card_of_lea(desk, slack), await ana(desk, slack)
    her.posts("nice one", slack.channel("#hot-leads"))
    assert (await her.sends(her.shortcut(card, metadata=False))).status == 200
    await her.hears("Léa: 35 points")


@pytest.mark.parametrize(
    ("locale", "said"), [("en-US", "This message is no card of a lead"), ("fr-FR", "Ce message n'est la carte d'aucun")]
)
async def test_at_a_message_without_a_card_it_says_so(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot, locale: str, said: str
) -> None:
    her = await ana(desk, slack, locale=locale)
    await her.asks_why(her.posts("who takes this one?", slack.channel("#hot-leads")))
    await her.hears(said)
    elsewhere = slack.add_channel("#random", member=False)
    await her.asks_why(her.posts("lunch?", elsewhere))
    await eventually(lambda: len(slack.heard["U0ANA"]) == 2, "an answer where the bot may not look")
    assert said in slack.heard["U0ANA"][-1].text


async def test_the_card_of_a_digest_is_about_many_and_has_no_why(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    her, channel = await ana(desk, slack), slack.channel("#hot-leads")
    ranking = her.posts("The hottest of the week", channel)
    metadata = {"event_type": "relance_alert", "event_payload": {"alert": "~0123456789abcdef"}}
    ranking.revisions.append(ranking.content | {"metadata": metadata})
    await her.asks_why(ranking)
    await her.hears("This message is no card of a lead")


async def test_an_alert_that_is_no_more_is_said(desk: Desk, slack: SlackEmulator, slack_bot: SlackBot) -> None:
    card, her = await card_of_lea(desk, slack), await ana(desk, slack)
    card.content["metadata"]["event_payload"]["alert"] = "gone"
    await her.asks_why(card)
    await her.hears("There is no such alert")


async def test_who_may_not_see_leads_is_not_told_why(desk: Desk, slack: SlackEmulator, slack_bot: SlackBot) -> None:
    card = await card_of_lea(desk, slack)
    eve = slack.user("U0EVE")
    await eve.asks_why(card)
    stranger = await eve.hears("I do not know you yet")
    await desk.person("Val", "viewer", slack="U0VAL")
    val = slack.user("U0VAL")
    await val.asks_why(card)
    viewer = await val.hears("This needs the role rep")
    assert not any("Léa" in message.text or "cart" in message.text for message in (stranger, viewer))


async def test_a_repeated_shortcut_is_answered_once(desk: Desk, slack: SlackEmulator, slack_bot: SlackBot) -> None:
    card, her = await card_of_lea(desk, slack), await ana(desk, slack)
    request = her.shortcut(card)
    answers = await asyncio.gather(*(her.sends(request) for _ in range(4)))
    assert [answer.status for answer in answers] == [200] * 4
    await her.hears("Léa: 35 points")
    await asyncio.sleep(0.1)
    assert len(slack.heard["U0ANA"]) == 1


async def test_an_answer_that_its_url_refuses_comes_in_private_and_not_in_the_channel(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    card, her = await card_of_lea(desk, slack), await ana(desk, slack)
    assert (await her.sends(her.shortcut(card, response_url=f"{slack.url}/response/expired"))).status == 200
    await her.hears("Léa: 35 points")
    assert (await her.sends(her.shortcut(card, response_url=""))).status == 200
    await eventually(lambda: len(slack.heard["U0ANA"]) == 2, "second answer")
    assert len(slack.channel("#hot-leads").messages) == 1


async def test_slack_that_does_not_show_the_message_is_told_apart_from_no_card(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    card, her = await card_of_lea(desk, slack), await ana(desk, slack)
    slack.fails("conversations.history", Fault("broken"))
    assert (await her.sends(her.shortcut(card, metadata=False))).status == 200
    await her.hears("Slack does not show me this message now")


async def test_shortcuts_that_are_malformed_or_anothers_get_the_right_answer(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    card, her = await card_of_lea(desk, slack), await ana(desk, slack)
    odd = {"metadata": {"event_type": "relance_alert", "event_payload": {"alert": 5}}, "ts": card.ts}
    requests = {
        "another app's": (her.shortcut(card, "other"), 200),
        "no message": (her.shortcut(card, message=None), 400),
        "a message of text": (her.shortcut(card, message="x"), 400),
        "no channel": (her.shortcut(card, channel=None), 400),
        "nobody": (her.shortcut(card, user=None), 400),
        "an alert that is a number": (her.shortcut(card, message=odd), 200),
    }
    answers = {name: (await her.sends(request)).status for name, (request, _) in requests.items()}
    assert answers == {name: status for name, (_, status) in requests.items()}
    forged = her.shortcut(card)
    forged.headers["X-Slack-Signature"] = "v0=0"
    assert (await her.sends(forged)).status == 401
    await her.hears("Léa: 35 points")  # the number is none, so the message itself was looked at
    assert len(slack.heard["U0ANA"]) == 1
