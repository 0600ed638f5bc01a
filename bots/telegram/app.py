"""The Telegram bot: updates by webhook in, answers and cards out.

An update is verified, stored, acknowledged, and then worked in the background. Telegram repeats what it sees no
acknowledgement for, and the library would work a repeated update again.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec
import structlog
from telegram import Update
from telegram.error import ChatMigrated
from telegram.ext import Application, CallbackQueryHandler, ContextTypes, ExtBot, MessageHandler, filters

from bots.commands import Services
from bots.notices import Announcer
from bots.replies import Reply
from bots.tasks import Tasks
from bots.telegram.cards import TelegramCards
from bots.telegram.client import API, Request, quiet, told_apart
from bots.telegram.polling import Polling
from bots.telegram.requests import Received
from bots.telegram.talk import Talk
from server.errors import Unavailable
from server.model.card import Card
from server.model.draft import Notice
from server.ports import ChannelError, ChannelRefused, Clock, SystemClock
from server.store.inbox import Inbox

__all__ = ["TelegramBot", "TelegramSettings"]

log = structlog.get_logger(__name__)

BODY: Final = 1_000_000
AT_ONCE: Final = 1000  # updates in hand
RETRY: Final = 60.0
STOP: Final = 10.0
CONNECT, READ = 5.0, 10.0


class TelegramSettings(Protocol):
    """The settings that this bot reads."""

    @property
    def telegram_token(self) -> str: ...
    @property
    def telegram_secret(self) -> str: ...
    @property
    def telegram_api_url(self) -> str: ...
    @property
    def language(self) -> str: ...


class TelegramBot:
    """Answers people in Telegram and shows cards there. `state` is "ok", "off", or why it does not work."""

    platform = "telegram"

    def __init__(
        self,
        services: Services,
        settings: TelegramSettings,
        *,
        inbox: Inbox,
        clock: Clock | None = None,
        retry: float = RETRY,
    ) -> None:
        self._retry = retry
        quiet()
        self._services = services
        self._settings = settings
        self._inbox = inbox
        self._clock = clock or SystemClock()
        self._tasks = Tasks()
        self._ready = asyncio.Event()
        self._talk = Talk(services, language=settings.language, clock=self._clock)
        self._request = Request(connect_timeout=CONNECT, read_timeout=READ, write_timeout=READ, pool_timeout=CONNECT)
        self._keepers: list[asyncio.Task[None]] = []
        self._application: Application[Any, Any, Any, Any, Any, Any] | None = None
        self._cards: TelegramCards | None = None
        self._polling: Polling | None = None
        self.state = "starting" if settings.telegram_token else "off"
        if settings.telegram_token:
            self._application = self._listening()
            self._cards = TelegramCards(self._application.bot, language=settings.language)

    async def start(self) -> None:
        """Begin to work; a wrong token or an unreachable Telegram is shown in `state` and tried again later."""
        if self.state == "starting":
            works = [self._keep(), self._announce(), *([] if self._settings.telegram_secret else [self._poll()])]
            self._keepers = [asyncio.create_task(work) for work in works]

    async def stop(self) -> None:
        """Finish what was acknowledged, then close."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await self._tasks.finish(STOP if self._ready.is_set() else 0)
        if self._application is not None:
            await self._application.bot.shutdown()
            await self._request.shutdown()  # which the bot leaves open if it only sent cards

    # --- requests ---------------------------------------------------------------------------------------------

    async def dispatch(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Answer a request of Telegram: 200, 400 malformed, 401 not from Telegram, 404 off, 413, 503 try again."""
        if self._application is None or not self._settings.telegram_secret:
            return _answer(404)
        if len(body) > BODY:
            return _answer(413)
        if len(self._tasks) >= AT_ONCE:
            return _answer(503)
        given = {name.lower(): value for name, value in headers.items()}.get("x-telegram-bot-api-secret-token", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._settings.telegram_secret.encode()):
            return _answer(401)
        try:
            received = msgspec.json.decode(body, type=Received)
            update = self._read(body)
        except (TypeError, AttributeError, LookupError, ValueError, ArithmeticError, RecursionError, OSError):
            return _answer(400)  # not JSON, or of another shape than anything that Telegram sends
        try:
            if await self._inbox.take(str(received.update_id), body):
                self._tasks.start(self._work(received.update_id, update))
        except Unavailable:
            return _answer(503)
        return _answer(200)

    async def _poll(self) -> None:
        """Ask for updates, where no secret is set by which we could know Telegram's own requests."""
        await self._ready.wait()
        assert self._application is not None
        self._polling = Polling(self._application.bot, self._inbox, self._receive)
        await self._polling.run()

    async def _receive(self, update: Update) -> None:
        if len(self._tasks) >= AT_ONCE:
            raise Unavailable("too much is in hand", code="busy")
        if await self._inbox.take(str(update.update_id), update.to_json().encode()):
            self._tasks.start(self._work(update.update_id, update))

    def _read(self, body: bytes) -> Update:
        assert self._application is not None
        content: Any = msgspec.json.decode(body)
        return Update.de_json(content, self._application.bot)

    async def _work(self, number: int, update: Update) -> None:
        await self._ready.wait()
        assert self._application is not None
        await self._application.process_update(update)
        await self._inbox.done(str(number))

    def _listening(self) -> Application[Any, Any, Any, Any, Any, Any]:
        base = self._settings.telegram_api_url or API
        bot: ExtBot[None] = ExtBot(
            self._settings.telegram_token, base_url=f"{base}/bot", base_file_url=f"{base}/file/bot",
            request=self._request, get_updates_request=self._request,
        )  # fmt: skip
        application = Application.builder().bot(bot).updater(None).job_queue(None).build()
        application.add_handler(MessageHandler(filters.UpdateType.MESSAGE & filters.TEXT, self._talk.typed))
        application.add_handler(MessageHandler(filters.UpdateType.MESSAGE & filters.Document.ALL, self._talk.sent))
        application.add_handler(CallbackQueryHandler(self._talk.pressed))
        application.add_error_handler(_failed)
        return application

    # --- cards ------------------------------------------------------------------------------------------------

    async def post(self, address: str, card: Card, *, repeated: bool = False) -> str:
        """Post a card; see `server.ports.CardChannel`."""
        return await self._showing().post(address, card, repeated=repeated)

    async def edit(self, address: str, reference: str, card: Card) -> None:
        """Bring a card up to date; see `server.ports.CardChannel`."""
        await self._showing().edit(address, reference, card)

    async def find(self, address: str, alert: str) -> str | None:
        """Look for a card; see `server.ports.CardChannel`."""
        return await self._showing().find(address, alert)

    def _showing(self) -> TelegramCards:
        if self._cards is None:
            raise ChannelRefused("telegram: RELANCE_TELEGRAM_TOKEN is not set")
        return self._cards

    # --- keeping alive ----------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Sign in, and from time to time look whether that still holds and what a dead process left undone."""
        while True:
            await self._sign_in()
            try:
                for body in await self._inbox.left(older_than=round(RETRY * 1000)) if self._ready.is_set() else ():
                    received = msgspec.json.decode(body, type=Received)
                    self._tasks.start(self._work(received.update_id, self._read(body)))
            except (Unavailable, msgspec.MsgspecError) as error:
                log.warning("telegram inbox not read", error=type(error).__name__)
            await asyncio.sleep(self._retry)

    async def _announce(self) -> None:
        """Tell people what they are to hear, from the moment at which that is possible."""
        await self._ready.wait()
        assert self._application is not None
        bot = self._application.bot

        async def tell(notice: Notice, reply: Reply) -> None:
            await self._talk.tell(bot, int(notice.user), reply)

        async def language(_: Notice) -> str:  # Telegram tells a person's only with what they write
            return self._settings.language

        await Announcer(self._services, self.platform, tell, language).run()

    async def _sign_in(self) -> None:
        assert self._application is not None
        try:
            with told_apart():
                if self._ready.is_set():
                    await self._application.bot.get_me()
                else:
                    await self._application.initialize()
        except (ChannelError, ChatMigrated) as error:
            state = getattr(error, "reason", "").removeprefix("telegram: ")
        else:
            state = "ok" if self._polling is None or self._polling.state == "starting" else self._polling.state
            self._ready.set()
        if state != self.state:
            log.info("telegram bot", state=state)
        self.state = state


async def _failed(update: object, context: ContextTypes.DEFAULT_TYPE) -> None:
    log.error("telegram update failed", error=type(context.error).__name__)


def _answer(status: int) -> tuple[int, dict[str, str], bytes]:
    headers = {"content-type": "text/plain; charset=utf-8"}
    return status, headers | ({"retry-after": "1"} if status == 503 else {}), b""
