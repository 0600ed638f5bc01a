"""A Slack workspace: its Web API as far as the bot uses it, strict about limits, and people who talk to the bot.

with SlackEmulator() as slack:
    slack.add_channel("#hot-leads")
    slack.app_url = "http://127.0.0.1:8080/slack"
    ana = slack.user("U0ANA")
    await ana.says("/relance leads")
    await ana.hears("Léa")
    card = await slack.channel("#hot-leads").expect_card("Léa")
    await ana.clicks(card, "Claim")
    await card.expect("claimed by Ana")
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.emulators.block_kit import BadBlocks, characters, check_blocks
from tests.emulators.http import Emulator
from tests.emulators.slack_people import Channel, Message, Signed, User, sign
from tests.emulators.slack_sockets import APP_TOKEN, Sockets
from tests.emulators.slack_views import Form, Views

__all__ = ["APP_TOKEN", "SIGNING_SECRET", "TEAM", "TOKEN", "Channel", "Form", "Message", "SlackEmulator", "User"]

TEAM = "T0RELANCE"
TOKEN = "xoxb-emulated"
SIGNING_SECRET = "emulated-signing-secret"
BOT = "U0BOT"


class SlackEmulator(Emulator):
    """The workspace. `per_second` limits messages a second and channel, as Slack does; None: it does not."""

    def __init__(self, *, per_second: float | None = None) -> None:
        super().__init__()
        self.token = TOKEN
        self.signing_secret = SIGNING_SECRET
        self.team = TEAM
        self.app_url = ""
        self.per_second = per_second
        self.time: Callable[[], float] = time.time  # of the signatures, in seconds
        self.channels: dict[str, Channel] = {}
        self.locales: dict[str, str] = {}
        self.zones: dict[str, str] = {}
        self.heard: dict[str, list[Message]] = {}  # user → what was shown to them alone
        self.numbers = itertools.count(1)
        self.views = Views()
        self.sockets = Sockets()
        self.files: dict[str, bytes] = {}
        self._responses: dict[str, tuple[str, int, Message | None]] = {}  # key → user, uses, what was pressed
        self._posted: dict[str, float] = {}

    @property
    def api_url(self) -> str:
        return f"{self.url}/api"

    def add_channel(self, name: str, *, member: bool = True) -> Channel:
        """A channel, of which the bot is a member or not."""
        with self.lock:
            channel = Channel(self, f"C{len(self.channels):08d}", name, member)
            self.channels[channel.id] = channel
            return channel

    def channel(self, name: str) -> Channel:
        """A channel by its name or id."""
        return next(channel for channel in self.channels.values() if name in (channel.name, channel.id))

    def user(self, user_id: str, *, locale: str = "en-US", zone: str = "") -> User:
        """Somebody of the workspace."""
        self.locales.setdefault(user_id, locale)
        self.zones.setdefault(user_id, zone)
        return User(self, user_id)

    def trigger(self, user: str) -> str:
        """A new trigger by which the bot may open a modal for somebody: once, within three seconds."""
        with self.lock:
            return self.views.trigger(user, f"trigger.{next(self.numbers)}")

    def response_url(self, user: str, message: Message | None = None) -> str:
        """A new URL by which the bot may answer somebody, or replace what they pressed a button of: five times."""
        key = f"r{next(self.numbers)}"
        with self.lock:
            self._responses[key] = (user, 0, message)
        return f"{self.url}/response/{key}"

    def timestamp(self) -> str:
        return f"{int(self.time())}.{next(self.numbers):06d}"

    def signed(self, body: bytes, content_type: str = "application/json", timestamp: str | None = None) -> Signed:
        """A request that bears the workspace's signature."""
        return sign(self.signing_secret, body, content_type, timestamp or str(int(self.time())))

    def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """A file as events have it; its content can be fetched by those who have the token."""
        key = f"F{next(self.numbers)}"
        with self.lock:
            self.files[key] = content
        url = f"{self.url}/files-pri/{key}/{name}"
        return {"id": key, "name": name, "size": len(content), "url_private": url, "url_private_download": url}

    # --- the Web API --------------------------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/{method}", self._call),
            web.get("/api/{method}", self._call),
            web.post("/response/{key}", self._respond),
            web.get("/link", self.sockets.connect),
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
        token = APP_TOKEN if method == "apps.connections.open" else self.token
        authorized = request.headers.get("Authorization") == f"Bearer {token}"

        def work() -> web.Response:
            handler = getattr(self, "_" + method.replace(".", "_"), None)
            if not authorized:
                return _refused("invalid_auth" if request.headers.get("Authorization") else "not_authed")
            with self.lock:
                return handler(arguments) if handler else _refused("unknown_method")

        return await self.serve(request, method, arguments, work)

    def _auth_test(self, _: dict[str, Any]) -> web.Response:
        return _ok(url="https://relance.example/", team="Relance", user="relance", team_id=self.team, user_id=BOT,
                   bot_id="B0BOT")  # fmt: skip

    def _apps_connections_open(self, _: dict[str, Any]) -> web.Response:
        return _ok(url=self.url.replace("http", "ws", 1) + f"/link?ticket={self.sockets.ticket()}")

    def _users_info(self, arguments: dict[str, Any]) -> web.Response:
        user = arguments.get("user", "")
        if user not in self.locales:
            return _refused("user_not_found")
        return _ok(user={"id": user, "locale": self.locales[user], "tz": self.zones.get(user, "")})

    def _views_open(self, arguments: dict[str, Any]) -> web.Response:
        return web.json_response(self.views.open(arguments))

    def _views_publish(self, arguments: dict[str, Any]) -> web.Response:
        return web.json_response(self.views.publish(arguments))

    def _views_update(self, arguments: dict[str, Any]) -> web.Response:
        return web.json_response(self.views.update(arguments))

    def _conversations_list(self, arguments: dict[str, Any]) -> web.Response:
        limit, start = int(arguments.get("limit", 100)), int(arguments.get("cursor") or 0)
        channels = list(self.channels.values())
        listed = [{"id": channel.id, "name": channel.name[1:]} for channel in channels[start : start + limit]]
        following = str(start + limit) if start + limit < len(channels) else ""
        return _ok(channels=listed, response_metadata={"next_cursor": following})

    def _conversations_info(self, arguments: dict[str, Any]) -> web.Response:
        channel = self.channels.get(arguments.get("channel", ""))
        if channel is None:
            return _refused("channel_not_found")
        return _ok(channel={"id": channel.id, "name": channel.name[1:]})

    def _conversations_history(self, arguments: dict[str, Any]) -> web.Response:
        channel = self.channels.get(arguments.get("channel", ""))  # ids only: a name is not found
        if channel is None:
            return _refused("channel_not_found")
        if not channel.member:
            return _refused("not_in_channel")
        limit, start = min(int(arguments.get("limit", 100)), 999), int(arguments.get("cursor") or 0)
        newest = list(reversed(channel.messages))
        shown = []
        for message in newest[start : start + limit]:
            content = dict(message.content)
            if str(arguments.get("include_all_metadata")).lower() not in ("true", "1"):
                content.pop("metadata", None)
            shown.append({"type": "message", "ts": message.ts, **content})
        following = str(start + limit) if start + limit < len(newest) else ""
        return _ok(messages=shown, has_more=bool(following), response_metadata={"next_cursor": following})

    def _chat_postMessage(self, arguments: dict[str, Any]) -> web.Response:  # noqa: N802 - Slack's name
        address = arguments.get("channel", "")
        person = address[1:] if address.startswith("DU") else address if address in self.locales else ""
        direct = self.heard.setdefault(person, []) if person else None
        channel = next((c for c in self.channels.values() if address in (c.id, c.name)), None)
        if channel is None and direct is None:
            return _refused("channel_not_found")
        if channel is not None and not channel.member:
            return _refused("not_in_channel")
        if (problem := _wrong(arguments)) is not None:
            return _refused(problem)
        now = time.monotonic()
        if self.per_second and now - self._posted.get(address, -1e9) < 1 / self.per_second:
            return self.busy(1)
        self._posted[address] = now
        message = Message(self, channel, self.timestamp(), _content(arguments))
        (channel.messages if channel else direct).append(message)
        return _ok(channel=channel.id if channel else address, ts=message.ts, message=message.content)

    def _chat_update(self, arguments: dict[str, Any]) -> web.Response:
        channel = self.channels.get(arguments.get("channel", ""))
        if channel is None:
            return _refused("channel_not_found")
        message = next((m for m in channel.messages if m.ts == arguments.get("ts")), None)
        if message is None:
            return _refused("message_not_found")
        if (problem := _wrong(arguments)) is not None:
            return _refused(problem)
        message.revisions.append(message.content | _content(arguments))
        return _ok(channel=channel.id, ts=message.ts, text=message.content.get("text", ""))

    async def _download(self, request: web.Request) -> web.StreamResponse:
        def work() -> web.Response:
            if request.headers.get("Authorization") != f"Bearer {self.token}":
                return web.Response(status=302, headers={"Location": "https://slack.com/"})
            return web.Response(body=self.files[request.match_info["key"]])

        return await self.serve(request, "download", {}, work)

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        key, payload = request.match_info["key"], await request.json()

        def work() -> web.Response:
            with self.lock:
                if key not in self._responses:
                    return web.Response(status=404, text="expired_url")
                user, uses, pressed = self._responses[key]
                if uses >= 5:
                    return web.Response(status=404, text="used_url")
                if _wrong(payload) is not None:
                    return web.Response(status=400, text="invalid_blocks")
                self._responses[key] = (user, uses + 1, pressed)
                if payload.get("replace_original") and pressed is not None:
                    pressed.revisions.append(_content(payload))
                    return web.Response(text="ok")
                shown = Message(self, None, self.timestamp(), _content(payload))
                if payload.get("replace_original") and self.heard.get(user):
                    self.heard[user].pop()
                self.heard.setdefault(user, []).append(shown)
            return web.Response(text="ok")

        return await self.serve(request, "response_url", payload, work)


def _ok(**answer: Any) -> web.Response:
    return web.json_response({"ok": True, **answer})


def _refused(error: str) -> web.Response:
    return web.json_response({"ok": False, "error": error})


def _wrong(arguments: dict[str, Any]) -> str | None:
    """The error that Slack would answer to a message, or None."""
    text, blocks = arguments.get("text") or "", arguments.get("blocks")
    if not text and not blocks:
        return "no_text"
    if len(text) > 40_000:
        return "msg_too_long"
    if blocks:
        try:
            check_blocks(blocks)
        except (BadBlocks, KeyError, TypeError, AttributeError):
            return "invalid_blocks"
        if characters(blocks) > 13_000:
            return "msg_blocks_too_long"
    metadata = arguments.get("metadata")
    if metadata is not None:
        if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
            return "invalid_metadata_format"
        if len(json.dumps(metadata)) > 8000:
            return "metadata_too_large"
    return None


def _content(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: arguments[name] for name in ("text", "blocks", "metadata", "thread_ts") if name in arguments}
