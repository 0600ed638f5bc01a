"""The Slack bot: signed requests over HTTP in, answers and cards out.

A request is verified, stored, acknowledged, and then worked in the background: Slack waits three seconds, a store
under load may need more.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol

import msgspec
import structlog
from msgspec import structs
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bots.commands import Services
from bots.notices import Announcer
from bots.replies import Reply
from bots.slack.client import SlackClient, quiet_logger
from bots.slack.forms import filled
from bots.slack.render import ACTION
from bots.slack.requests import SHORTCUT, Asked, asked
from bots.slack.signature import signed
from bots.slack.socket import Socket
from bots.slack.talk import Talk
from bots.slack.workspace import Workspace
from bots.slack.workspaces import App, Workspaces
from bots.tasks import Tasks
from server.errors import Unavailable
from server.model.card import Card
from server.model.draft import Notice
from server.ports import Clock, SystemClock
from server.store.inbox import Inbox

__all__ = ["SlackBot", "SlackSettings"]

log = structlog.get_logger(__name__)

BODY: Final = 1_000_000
AT_ONCE: Final = 1000  # requests in hand
RETRY: Final = 60.0  # seconds between attempts to start, and between looks for what a dead process left
STOP: Final = 10.0
PATIENCE: Final = 2.0  # of the three seconds in which Slack wants to know what becomes of a form
UNSIGNED: Final = "RELANCE_SLACK_SIGNING_SECRET is not set, nor RELANCE_SLACK_APP_TOKEN"


class SlackSettings(Protocol):
    """The settings that this bot reads."""

    @property
    def slack_bot_token(self) -> tuple[str, ...]: ...
    @property
    def slack_signing_secret(self) -> tuple[str, ...]: ...
    @property
    def slack_app_token(self) -> tuple[str, ...]: ...
    @property
    def slack_api_url(self) -> str: ...
    @property
    def language(self) -> str: ...


class SlackBot:
    """Answers people in our workspaces and shows cards there. `state` is "ok", "off", or what does not work where."""

    platform = "slack"

    def __init__(
        self,
        services: Services,
        settings: SlackSettings,
        *,
        inbox: Inbox,
        clock: Clock | None = None,
        retry: float = RETRY,
        patience: float = PATIENCE,
    ) -> None:
        self._retry = retry
        self._services = services
        self._settings = settings
        self._inbox = inbox
        self._clock = clock or SystemClock()
        self._tasks = Tasks()
        self._workspaces = Workspaces(settings.slack_bot_token, settings.slack_api_url, language=settings.language)
        self._talks = {
            one.number: Talk(services, one, self._clock, self._tasks, language=settings.language, patience=patience)
            for one in self._workspaces.all
        }
        self._secrets = self._workspaces.apps(settings.slack_signing_secret)
        self._sockets = {
            token: Socket(SlackClient(token, settings.slack_api_url), partial(self._receive, app))
            for token, app in self._workspaces.apps(settings.slack_app_token).items()
        }
        self._keepers: list[asyncio.Task[None]] = []
        self._app: AsyncApp | None = None

    @property
    def state(self) -> str:
        """What does not work, of several workspaces in which; else "off", "starting" or "ok"."""
        if not self._settings.slack_bot_token:
            return "off"
        if not (self._secrets or self._sockets):
            return UNSIGNED
        return self._workspaces.trouble(self._state_of)

    def _state_of(self, workspace: Workspace) -> str:
        apps = self._workspaces.apps(self._settings.slack_app_token)
        sockets = [self._sockets[token].state for token, app in apps.items() if workspace in app]
        return next((state for state in (self._workspaces.state(workspace), *sockets) if state != "ok"), "ok")

    async def start(self) -> None:
        """Begin to work; a wrong token or an unreachable Slack is shown in `state` and tried again later."""
        if self._settings.slack_bot_token and (self._secrets or self._sockets):
            self._app = self._listening()
            announcer = Announcer(self._services, self.platform, self._tell, self._language)
            works = [self._keep(), announcer.run(), *(socket.run() for socket in self._sockets.values())]
            self._keepers = [asyncio.create_task(work) for work in works]

    async def stop(self) -> None:
        """Finish what was acknowledged, then close."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await self._tasks.finish(STOP)
        await self._workspaces.close()

    # --- requests ---------------------------------------------------------------------------------------------

    async def dispatch(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Answer a request of Slack: 200, 400 malformed, 401 not from Slack, 404 off, or of a workspace that is none
        of ours, 413 too large, 503 try again."""
        if self._app is None or not self._secrets:
            return _plain(404)
        if len(body) > BODY:
            return _plain(413)
        if len(self._tasks) >= AT_ONCE:
            return _plain(503)
        lower = {name.lower(): value for name, value in headers.items()}
        now = self._clock.now()
        app = next((app for secret, app in self._secrets.items() if signed(secret, lower, body, now)), None)
        if app is None:
            return _plain(401)
        try:
            request = AsyncBoltRequest(body=body.decode(), headers=dict(lower))
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
            return _plain(400)  # not JSON
        return await self._take(app, request)

    async def _receive(self, app: App, payload: dict[str, Any]) -> tuple[int, bytes]:
        """A request that came by Socket Mode: the status that it would have over HTTP, and its answer."""
        if self._app is None or len(self._tasks) >= AT_ONCE:
            return 503, b""
        status, headers, body = await self._take(app, AsyncBoltRequest(mode="socket_mode", body=payload))
        return status, body if headers.get("content-type", "").startswith("application/json") else b""

    async def _take(self, app: App, request: AsyncBoltRequest) -> tuple[int, dict[str, str], bytes]:
        """Take a request of an app, which may speak for its own workspaces."""
        assert self._app is not None
        try:
            ask, form = asked(request.body, ACTION), filled(request.body)
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
            return _plain(400)  # of another shape than anything that Slack sends
        if request.body.get("type") == "url_verification":
            return await self._handled(request)
        about = form or ask
        if about is None:
            return _plain(200)  # nothing that is for us
        team = request.context.team_id if isinstance(request.context.team_id, str) else ""
        workspace = self._workspaces.meant(app, team)
        if workspace is None:
            if any(one.pending for one in app):
                return _plain(503)
            log.warning("slack request of a workspace that no token is of", workspace=team)
            return _plain(404)
        if not self._workspaces.believed(app, about.team):
            log.warning("slack request for somebody of another app's workspace", workspace=about.team)
            return _plain(401)
        request.context["workspace"] = workspace
        if form is not None:
            return 200, {"content-type": "application/json"}, await self._talks[workspace.number].take(form)
        if ask is not None:
            request.context["asked"] = structs.replace(ask, workspace=team)
        return await self._handled(request)

    async def _handled(self, request: AsyncBoltRequest) -> tuple[int, dict[str, str], bytes]:
        assert self._app is not None
        response = await self._app.async_dispatch(request)
        if response.status >= 500:
            return _plain(503)
        return response.status, _headers(response), (response.body or "").encode()

    def _listening(self) -> AsyncApp:
        async def authorize(context: dict[str, Any]) -> AuthorizeResult:  # Bolt takes no method here
            workspace: Workspace = context["workspace"]
            return workspace.identity

        app = AsyncApp(
            name="relance",
            client=_tokenless(self._workspaces.all[0].client),
            authorize=authorize,
            request_verification_enabled=False,  # done in `dispatch`, before a word of the body is read
            ssl_check_enabled=False,
            logger=quiet_logger(),
        )
        app.error(self._failed)
        app.middleware(self._remember)
        app.command(re.compile(".*"))(self._hand_over)
        app.action(re.compile(f"^{ACTION}"))(self._hand_over)
        app.message_shortcut(SHORTCUT)(self._hand_over)
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
        self._tasks.start(self._work(context["asked"], context["workspace"]))
        await ack()

    async def _failed(self, error: Exception) -> BoltResponse:
        if isinstance(error, Unavailable):
            return BoltResponse(status=503, headers={"Retry-After": [str(round(error.retry_after))]})
        log.error("slack request failed", error=type(error).__name__)
        return BoltResponse(status=503)

    # --- people -----------------------------------------------------------------------------------------------

    async def _work(self, ask: Asked, workspace: Workspace) -> None:
        await self._talks[workspace.number].work(ask)
        await self._inbox.done(ask.id)

    async def _tell(self, notice: Notice, reply: Reply) -> None:
        """Write to somebody in private, in their workspace."""
        workspace = self._workspaces.reach(notice.workspace)
        await self._talks[workspace.number].tell(notice.user, reply)

    async def _language(self, notice: Notice) -> str:
        workspace = self._workspaces.of(notice.workspace)
        return await self._talks[workspace.number].language(notice.user) if workspace else self._settings.language

    # --- cards ------------------------------------------------------------------------------------------------

    async def post(self, address: str, card: Card, *, repeated: bool = False) -> str:
        """Post a card; see `server.ports.CardChannel`."""
        return await self._workspaces.post(address, card, repeated=repeated)

    async def edit(self, address: str, reference: str, card: Card) -> None:
        """Bring a card up to date; see `server.ports.CardChannel`."""
        await self._workspaces.edit(address, reference, card)

    async def find(self, address: str, alert: str) -> str | None:
        """Look for a card; see `server.ports.CardChannel`."""
        return await self._workspaces.find(address, alert)

    # --- keeping alive ----------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Sign in, and from time to time look whether that still holds and what a dead process left undone."""
        while True:
            before = self.state
            await self._workspaces.sign_in()
            if self.state != before:
                log.info("slack bot", state=self.state)
            try:
                await self._take_up()
            except (Unavailable, msgspec.MsgspecError) as error:
                log.warning("slack inbox not read", error=type(error).__name__)
            await asyncio.sleep(self._retry)

    async def _take_up(self) -> None:
        """Do what a dead process left, as soon as it is known whose each token is. Raises `Unavailable`."""
        if self._workspaces.pending and len(self._workspaces.all) > 1:
            return
        for request in await self._inbox.left(older_than=round(RETRY * 1000)):
            ask = msgspec.json.decode(request, type=Asked)
            workspace = self._workspaces.of(ask.workspace or ask.team)
            if workspace is None:
                log.warning("slack request left undone: no token is of its workspace", workspace=ask.workspace)
            else:
                self._tasks.start(self._work(ask, workspace))


def _tokenless(client: SlackClient) -> Any:
    """Bolt's client. It holds no token, so that Bolt asks `authorize` and does not call Slack before each request."""
    return AsyncWebClient(None, base_url=client.web.base_url, logger=quiet_logger(), retry_handlers=[])


def _plain(status: int) -> tuple[int, dict[str, str], bytes]:
    headers = {"content-type": "text/plain; charset=utf-8"}
    return status, headers | ({"retry-after": "1"} if status == 503 else {}), b""


def _headers(response: BoltResponse) -> dict[str, str]:
    return {name: values[0] for name, values in response.headers.items() if values}
