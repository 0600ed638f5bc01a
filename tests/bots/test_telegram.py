"""The Telegram bot against a strict emulator, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from bots.telegram.app import TelegramBot
from server.settings import Settings
from server.store.inbox import Inbox
from tests.bots.conftest import served
from tests.bots.desk import Desk
from tests.emulators.http import Fault, eventually
from tests.emulators.telegram import TelegramEmulator


async def test_a_rep_claims_a_lead_on_its_card(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    await desk.person("Ana", telegram=42)
    ana, group = telegram.user(42), telegram.chats[-1001]
    await desk.hot_lead()
    await desk.deliver()
    card = await group.expect_card("Léa")
    await ana.clicks(card, "Claim")
    await ana.sees("You have it")
    await desk.deliver()
    await card.expect("claimed by Ana")
    await ana.clicks(card, "Release")
    await ana.sees("It is open again")
    await desk.deliver()
    await eventually(lambda: "Claim" in card.buttons, "Claim button")
    assert "0612345678" not in card.text
    assert len(group.posts) == 1


async def test_a_card_that_came_twice_is_right_in_both_copies_once_somebody_presses_the_first(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    await desk.person("Ana", telegram=42)
    ana, group = telegram.user(42), telegram.chats[-1001]
    telegram.fails("sendMessage", Fault("drop"))
    await desk.hot_lead()
    await desk.deliver()
    first, second = group.posts
    assert "repeated" in second.text
    await ana.clicks(first, "Claim")
    await ana.sees("You have it")
    await desk.deliver()
    await first.expect("claimed by Ana")
    await second.expect("claimed by Ana")
    await ana.says("/leads")  # a list offers to finish, and is no card
    leads = await ana.hears("Léa")
    await ana.clicks(leads, next(label for label in leads.buttons if "Finish" in label))
    await desk.deliver()
    assert "Léa" in leads.text


async def test_a_lost_claim_is_shown_over_the_chat(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    await desk.person("Ana", telegram=42)
    await desk.person("Ben", telegram=43)
    await desk.hot_lead()
    await desk.deliver()
    card = await telegram.chats[-1001].expect_card("Léa")
    await telegram.user(42).clicks(card, "Claim")
    await telegram.user(42).sees("You have it")
    await telegram.user(43, language="fr").clicks(card, "Claim")
    shown = await telegram.user(43).sees("Ana a déjà ce prospect")
    assert str(shown["show_alert"]).lower() == "true"


async def test_commands_are_answered_in_private_and_in_groups(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    await desk.person("Ana", telegram=42)
    await desk.hot_lead()
    ana, group = telegram.user(42), telegram.chats[-1001]
    await ana.says("/why 42")
    await ana.hears("Léa: 35 points")
    await ana.says("pourquoi 42")
    await ana.hears("Léa : 35 points")
    await ana.says("/segments@relance_bot", group)
    await group.expect("french")
    posts = len(group.posts)
    await ana.says("good morning everybody", group)
    await ana.says("/segments@another_bot", group)
    await ana.says("/", telegram.chats[42])
    await ana.hears("What you can do here")
    assert len(group.posts) == posts


async def test_a_page_takes_the_place_of_the_one_before(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    await desk.person("Ana", telegram=42)
    for number in range(11):
        await desk.visits(f"u{number}", "Product Added", first_name=f"Lead{number:02}")
    ana = telegram.user(42)
    await ana.says("/leads hot")
    page = await ana.hears("Lead")
    await ana.clicks(page, "Next →")
    await eventually(lambda: "← Previous" in page.buttons, "second page")
    assert len(telegram.chats[42].posts) == 1


async def test_a_person_is_answered_in_the_language_of_their_telegram(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    zoe = telegram.user(44, language="fr-CA")
    await zoe.says("/start")
    await zoe.hears("Ce que vous pouvez faire ici")
    nobody = telegram.user(45, language=None)
    await nobody.says("/start")
    await nobody.hears("What you can do here")


async def test_a_stranger_is_told_how_to_link_and_then_can(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    stranger = telegram.user(77)
    await stranger.says("/leads")
    await stranger.hears("/link CODE")
    await desk.services.people.add("Nina", "rep")
    await stranger.says(f"/link {await desk.services.people.link_code('Nina')}")
    await stranger.hears("Welcome, Nina")
    await stranger.says("/whoami")
    await stranger.hears("You are Nina")


async def test_a_repeated_update_is_worked_once(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    user = telegram.user(77)
    update = user.message("/whoami")
    assert await asyncio.gather(*(user.sends(update) for _ in range(4))) == [200] * 4
    await user.hears("I do not know you yet")
    await asyncio.sleep(0.1)
    assert len(telegram.chats[77].posts) == 1


def hostile(good: dict[str, Any]) -> dict[str, tuple[bytes, int]]:
    """Bodies with the right secret, and the right answer to each."""
    message = good["message"]

    def changed(**parts: object) -> bytes:
        return json.dumps({**good, "update_id": 990_000 + len(parts), "message": {**message, **parts}}).encode()

    return {
        "empty": (b"", 400),
        "not JSON": (b"{oops", 400),
        "not UTF-8": (b'{"update_id": 5, "x": "\xff"}', 400),
        "trailing": (b'{"update_id": 5}x', 400),
        "null": (b"null", 400),
        "array": (b"[]", 400),
        "no number": (b"{}", 400),
        "number as text": (b'{"update_id": "5"}', 400),
        "deep": (b'{"update_id": 5, "a":' + b"[" * 100_000, 400),
        "message is text": (b'{"update_id": 991001, "message": "x"}', 400),
        "message is a list": (b'{"update_id": 991002, "message": [1]}', 400),
        "message without a chat": (b'{"update_id": 991003, "message": {"message_id": 1, "date": 1}}', 400),
        "chat is a number": (changed(chat=7), 400),
        "sender is text": (changed(**{"from": "x"}), 400),
        "text is a number": (changed(text=7), 400),
        "text is a list": (changed(text=["x"]), 400),
        "date is text": (changed(date="x"), 400),
        "date beyond time": (changed(date=10**30), 400),
        "press without a person": (b'{"update_id": 991004, "callback_query": {"id": "1", "data": "help"}}', 400),
        "too large": (b'{"update_id": 5, "x": "' + b"x" * 1_000_001 + b'"}', 413),
        "nothing for us": (b'{"update_id": 991005}', 200),
        "another kind": (b'{"update_id": 991006, "poll": null}', 200),
    }


async def test_forged_and_malformed_updates_get_the_right_answer(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    user = telegram.user(77)
    for secret in ("", "wrong", telegram.secret + "x", "é"):
        assert await user.sends(user.message("/whoami"), secret) == 401
    wrong = {}
    for name, (body, status) in hostile(user.message("/whoami")).items():
        answered = await user.sends(body)
        if answered != status:
            wrong[name] = (answered, status)
    assert wrong == {}
    assert telegram.chats[77].posts == []
    await user.says("/whoami")
    await user.hears("I do not know you yet")


async def test_redis_out_of_reach_asks_telegram_to_come_back(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    nowhere = Redis.from_url("redis://127.0.0.1:1")
    telegram_bot._inbox = Inbox(nowhere, desk.store.seal, desk.clock, "telegram")
    user = telegram.user(77)
    assert await user.sends(user.message("/whoami")) == 503
    await nowhere.aclose()


async def test_telegram_out_of_reach_at_the_start_is_told_and_tried_again(
    desk: Desk, telegram: TelegramEmulator, settings: Settings
) -> None:
    telegram.token = "1:another"
    bot = bot_of(desk, settings, retry=0.05)
    await bot.start()
    await eventually(lambda: bot.state == "invalid token", "reason")
    async with served(desk, bot) as telegram.app_url:
        user = telegram.user(77)
        await user.says("/whoami")  # stored, and answered when the bot works
        telegram.token = settings.telegram_token
        await user.hears("I do not know you yet")
    assert bot.state == "ok"
    await bot.stop()


async def test_what_a_killed_process_had_acknowledged_is_answered_by_another(
    desk: Desk, telegram: TelegramEmulator, settings: Settings
) -> None:
    telegram.token = "1:another"
    bot = bot_of(desk, settings)
    await bot.start()
    async with served(desk, bot) as telegram.app_url:
        await telegram.user(77).says("/whoami")
    await bot.stop()
    telegram.token = settings.telegram_token
    desk.clock.advance(seconds=61)
    other = bot_of(desk, settings)
    await other.start()
    await telegram.user(77).hears("I do not know you yet")
    await other.stop()


@pytest.mark.parametrize("field", ["telegram_token", "telegram_secret"])
async def test_a_bot_without_a_token_is_off_and_one_without_a_secret_takes_no_request(
    desk: Desk, telegram: TelegramEmulator, settings: Settings, field: str
) -> None:
    bot = bot_of(desk, msgspec.structs.replace(settings, **{field: ""}))
    await bot.start()
    assert bot.state == ("off" if field == "telegram_token" else "starting")
    assert (await bot.dispatch({}, b"{}"))[0] == 404
    await bot.stop()


async def test_the_token_stays_out_of_the_logs(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        telegram.fails("sendMessage", Fault("broken"))
        user = telegram.user(77)
        await user.says("/whoami")
        await user.says("/help")
        await user.hears("What you can do here")
    assert telegram.token not in caplog.text


def bot_of(desk: Desk, settings: Settings, **more: float) -> TelegramBot:
    inbox = Inbox(desk.store.redis, desk.store.seal, desk.clock, "telegram")
    return TelegramBot(desk.services, settings, inbox=inbox, clock=desk.clock, **more)
