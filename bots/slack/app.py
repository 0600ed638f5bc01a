"""The Slack bot: signed requests over HTTP in, answers and cards out.

A request is verified, stored, acknowledged, and then worked in the background: Slack waits three seconds, a store
under load may need more.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import msgspec
import structlog
from msgspec import structs
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bots.commands import Caller, Services, asks, reply_to
from bots.notices import Announcer
from bots.progress import Progress
from bots.replies import Reply
from bots.slack.cards import SlackCards
from bots.slack.client import SlackClient, quiet_logger
from bots.slack.editor import Editor
from bots.slack.forms import filled
from bots.slack.home import Home
from bots.slack.languages import Languages
from bots.slack.render import ACTION, Message, render
from bots.slack.requests import Asked, asked
from bots.slack.signature import signed
from bots.slack.socket import Socket
from bots.tasks import Tasks
from server.errors import Unavailable
from server.i18n import translator
from server.model.card import Card
from server.model.draft import Notice
from server.ports import ChannelBusy, ChannelDown, ChannelError, ChannelRefused, Clock, SystemClock
from server.store.inbox import Inbox

__all__ = ["SlackBot", "SlackSettings"]

log = structlog.get_logger(__name__)

BODY: Final = 1_000_000
AT_ONCE: Final = 1000  # requests in hand
RETRY: Final = 60.0  # seconds between attempts to start, and between looks for what a dead process left
STOP: Final = 10.0
RESPONSES: Final = 4  # a response_url takes five, and one may have said how far it is


class SlackSettings(Protocol):
    """The settings that this bot reads."""

    @property
    def slack_bot_token(self) -> str: ...
    @property
    def slack_signing_secret(self) -> str: ...
    @property
    def slack_app_token(self) -> str: ...
    @property
    def slack_api_url(self) -> str: ...
    @property
    def language(self) -> str: ...


class SlackBot:
    """Answers people in one workspace and shows cards there. `state` is "ok", "off", or why it does not work."""

    platform = "slack"

    def __init__(
        self,
        services: Services,
        settings: SlackSettings,
        *,
        inbox: Inbox,
        clock: Clock | None = None,
        retry: float = RETRY,
    ) -> None:
        self._retry = retry
        self._services = services
        self._settings = settings
        self._inbox = inbox
        self._clock = clock or SystemClock()
        self._tasks = Tasks()
        self._client = SlackClient(settings.slack_bot_token, settings.slack_api_url)
        self._cards = SlackCards(self._client, language=settings.language)
        self._languages = Languages(self._client, self._clock, settings.language)
        self._identity = AuthorizeResult(enterprise_id=None, team_id=None, bot_token=settings.slack_bot_token)
        self._editor = Editor(services, self._client, self._languages, self._clock, self._tasks, self._answer)
        self._home = Home(services, self._client, self._clock)
        self._keepers: list[asyncio.Task[None]] = []
        self._app: AsyncApp | None = None
        self.state = "starting" if settings.slack_bot_token else "off"
        if settings.slack_bot_token and not (settings.slack_signing_secret or settings.slack_app_token):
            self.state = "RELANCE_SLACK_SIGNING_SECRET is not set, nor RELANCE_SLACK_APP_TOKEN"
        self._socket: Socket | None = None
        if settings.slack_app_token:
            self._socket = Socket(SlackClient(settings.slack_app_token, settings.slack_api_url), self._receive)

    async def start(self) -> None:
        """Begin to work; a wrong token or an unreachable Slack is shown in `state` and tried again later."""
        if self.state == "starting":
            self._app = self._listening()
            announcer = Announcer(self._services, self.platform, self._tell, self._languages.of)
            works = [self._keep(), announcer.run(), *([self._socket.run()] if self._socket is not None else [])]
            self._keepers = [asyncio.create_task(work) for work in works]

    async def stop(self) -> None:
        """Finish what was acknowledged, then close."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await self._tasks.finish(STOP)
        await self._client.close()

    # --- requests ---------------------------------------------------------------------------------------------

    async def dispatch(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Answer a request of Slack: 200, 400 malformed, 401 not from Slack, 404 off, 413 too large, 503 try again."""
        if self._app is None or not self._settings.slack_signing_secret:
            return _plain(404)
        if len(body) > BODY:
            return _plain(413)
        if len(self._tasks) >= AT_ONCE:
            return _plain(503)
        lower = {name.lower(): value for name, value in headers.items()}
        if not signed(self._settings.slack_signing_secret, lower, body, self._clock.now()):
            return _plain(401)
        try:
            request = AsyncBoltRequest(body=body.decode(), headers=dict(lower))
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
            return _plain(400)  # not JSON
        return await self._take(request)

    async def _receive(self, payload: dict[str, Any]) -> tuple[int, bytes]:
        """A request that came by Socket Mode: the status that it would have over HTTP, and its answer."""
        if self._app is None or len(self._tasks) >= AT_ONCE:
            return 503, b""
        status, headers, body = await self._take(AsyncBoltRequest(mode="socket_mode", body=payload))
        return status, body if headers.get("content-type", "").startswith("application/json") else b""

    async def _take(self, request: AsyncBoltRequest) -> tuple[int, dict[str, str], bytes]:
        assert self._app is not None
        try:
            ask, form = asked(request.body, ACTION), filled(request.body)
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
            return _plain(400)  # of another shape than anything that Slack sends
        if form is not None:
            return 200, {"content-type": "application/json"}, await self._editor.take(form)
        if ask is None and request.body.get("type") != "url_verification":
            return _plain(200)  # nothing that is for us
        request.context["asked"] = ask
        response = await self._app.async_dispatch(request)
        if response.status >= 500:
            return _plain(503)
        return response.status, _headers(response), (response.body or "").encode()

    def _listening(self) -> AsyncApp:
        async def authorize() -> AuthorizeResult:  # Bolt takes no method here
            return self._identity

        app = AsyncApp(
            name="relance",
            client=_tokenless(self._client),
            authorize=authorize,
            request_verification_enabled=False,  # done in `dispatch`, before a word of the body is read
            ssl_check_enabled=False,
            logger=quiet_logger(),
        )
        app.error(self._failed)
        app.middleware(self._remember)
        app.command(re.compile(".*"))(self._hand_over)
        app.action(re.compile(f"^{ACTION}"))(self._hand_over)
        app.event("app_mention")(self._hand_over)
        app.event("app_home_opened")(self._hand_over)
        app.event("message")(self._hand_over)
        return app

    async def _remember(
        self,
        context: dict[str, Any],
        next: Callable[[], Awaitable[None]],  # noqa: A002 - Bolt gives by name
    ) -> BoltResponse | None:
        ask: Asked = context["asked"]
        if not await self._inbox.take(ask.id, msgspec.json.encode(ask)):
            return BoltResponse(status=200)  # Slack repeats what we have
        await next()
        return None

    async def _hand_over(self, ack: Callable[[], Awaitable[BoltResponse]], context: dict[str, Any]) -> None:
        self._tasks.start(self._work(context["asked"]))
        await ack()

    async def _failed(self, error: Exception) -> BoltResponse:
        if isinstance(error, Unavailable):
            return BoltResponse(status=503, headers={"Retry-After": [str(round(error.retry_after))]})
        log.error("slack request failed", error=type(error).__name__)
        return BoltResponse(status=503)

    # --- answers ----------------------------------------------------------------------------------------------

    async def _work(self, ask: Asked) -> None:
        form = await self._editor.open(ask) if ask.view or asks(ask.text) else ""
        chat = ask.chat
        if len(chat) == 1 and not chat[0].startswith("D") and (name := await self._cards.name(chat[0])):
            chat = (*chat, name)
        language, zone = await self._languages.of(ask.user), await self._languages.zone(ask.user)
        caller = Caller(platform="slack", workspace=ask.team, user=ask.user, chat=chat, timezone=zone)
        if ask.home and not ask.pressed:
            await self._home.show(caller, language)
            await self._inbox.done(ask.id)
            return

        async def show(reply: Reply) -> None:
            await self._say(ask, render(reply)[0])

        async with Progress(show, most=1) as progress:
            if ask.file is not None:
                reply = await self._editor.read(ask, ask.file, translator(language))
            else:
                reply = await reply_to(
                    self._services, caller, ask.text, language=language, clock=self._clock, working=progress
                )
        if not form or not await self._editor.show(ask, form, reply, translator(language)):
            await self._answer(ask, reply)
        if ask.home:  # what stands there has changed
            await self._home.show(caller, language)
        await self._inbox.done(ask.id)

    async def _answer(self, ask: Asked, reply: Reply) -> None:
        """Answer where something was asked; in private where that is not possible any more."""
        instead = ask.pressed and (reply.pages is not None or reply.settles)
        messages = render(reply)[:RESPONSES]
        try:
            for number, message in enumerate(messages):
                await self._say(ask, message, replace=instead and number == 0)
        except ChannelRefused as error:
            log.warning("slack answer refused", reason=error.reason)
            if ask.response_url:
                await self._answer(structs.replace(ask, response_url="", channel=ask.user, thread=""), reply)
        except ChannelError as error:
            log.warning("slack answer not delivered", reason=error.reason)

    async def _tell(self, notice: Notice, reply: Reply) -> None:
        """Write to somebody in private."""
        for message in render(reply):
            await self._client.call("chat.postMessage", channel=notice.user, **message.payload)

    async def _say(self, ask: Asked, message: Message, *, replace: bool = False) -> None:
        """Hand a message to Slack, again where it surely did not arrive. `replace`: a page takes the other's place."""
        for wait in (1.0, 5.0, 0.0):
            try:
                if ask.response_url:
                    payload = {"response_type": "ephemeral", "replace_original": replace, **message.payload}
                    await self._client.respond(ask.response_url, payload)
                else:
                    thread = {"thread_ts": ask.thread} if ask.thread else {}
                    await self._client.call("chat.postMessage", channel=ask.channel, **thread, **message.payload)
            except (ChannelBusy, ChannelDown) as error:
                if not wait:
                    raise
                await asyncio.sleep(error.retry_after if isinstance(error, ChannelBusy) else wait)
            else:
                return

    # --- cards ------------------------------------------------------------------------------------------------

    async def post(self, address: str, card: Card, *, repeated: bool = False) -> str:
        """Post a card; see `server.ports.CardChannel`."""
        self._require_token()
        return await self._cards.post(address, card, repeated=repeated)

    async def edit(self, address: str, reference: str, card: Card) -> None:
        """Bring a card up to date; see `server.ports.CardChannel`."""
        self._require_token()
        await self._cards.edit(address, reference, card)

    async def find(self, address: str, alert: str) -> str | None:
        """Look for a card; see `server.ports.CardChannel`."""
        self._require_token()
        return await self._cards.find(address, alert)

    def _require_token(self) -> None:
        if not self._settings.slack_bot_token:
            raise ChannelRefused("slack: RELANCE_SLACK_BOT_TOKEN is not set")

    # --- keeping alive ----------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Sign in, and from time to time look whether that still holds and what a dead process left undone."""
        while True:
            await self._sign_in()
            try:
                for request in await self._inbox.left(older_than=round(RETRY * 1000)):
                    self._tasks.start(self._work(msgspec.json.decode(request, type=Asked)))
            except (Unavailable, msgspec.MsgspecError) as error:
                log.warning("slack inbox not read", error=type(error).__name__)
            await asyncio.sleep(self._retry)

    async def _sign_in(self) -> None:
        try:
            who = await self._client.call("auth.test")
        except ChannelError as error:
            state = error.reason.removeprefix("slack: ")
        else:
            state = "ok" if self._socket is None else self._socket.state
            self._identity = AuthorizeResult(
                enterprise_id=None, team_id=who.get("team_id"), bot_user_id=who.get("user_id"),
                bot_id=who.get("bot_id"), bot_token=self._settings.slack_bot_token,
            )  # fmt: skip
        if state != self.state:
            log.info("slack bot", state=state)
        self.state = state


def _tokenless(client: SlackClient) -> Any:
    """Bolt's client. It holds no token, so that Bolt asks `authorize` and does not call Slack before each request."""
    return AsyncWebClient(None, base_url=client.web.base_url, logger=quiet_logger(), retry_handlers=[])


def _plain(status: int) -> tuple[int, dict[str, str], bytes]:
    headers = {"content-type": "text/plain; charset=utf-8"}
    return status, headers | ({"retry-after": "1"} if status == 503 else {}), b""


def _headers(response: BoltResponse) -> dict[str, str]:
    return {name: values[0] for name, values in response.headers.items() if values}
