"""A workspace of the emulated Slack: its channels, its people, and what a bot with its token may do there."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.emulators.block_kit import BadBlocks, characters, check_blocks
from tests.emulators.slack_people import Channel, Message, Signed, User, sign
from tests.emulators.slack_sockets import Sockets
from tests.emulators.slack_views import Views

if TYPE_CHECKING:
    from tests.emulators.slack import SlackEmulator

__all__ = ["APP_TOKEN", "SIGNING_SECRET", "TEAM", "TOKEN", "SlackApp", "Workspace", "refused"]

TEAM = "T0RELANCE"
TOKEN = "xoxb-emulated"
SIGNING_SECRET = "emulated-signing-secret"
APP_TOKEN = "xapp-emulated"
BOT = "U0BOT"


class SlackApp:
    """An app at Slack: the secret that signs its requests, where they go, and its connections in Socket Mode."""

    def __init__(self, signing_secret: str, token: str) -> None:
        self.signing_secret = signing_secret
        self.token = token
        self.url = ""
        self.sockets = Sockets()

    def opened(self, url: str) -> web.Response:
        """What `apps.connections.open` answers."""
        return _ok(url=url.replace("http", "ws", 1) + f"/link?ticket={self.sockets.ticket()}")


class Workspace:
    """A workspace. Its people talk to the bot through `app`."""

    def __init__(self, slack: SlackEmulator, team: str, domain: str, token: str, app: SlackApp) -> None:
        self._slack = slack
        self.team = team
        self.domain = domain
        self.token = token
        self.app = app
        self.time: Callable[[], float] = time.time  # of the signatures, in seconds
        self.channels: dict[str, Channel] = {}
        self.locales: dict[str, str] = {}
        self.zones: dict[str, str] = {}
        self.heard: dict[str, list[Message]] = {}  # user → what was shown to them alone
        self.numbers = slack.numbers if slack is not self else itertools.count(1)
        self.views = Views()
        self.files: dict[str, bytes] = {}
        self.responses: dict[str, tuple[str, int, Message | None]] = {}  # key → user, uses, what was pressed
        self._posted: dict[str, float] = {}

    @property
    def app_url(self) -> str:
        """Where Slack sends the app's requests."""
        return self.app.url

    @app_url.setter
    def app_url(self, url: str) -> None:
        self.app.url = url

    @property
    def signing_secret(self) -> str:
        return self.app.signing_secret

    @property
    def sockets(self) -> Sockets:
        return self.app.sockets

    def add_channel(self, name: str, *, member: bool = True) -> Channel:
        """A channel, of which the bot is a member or not."""
        with self._slack.lock:
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
        with self._slack.lock:
            return self.views.trigger(user, f"trigger.{next(self.numbers)}")

    def response_url(self, user: str, message: Message | None = None) -> str:
        """A new URL by which the bot may answer somebody, or replace what they pressed a button of: five times."""
        key = f"r{next(self.numbers)}"
        with self._slack.lock:
            self.responses[key] = (user, 0, message)
        return f"{self._slack.url}/response/{key}"

    def timestamp(self) -> str:
        return f"{int(self.time())}.{next(self.numbers):06d}"

    def signed(self, body: bytes, content_type: str = "application/json", timestamp: str | None = None) -> Signed:
        """A request that bears the app's signature."""
        return sign(self.signing_secret, body, content_type, timestamp or str(int(self.time())))

    def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """A file as events have it; its content can be fetched by those who have the token."""
        key = f"F{next(self.numbers)}"
        with self._slack.lock:
            self.files[key] = content
        url = f"{self._slack.url}/files-pri/{key}/{name}"
        return {"id": key, "name": name, "size": len(content), "url_private": url, "url_private_download": url}

    # --- the Web API --------------------------------------------------------------------------------------------

    def called_for(self, method: str, arguments: dict[str, Any]) -> web.Response:
        """What a method answers to who has the workspace's token."""
        handler = getattr(self, "_" + method.replace(".", "_"), None)
        answer: web.Response = handler(arguments) if handler else refused("unknown_method")
        return answer

    def responded(self, key: str, payload: dict[str, Any]) -> web.Response:
        """What a response_url answers."""
        user, uses, pressed = self.responses[key]
        if uses >= 5:
            return web.Response(status=404, text="used_url")
        if _wrong(payload) is not None:
            return web.Response(status=400, text="invalid_blocks")
        self.responses[key] = (user, uses + 1, pressed)
        if payload.get("replace_original") and pressed is not None:
            pressed.revisions.append(_content(payload))
            return web.Response(text="ok")
        shown = Message(self, None, self.timestamp(), _content(payload))
        if payload.get("replace_original") and self.heard.get(user):
            self.heard[user].pop()
        self.heard.setdefault(user, []).append(shown)
        return web.Response(text="ok")

    def _auth_test(self, _: dict[str, Any]) -> web.Response:
        return _ok(
            url=f"https://{self.domain}.slack.example/", team=self.domain.title(), team_id=self.team, user="relance",
            user_id=BOT, bot_id="B0BOT",
        )  # fmt: skip

    def _users_info(self, arguments: dict[str, Any]) -> web.Response:
        user = arguments.get("user", "")
        if user not in self.locales:
            return refused("user_not_found")
        return _ok(user={"id": user, "locale": self.locales[user], "tz": self.zones.get(user, "")})

    def _views_open(self, arguments: dict[str, Any]) -> web.Response:
        return web.json_response(self.views.open(arguments))

    def _views_publish(self, arguments: dict[str, Any]) -> web.Response:
        if arguments.get("user_id") not in self.locales:
            return refused("user_not_found")
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
            return refused("channel_not_found")
        return _ok(channel={"id": channel.id, "name": channel.name[1:]})

    def _conversations_history(self, arguments: dict[str, Any]) -> web.Response:
        channel = self.channels.get(arguments.get("channel", ""))  # ids only: a name is not found
        if channel is None:
            return refused("channel_not_found")
        if not channel.member:
            return refused("not_in_channel")
        if not channel.readable:
            return refused("missing_scope")
        limit, start = min(int(arguments.get("limit", 100)), 999), int(arguments.get("cursor") or 0)
        earliest, latest = (str(arguments.get(name) or "") for name in ("oldest", "latest"))
        newest = [
            message
            for message in reversed(channel.messages)
            if _within(message.ts, earliest, latest, inclusive=str(arguments.get("inclusive")).lower() in ("true", "1"))
        ]
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
        person = address[1:] if address.startswith("DU") else address
        person = person if person in self.locales else ""
        direct = self.heard.setdefault(person, []) if person else None
        channel = next((c for c in self.channels.values() if address in (c.id, c.name)), None)
        if channel is None and direct is None:
            return refused("channel_not_found")
        if channel is not None and not channel.member:
            return refused("not_in_channel")
        if (problem := _wrong(arguments)) is not None:
            return refused(problem)
        now, per_second = time.monotonic(), self._slack.per_second
        place = channel.id if channel else address
        if per_second and now - self._posted.get(place, -1e9) < 1 / per_second:
            return self._slack.busy(1)
        self._posted[place] = now
        message = Message(self, channel, self.timestamp(), _content(arguments))
        (channel.messages if channel else direct).append(message)
        return _ok(channel=channel.id if channel else address, ts=message.ts, message=message.content)

    def _chat_update(self, arguments: dict[str, Any]) -> web.Response:
        channel = self.channels.get(arguments.get("channel", ""))
        if channel is None:
            return refused("channel_not_found")
        message = next((m for m in channel.messages if m.ts == arguments.get("ts")), None)
        if message is None:
            return refused("message_not_found")
        if (problem := _wrong(arguments)) is not None:
            return refused(problem)
        message.revisions.append(message.content | _content(arguments))
        return _ok(channel=channel.id, ts=message.ts, text=message.content.get("text", ""))


def _ok(**answer: Any) -> web.Response:
    return web.json_response({"ok": True, **answer})


def refused(error: str) -> web.Response:
    """What Slack answers to a call that it does not do."""
    return web.json_response({"ok": False, "error": error})


def _within(timestamp: str, earliest: str, latest: str, *, inclusive: bool) -> bool:
    """Whether a message lies between two others, or is one of them."""
    if timestamp in (earliest, latest):
        return inclusive
    return (not earliest or float(timestamp) > float(earliest)) and (not latest or float(timestamp) < float(latest))


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
