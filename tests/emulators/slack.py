"""Slack: its Web API as far as the bot uses it, strict about limits, and people who talk to the bot in a workspace.

with SlackEmulator() as slack:
    slack.add_channel("#hot-leads")
    slack.app_url = "http://127.0.0.1:8080/slack"
    ana = slack.user("U0ANA")
    await ana.says("/relance leads")
    await ana.hears("Léa")
    card = await slack.channel("#hot-leads").expect_card("Léa")
    await ana.clicks(card, "Claim")
    await card.expect("claimed by Ana")

The emulator is the first workspace; `slack.another("T0SHOP", "shop")` is one more. What one token may see and do ends
at its workspace, and ids of channels, people and views are alike in all of them.
"""

from __future__ import annotations

from aiohttp import web

from tests.emulators.http import Emulator
from tests.emulators.slack_people import Channel, Message, User
from tests.emulators.slack_views import Form
from tests.emulators.slack_workspace import APP_TOKEN, SIGNING_SECRET, TEAM, TOKEN, SlackApp, Workspace, refused

__all__ = ["APP_TOKEN", "SIGNING_SECRET", "TEAM", "TOKEN", "Channel", "Form", "Message", "SlackApp", "SlackEmulator"]
__all__ += ["User", "Workspace"]


class SlackEmulator(Emulator, Workspace):
    """Slack, and its first workspace. `per_second` limits messages a second and channel, as Slack does; None: it does
    not."""

    def __init__(self, *, per_second: float | None = None) -> None:
        Emulator.__init__(self)
        Workspace.__init__(self, self, TEAM, "relance", TOKEN, SlackApp(SIGNING_SECRET, APP_TOKEN))
        self.per_second = per_second
        self.workspaces: list[Workspace] = [self]

    @property
    def api_url(self) -> str:
        return f"{self.url}/api"

    def another(self, team: str, domain: str, *, app: SlackApp | None = None) -> Workspace:
        """Another workspace, in which the bot is installed: as the same app, or as another."""
        with self.lock:
            added = Workspace(self, team, domain, f"xoxb-{domain}", app or self.app)
            added.time = self.time
            self.workspaces.append(added)
            return added

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/{method}", self._call),
            web.get("/api/{method}", self._call),
            web.post("/response/{key}", self._respond),
            web.get("/link", self._connect),
            web.get("/files-pri/{key}/{name}", self._download),
        ]

    def busy(self, seconds: float) -> web.Response:
        headers = {"Retry-After": str(seconds)}
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        if request.content_type == "application/json":
            arguments = await request.json()
        else:
            arguments = {**request.query, **(await request.post())}
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")

        def work() -> web.Response:
            if not given:
                return refused("not_authed")
            if method == "apps.connections.open":
                app = next((one.app for one in self.workspaces if one.app.token == given), None)
                return refused("invalid_auth") if app is None else app.opened(self.url)
            workspace = next((one for one in self.workspaces if one.token == given), None)
            if workspace is None:
                return refused("invalid_auth")
            with self.lock:
                return workspace.called_for(method, arguments)

        return await self.serve(request, method, arguments, work)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        app = next((one.app for one in self.workspaces if ticket in one.app.sockets.tickets), self.app)
        return await app.sockets.connect(request)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        def work() -> web.Response:
            given = request.headers.get("Authorization")
            workspace = next((one for one in self.workspaces if given == f"Bearer {one.token}"), None)
            content = None if workspace is None else workspace.files.get(request.match_info["key"])
            if content is None:
                return web.Response(status=302, headers={"Location": "https://slack.com/"})
            return web.Response(body=content)

        return await self.serve(request, "download", {}, work)

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        key, payload = request.match_info["key"], await request.json()
        workspace = next((one for one in self.workspaces if key in one.responses), None)

        def work() -> web.Response:
            if workspace is None:
                return web.Response(status=404, text="expired_url")
            with self.lock:
                return workspace.responded(key, payload)

        return await self.serve(request, "response_url", payload, work)
