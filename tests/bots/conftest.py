"""A sales team with its rulebook and a running engine; a Slack workspace and a Telegram that the bots talk to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web

from bots.slack.app import SlackBot
from bots.telegram.app import TelegramBot
from server.settings import Settings
from server.store.inbox import Inbox
from server.store.store import Store
from tests.bots.desk import Desk
from tests.clock import FakeClock
from tests.emulators import slack as slack_emulator
from tests.emulators import telegram as telegram_emulator
from tests.emulators.http import eventually
from tests.emulators.slack import SlackEmulator
from tests.emulators.telegram import TelegramEmulator


@pytest.fixture
async def desk(store: Store, clock: FakeClock) -> AsyncIterator[Desk]:
    """The services over a real Redis, a published rulebook and an engine that runs."""
    opened = await Desk.open(store, clock)
    yield opened
    await opened.close()


@pytest.fixture
def slack(clock: FakeClock) -> Iterator[SlackEmulator]:
    with SlackEmulator() as emulator:
        emulator.time = lambda: clock.now() / 1000
        emulator.add_channel("#hot-leads")
        yield emulator


@pytest.fixture
def telegram() -> Iterator[TelegramEmulator]:
    with TelegramEmulator() as emulator:
        emulator.add_chat(-1001)
        yield emulator


@pytest.fixture
def settings(slack: SlackEmulator, telegram: TelegramEmulator) -> Settings:
    return Settings(
        slack_bot_token=slack_emulator.TOKEN,
        slack_signing_secret=slack_emulator.SIGNING_SECRET,
        slack_api_url=slack.api_url,
        telegram_token=telegram_emulator.TOKEN,
        telegram_secret=telegram_emulator.SECRET,
        telegram_api_url=telegram.url,
    )


@pytest.fixture
async def slack_bot(
    desk: Desk, settings: Settings, slack: SlackEmulator, clock: FakeClock
) -> AsyncIterator[SlackBot]:
    """The Slack bot, signed in, behind a real HTTP server."""
    inbox = Inbox(desk.store.redis, desk.store.seal, clock, "slack")
    bot = SlackBot(desk.services, settings, inbox=inbox, clock=clock)
    await bot.start()
    await eventually(lambda: bot.state == "ok", "signed-in bot")
    desk.channels["slack"] = bot
    async with served(bot, "/slack") as slack.app_url:
        yield bot
    await bot.stop()


@pytest.fixture
async def telegram_bot(
    desk: Desk, settings: Settings, telegram: TelegramEmulator, clock: FakeClock
) -> AsyncIterator[TelegramBot]:
    """The Telegram bot, signed in, behind a real HTTP server."""
    inbox = Inbox(desk.store.redis, desk.store.seal, clock, "telegram")
    bot = TelegramBot(desk.services, settings, inbox=inbox, clock=clock)
    await bot.start()
    await eventually(lambda: bot.state == "ok", "signed-in bot")
    desk.channels["telegram"] = bot
    async with served(bot, "/telegram") as telegram.app_url:
        yield bot
    await bot.stop()


class served:  # noqa: N801 - reads as a verb
    """A bot's `dispatch` behind HTTP; entered, it is the URL."""

    def __init__(self, bot: SlackBot | TelegramBot, path: str) -> None:
        self._bot = bot
        self._path = path

    async def __aenter__(self) -> str:
        app = web.Application(client_max_size=4_000_000)
        app.router.add_post(self._path, self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}{self._path}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await asyncio.sleep(0)

    async def _handle(self, request: web.Request) -> web.Response:
        status, headers, body = await self._bot.dispatch(dict(request.headers), await request.read())
        return web.Response(status=status, headers=headers, body=body)
