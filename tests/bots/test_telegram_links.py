"""Links that open the private chat with the bot: by which one links an account, and asks why in private."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.telegram.app import TelegramBot
from bots.telegram.links import deep_link, opened
from tests.bots.desk import Desk
from tests.emulators.telegram import TelegramEmulator
from tests.emulators.telegram_people import payload_of


async def test_why_on_the_card_of_a_group_is_answered_in_private(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    await desk.person("Ana", telegram=42)
    await desk.person("Ben", telegram=43)
    ana, ben, group = telegram.user(42), telegram.user(43, language="fr"), telegram.chats[-1001]
    alert = await desk.hot_lead()
    await desk.deliver()
    card = await group.expect_card("Léa")
    await ana.follows(card.links["Why?"])
    await ana.hears("Léa: 35 points")
    await ben.follows(card.links["Why?"])
    await ben.hears("Léa : 35 points")
    assert group.posts == [card]
    assert payload_of(card.links["Why?"]) == f"why_{alert.id}", "the link names an alert, and nobody"


async def test_a_link_lets_nobody_do_what_they_may_not_do(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    await desk.person("Vic", "viewer", telegram=44)
    vic, stranger = telegram.user(44), telegram.user(77, language="fr")
    await desk.hot_lead()
    await desk.deliver()
    link = (await telegram.chats[-1001].expect_card("Léa")).links["Why?"]
    await vic.follows(link)
    await vic.hears("This needs the role rep")
    await stranger.follows(link)
    await stranger.hears("Je ne vous connais pas encore")
    assert not any("35 points" in post.text for chat in telegram.chats.values() for post in chat.posts[1:])


async def test_an_account_is_linked_by_following_a_link_once(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    await desk.services.people.add("Nina", "rep")
    link = deep_link("relance_bot", "link", await desk.services.people.link_code("Nina"))
    nina, other = telegram.user(77, language="fr"), telegram.user(78)
    await nina.follows(link)
    await nina.hears("Bienvenue, Nina")
    await nina.says("/whoami")
    await nina.hears("Nina")
    await other.follows(link)
    await other.hears("This code is unknown, used or too old")
    await other.says("/whoami")
    await other.hears("I do not know you yet")


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        ("why_ZZZZ", "There is no such alert"),
        ("why_u1kjpwd7k8q0cxtacd", "There is no such alert"),
        ("link_ZZZZZZZZ", "This code is unknown"),
        ("link_" + "Z" * 59, "This code is unknown"),
        ("link_" + "Z" * 60, "This link leads nowhere"),
        ("why_" + "Z" * 200, "This link leads nowhere"),
        ("why_", "This link leads nowhere"),
        ("why", "This link leads nowhere"),
        ("claim_7K2Q", "This link leads nowhere"),
        ("rules", "This link leads nowhere"),
        ("why_7K2Q hot", "This link leads nowhere"),
        ("why_léa@shop.example", "This link leads nowhere"),
        ("why_a:b", "This link leads nowhere"),
        ("", "What you can do here"),
    ],
)
async def test_what_a_forged_or_broken_link_says_is_answered(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot, payload: str, answer: str
) -> None:
    await desk.person("Ana", telegram=42)
    ana = telegram.user(42)
    await ana.says(f"/start {payload}")
    await ana.hears(answer)
    await ana.says(f"/start@relance_bot {payload}", telegram.chats[-1001])
    await telegram.chats[-1001].expect(answer)


async def test_a_broken_link_is_answered_in_ones_language(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    zoe = telegram.user(45, language="fr")
    await zoe.says("/start nothing")
    await zoe.hears("Ce lien ne mène nulle part")
    await zoe.hears("/aide")


@given(st.sampled_from(["link", "why"]), st.text(max_size=80))
def test_a_link_is_one_that_telegram_takes_and_we_know_again_or_none(what: str, value: str) -> None:
    link = deep_link("relance_bot", what, value)  # type: ignore[arg-type]
    if link:
        assert opened(f"start {payload_of(link)}") in (f"link {value}", f"why alert:{value}")


@given(st.text(max_size=80).filter(lambda payload: not payload.strip().startswith(("link_", "why_"))))
def test_only_our_own_payloads_become_commands(payload: str) -> None:
    command = opened(f"start {payload}")
    if payload.strip():
        assert command is None
    else:
        assert command == f"start {payload}"
