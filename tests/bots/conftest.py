"""A sales team with its rulebook and a running engine; a Slack workspace and a Telegram that the bots talk to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import uvicorn

from bots.slack.app import SlackBot
from bots.telegram.app import TelegramBot
from server.app import create_app
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


PATIENT = 15.0  # seconds for a form: a machine that runs tests may be busy with something else


@pytest.fixture
def settings(slack: SlackEmulator, telegram: TelegramEmulator) -> Settings:
    return Settings(
        slack_bot_token=(slack_emulator.TOKEN,),
        slack_signing_secret=(slack_emulator.SIGNING_SECRET,),
        slack_api_url=slack.api_url,
        telegram_token=telegram_emulator.TOKEN,
        telegram_secret=telegram_emulator.SECRET,
        telegram_api_url=telegram.url,
    )


@pytest.fixture
async def slack_bot(desk: Desk, settings: Settings, slack: SlackEmulator, clock: FakeClock) -> AsyncIterator[SlackBot]:
    """The Slack bot, signed in, behind a real HTTP server."""
    inbox = Inbox(desk.store.redis, desk.store.seal, clock, "slack")
    bot = SlackBot(desk.services, settings, inbox=inbox, clock=clock, patience=PATIENT)
    await bot.start()
    await eventually(lambda: bot.state == "ok", "signed-in bot")
    desk.channels["slack"] = bot
    async with served(desk, bot) as slack.app_url:
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
    async with served(desk, bot) as telegram.app_url:
        yield bot
    await bot.stop()


class served:  # noqa: N801 - reads as a verb
    """The application with one bot, behind uvicorn; entered, it is the URL of the bot's route."""

    def __init__(self, desk: Desk, bot: SlackBot | TelegramBot) -> None:
        app = create_app(desk.services, bots={bot.platform: bot})
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off")
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[method-assign]
        self._path = f"/{bot.platform}"

    async def __aenter__(self) -> str:
        self._running = asyncio.create_task(self._server.serve())
        while not self._server.started:
            await asyncio.sleep(0.005)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}{self._path}"

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        await self._running
