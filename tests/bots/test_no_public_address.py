"""Slack by Socket Mode and Telegram by long polling: the same conversations, without a public address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from bots.slack.app import SlackBot
from bots.telegram.app import TelegramBot
from server.settings import Settings
from server.store.inbox import Inbox
from tests.bots.desk import Desk
from tests.clock import FakeClock
from tests.emulators.http import eventually
from tests.emulators.slack import APP_TOKEN, SlackEmulator
from tests.emulators.telegram import TelegramEmulator


def slack_over_a_socket(desk: Desk, settings: Settings) -> SlackBot:
    ours = replace(settings, slack_app_token=(APP_TOKEN,), slack_signing_secret=())
    inbox = Inbox(desk.store.redis, desk.store.seal, desk.clock, "slack")
    return SlackBot(desk.services, ours, inbox=inbox, clock=desk.clock, patience=15)


def polling_telegram(desk: Desk, settings: Settings) -> TelegramBot:
    inbox = Inbox(desk.store.redis, desk.store.seal, desk.clock, "telegram")
    return TelegramBot(desk.services, replace(settings, telegram_secret=""), inbox=inbox, clock=desk.clock)


@pytest.fixture
async def socket_bot(desk: Desk, settings: Settings, slack: SlackEmulator) -> AsyncIterator[SlackBot]:
    bot = slack_over_a_socket(desk, settings)
    await bot.start()
    await eventually(lambda: bool(slack.sockets), "connection", 20)
    desk.channels["slack"] = bot
    yield bot
    await bot.stop()


@pytest.fixture
async def polling_bot(desk: Desk, settings: Settings, telegram: TelegramEmulator) -> AsyncIterator[TelegramBot]:
    telegram.polled = True
    bot = polling_telegram(desk, settings)
    await bot.start()
    await eventually(lambda: bot.state == "ok", "signed-in bot", 20)
    desk.channels["telegram"] = bot
    yield bot
    await bot.stop()


async def test_a_lead_is_claimed_over_a_socket(desk: Desk, slack: SlackEmulator, socket_bot: SlackBot) -> None:
    await desk.person("Ana", slack="U0ANA")
    ana = slack.user("U0ANA")
    await ana.says("/relance segments")
    await ana.hears("french")
    await desk.hot_lead()
    await desk.deliver()
    card = await slack.channel("#hot-leads").expect_card("Léa")
    await ana.clicks(card, "Claim")
    await ana.hears("You have it")
    await desk.deliver()
    await card.expect("claimed by Ana")
    assert await socket_bot.dispatch({}, b"{}") == (404, {"content-type": "text/plain; charset=utf-8"}, b"")


async def test_slack_may_end_a_connection_and_nothing_is_lost(
    desk: Desk, slack: SlackEmulator, socket_bot: SlackBot
) -> None:
    await desk.person("Ana", slack="U0ANA")
    ana = slack.user("U0ANA")
    for reason in ("refresh_requested", "link_disabled"):
        await slack.sockets.ends(reason)
        await ana.says("/relance whoami")
    await eventually(lambda: len(slack.heard.get("U0ANA", [])) == 2, "both answers", 20)


async def test_a_request_that_slack_sends_twice_to_two_processes_is_answered_once(
    desk: Desk, settings: Settings, slack: SlackEmulator, socket_bot: SlackBot
) -> None:
    await desk.person("Ana", slack="U0ANA")
    other = slack_over_a_socket(desk, settings)
    await other.start()
    await eventually(lambda: len(slack.sockets) == 2, "second connection", 20)
    request = slack.user("U0ANA").event("message", "whoami", "DU0ANA", channel_type="im")
    for _ in range(4):
        assert (await slack.user("U0ANA").sends(request)).status == 200
    await slack.user("U0ANA").hears("Ana", within=20)
    await other.stop()
    assert len(slack.heard["U0ANA"]) == 1


async def test_a_form_is_answered_over_a_socket(desk: Desk, slack: SlackEmulator, socket_bot: SlackBot) -> None:
    await desk.person("Mia", role="marketer", slack="U0MIA")
    mia = slack.user("U0MIA")
    await mia.says("/relance rules edit segment french")
    form = await mia.sees_form("segment french", within=20)
    assert await mia.fills(form, "segment french: contact.contry == 'FR'") == "errors"
    assert await mia.fills(form, "segment french: contact.country == 'FR'") == "clear"


async def test_a_lead_is_claimed_by_polling(desk: Desk, telegram: TelegramEmulator, polling_bot: TelegramBot) -> None:
    await desk.person("Ana", telegram=42)
    ana, group = telegram.user(42), telegram.chats[-1001]
    await desk.hot_lead()
    await desk.deliver()
    card = await group.expect_card("Léa")
    await ana.clicks(card, "Claim")
    await ana.sees("You have it", within=20)
    await desk.deliver()
    await card.expect("claimed by Ana")


async def test_topics_and_links_are_the_same_by_polling(
    desk: Desk, telegram: TelegramEmulator, polling_bot: TelegramBot
) -> None:
    await desk.person("Ana", telegram=42)
    ana, topic = telegram.user(42), telegram.chats[-1001].add_topic(7)
    await ana.says("/segments", topic)
    await topic.expect("french")
    await desk.hot_lead()
    await desk.deliver()
    card = await telegram.chats[-1001].expect_card("Léa")
    await ana.follows(card.links["Why?"])
    await ana.hears("Léa: 35 points")


async def test_what_came_while_nobody_asked_is_answered_once_after_a_restart(
    desk: Desk, settings: Settings, telegram: TelegramEmulator, clock: FakeClock
) -> None:
    await desk.person("Ana", telegram=42)
    telegram.polled = True
    ana = telegram.user(42)
    await ana.says("/whoami")
    for _ in range(2):  # the second one is given again what the first has had, should it not have said so
        bot = polling_telegram(desk, settings)
        await bot.start()
        await ana.hears("Ana", within=20)
        await bot.stop()
    assert len(telegram.chats[42].posts) == 1


async def test_two_processes_take_turns_and_answer_once(
    desk: Desk, settings: Settings, telegram: TelegramEmulator, polling_bot: TelegramBot
) -> None:
    await desk.person("Ana", telegram=42)
    other = polling_telegram(desk, settings)
    await other.start()
    await eventually(lambda: other.state == "ok", "second bot", 20)
    await telegram.user(42).says("/whoami")
    await telegram.user(42).hears("Ana", within=20)
    await polling_bot.stop()
    await telegram.user(42).says("/segments")
    await telegram.user(42).hears("french", within=20)
    await asyncio.sleep(0.1)
    await other.stop()
    assert len(telegram.chats[42].posts) == 2


async def test_a_webhook_that_is_set_is_told_and_not_taken_away(
    desk: Desk, settings: Settings, telegram: TelegramEmulator
) -> None:
    telegram.webhook = "https://other.example/telegram"
    bot = TelegramBot(
        desk.services, replace(settings, telegram_secret=""), retry=0.1,
        inbox=Inbox(desk.store.redis, desk.store.seal, desk.clock, "telegram"), clock=desk.clock,
    )  # fmt: skip
    await bot.start()
    await eventually(lambda: "relance telegram setup --polling" in bot.state, "reason", 20)
    await bot.stop()
    assert telegram.webhook
