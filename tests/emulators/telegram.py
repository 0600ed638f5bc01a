"""Telegram: its Bot API as far as the bot uses it, strict about limits, and people who talk to the bot.

with TelegramEmulator() as telegram:
    group = telegram.add_chat(-1001234567890)
    telegram.app_url = "http://127.0.0.1:8080/telegram"
    ana = telegram.user(42)
    await ana.says("/leads")
    await ana.hears("Léa")
    card = await group.expect_card("Léa")
    await ana.clicks(card, "Claim")
    await card.expect("claimed by Ana")
"""

from __future__ import annotations

import asyncio
import html
import itertools
import json
import re
import time
from typing import Any

from aiohttp import web

from tests.emulators.http import Emulator
from tests.emulators.telegram_people import TAG, Chat, Post, Topic, User, visible

__all__ = ["SECRET", "TOKEN", "Chat", "Post", "TelegramEmulator", "Topic", "User", "checked", "visible"]

TOKEN = "123456:emulated"
SECRET = "emulated-secret-token"
BOT = {"id": 123456, "is_bot": True, "first_name": "Relance", "username": "relance_bot"}

_ALLOWED = {"b", "i", "code", "pre", "a", "u", "s"}


class Refused(Exception):
    """Telegram would answer `ok: false` with this description."""

    def __init__(self, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.description = description
        self.status = status


class TelegramEmulator(Emulator):
    """The Bot API for one bot. `per_second` limits messages a second and chat; None: it does not."""

    def __init__(self, *, per_second: float | None = None) -> None:
        super().__init__()
        self.token = TOKEN
        self.secret = SECRET
        self.app_url = ""
        self.per_second = per_second
        self.chats: dict[int, Chat] = {}
        self.toasts: dict[int, list[dict[str, Any]]] = {}  # user → what was shown over the chat
        self.numbers = itertools.count(1)
        self.files: dict[str, tuple[str, bytes]] = {}  # file id → name, content
        self.webhook = ""
        self.updates: list[dict[str, Any]] = []  # that wait to be asked for
        self.polled = False  # updates are asked for, and not sent to `app_url`
        self.menus: dict[tuple[str, str], list[dict[str, str]]] = {}  # scope and language → commands
        self._asker = 0
        self._queries: dict[str, int] = {}
        self._posted: dict[int, float] = {}

    def add_chat(self, identifier: int, kind: str = "supergroup") -> Chat:
        """A chat that the bot is in."""
        return self.chats.setdefault(identifier, Chat(identifier, kind))

    def user(self, identifier: int, *, language: str | None = "en") -> User:
        """Somebody with a private chat with the bot."""
        self.add_chat(identifier, "private")
        return User(self, identifier, language)

    def query(self, user: int) -> str:
        """The id of a new press of a button, which can be answered once."""
        key = str(next(self.numbers))
        self._queries[key] = user
        return key

    def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """A document as updates have it; its content can be fetched."""
        identifier = f"file{next(self.numbers)}"
        with self.lock:
            self.files[identifier] = (name, content)
        return {"file_id": identifier, "file_unique_id": f"u{identifier}", "file_name": name,
                "mime_type": "application/octet-stream", "file_size": len(content)}  # fmt: skip

    # --- the Bot API --------------------------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/bot{token}/{method}", self._call),
            web.get("/file/bot{token}/{path:.+}", self._download),
        ]

    def busy(self, seconds: float) -> web.Response:
        whole = max(1, round(seconds))
        return _answer(429, f"Too Many Requests: retry after {whole}", parameters={"retry_after": whole})

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        if request.content_type == "application/json":
            arguments = await request.json()
        else:
            arguments = {name: _decoded(value) for name, value in (await request.post()).items()}
        if method == "getUpdates" and request.match_info["token"] == self.token:
            return await self._get_updates(arguments)

        chat = self.chats.get(_number(arguments.get("chat_id")))

        def work() -> web.Response:
            if request.match_info["token"] != self.token:
                return _answer(401, "Unauthorized")
            handler = getattr(self, "_" + method, None)
            if handler is None:
                return _answer(404, "Not Found")
            if method == "sendMessage" and chat is not None and chat.migrated_to:
                return _answer(
                    400,
                    "Bad Request: group chat was upgraded to a supergroup chat",
                    parameters={"migrate_to_chat_id": chat.migrated_to},
                )
            try:
                with self.lock:
                    return web.json_response({"ok": True, "result": handler(arguments)})
            except Refused as refused:
                return _answer(refused.status, refused.description)

        if method == "sendMessage" and chat is not None and not chat.migrated_to:
            now = time.monotonic()
            if self.per_second and now - self._posted.get(chat.id, -1e9) < 1 / self.per_second:
                return self.busy(1)
            self._posted[chat.id] = now
        return await self.serve(request, method, arguments, work)

    def _getMe(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - Telegram's name
        return BOT | {"can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}

    def _getWebhookInfo(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"url": self.webhook, "has_custom_certificate": False, "pending_update_count": len(self.updates)}

    def _setWebhook(self, arguments: dict[str, Any]) -> bool:  # noqa: N802
        if not str(arguments.get("url", "")).startswith("https://"):
            raise Refused("Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", str(arguments.get("secret_token", ""))):
            raise Refused("Bad Request: secret token contains unallowed characters")
        self.webhook = str(arguments["url"])
        return True

    def _deleteWebhook(self, _: dict[str, Any]) -> bool:  # noqa: N802
        self.webhook = ""
        return True

    def _getChat(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._chat(arguments).shape

    def _setMyCommands(self, arguments: dict[str, Any]) -> bool:  # noqa: N802
        commands = arguments["commands"]
        if not 1 <= len(commands) <= 100:
            raise Refused("Bad Request: BOT_COMMANDS_INVALID")
        for one in commands:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", one["command"]) or not 1 <= len(one["description"]) <= 256:
                raise Refused("Bad Request: BOT_COMMAND_INVALID")
        self.menus[arguments["scope"]["type"], arguments.get("language_code", "")] = commands
        return True

    async def _get_updates(self, arguments: dict[str, Any]) -> web.Response:
        """Long polling: one asker at a time, and asking behind an update forgets those before."""
        if self.webhook:
            return _answer(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook")
        self._asker += 1
        mine, deadline = self._asker, time.monotonic() + _number(arguments.get("timeout"))
        with self.lock:
            if arguments.get("offset"):
                self.updates = [one for one in self.updates if one["update_id"] >= _number(arguments["offset"])]
        while not self.updates and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
            if mine != self._asker:
                return _answer(
                    409, "Conflict: terminated by other getUpdates request; make sure that only one bot runs"
                )
        with self.lock:
            return web.json_response({"ok": True, "result": self.updates[:100]})

    def _sendMessage(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        chat = self._chat(arguments)
        text, keyboard = _message(arguments)
        topic = _topic(chat, arguments)
        return self._posted_as(Post(chat, next(self.numbers), text, keyboard, forced=_forced(arguments), topic=topic))

    def _sendDocument(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        chat, file = self._chat(arguments), arguments.get("document")
        if not isinstance(file, tuple) or not file[1]:
            raise Refused("Bad Request: file must be non-empty")
        caption = str(arguments.get("caption") or "")
        if len(caption.encode("utf-16-le")) // 2 > 1024:
            raise Refused("Bad Request: message caption is too long")
        return self._posted_as(
            Post(
                chat, next(self.numbers), html.escape(caption), [], forced=_forced(arguments), file=file,
                topic=_topic(chat, arguments),
            )
        )  # fmt: skip

    def _posted_as(self, post: Post) -> dict[str, Any]:
        post.chat.posts.append(post)
        if post.topic is not None:
            post.topic.posts.append(post)
        return self.shown(post)

    def _getFile(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        found = self.files.get(str(arguments.get("file_id")))
        if found is None:
            raise Refused("Bad Request: invalid file_id")
        if len(found[1]) > 20_000_000:
            raise Refused("Bad Request: file is too big")
        identifier = str(arguments["file_id"])
        return {"file_id": identifier, "file_unique_id": f"u{identifier}", "file_size": len(found[1]),
                "file_path": f"documents/{identifier}"}  # fmt: skip

    async def _download(self, request: web.Request) -> web.StreamResponse:
        identifier = request.match_info["path"].removeprefix("documents/")

        def work() -> web.Response:
            if request.match_info["token"] != self.token or identifier not in self.files:
                return web.Response(status=404)
            return web.Response(body=self.files[identifier][1])

        return await self.serve(request, "download", {"path": identifier}, work)

    def _editMessageText(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        chat = self._chat(arguments)
        post = next((post for post in chat.posts if post.number == _number(arguments.get("message_id"))), None)
        if post is None:
            raise Refused("Bad Request: message to edit not found")
        content = _message(arguments)
        if content == post.revisions[-1]:
            raise Refused(
                "Bad Request: message is not modified: specified new message content and reply markup are exactly "
                "the same as a current content and reply markup of the message"
            )
        post.revisions.append(content)
        return self.shown(post)

    def _answerCallbackQuery(self, arguments: dict[str, Any]) -> bool:  # noqa: N802
        user = self._queries.pop(str(arguments.get("callback_query_id")), None)
        if user is None:
            raise Refused("Bad Request: query is too old and response timeout expired or query ID is invalid")
        if len(str(arguments.get("text", ""))) > 200:
            raise Refused("Bad Request: MESSAGE_TOO_LONG")
        self.toasts.setdefault(user, []).append(arguments)
        return True

    def _chat(self, arguments: dict[str, Any]) -> Chat:
        chat = self.chats.get(_number(arguments.get("chat_id")))
        if chat is None:
            raise Refused("Bad Request: chat not found")
        if chat.kicked:
            raise Refused("Forbidden: bot was kicked from the supergroup chat", 403)
        return chat

    def shown(self, post: Post) -> dict[str, Any]:
        message = {"message_id": post.number, "date": int(time.time()), "chat": post.chat.shape, "from": BOT}
        message |= post.topic.marks if post.topic is not None else {}
        if post.revisions[-1][1]:
            message |= {"reply_markup": {"inline_keyboard": post.revisions[-1][1]}}
        if post.file is None:
            return message | {"text": post.text}
        return message | {"caption": post.text, "document": self.upload(*post.file)}


def _topic(chat: Chat, arguments: dict[str, Any]) -> Topic | None:
    """The topic of a new message; General, whose number 1 no message may bear, is none."""
    if "message_thread_id" not in arguments:
        if chat.closed:
            raise Refused("Bad Request: TOPIC_CLOSED")
        return None
    topic = chat.topics.get(_number(arguments["message_thread_id"]))
    if topic is None:
        raise Refused("Bad Request: message thread not found")
    if topic.closed:
        raise Refused("Bad Request: TOPIC_CLOSED")
    return topic


def _answer(status: int, description: str, **more: Any) -> web.Response:
    return web.json_response({"ok": False, "error_code": status, "description": description, **more}, status=status)


def checked(text: str, keyboard: Any = ()) -> tuple[str, list[list[dict[str, str]]]]:
    """The text and keyboard of a message; raises `Refused` where Telegram would. `keyboard`: rows of buttons."""
    open_tags: list[str] = []
    for closing, tag in TAG.findall(text):
        if tag not in _ALLOWED:
            raise Refused(f'Bad Request: can\'t parse entities: Unsupported start tag "{tag}"')
        if not closing:
            open_tags.append(tag)
        elif not open_tags or open_tags.pop() != tag:
            raise Refused("Bad Request: can't parse entities: Unmatched end tag")
    plain = TAG.sub("", text)
    if open_tags or "<" in plain or ">" in plain:
        raise Refused("Bad Request: can't parse entities")
    plain = html.unescape(plain)
    if not plain.strip():
        raise Refused("Bad Request: message text is empty")
    if len(plain.encode("utf-16-le")) // 2 > 4096:
        raise Refused("Bad Request: message is too long")
    rows = []
    for row in keyboard:
        rows.append([b if isinstance(b, dict) else {"text": b.label, "callback_data": b.data} for b in row])
        for button in rows[-1]:
            if "url" in button:
                if "callback_data" in button or not re.fullmatch(r"(?:https?|tg)://\S+", button["url"]):
                    raise Refused("Bad Request: BUTTON_URL_INVALID")
            elif not 1 <= len(button["callback_data"].encode()) <= 64:
                raise Refused("Bad Request: BUTTON_DATA_INVALID")
    return text, rows


def _message(arguments: dict[str, Any]) -> tuple[str, list[list[dict[str, str]]]]:
    if arguments.get("parse_mode") != "HTML":
        raise Refused("Bad Request: the bot writes HTML, and this says otherwise")
    markup = arguments.get("reply_markup") or {}
    return checked(str(arguments.get("text") or ""), markup.get("inline_keyboard", ()))


def _forced(arguments: dict[str, Any]) -> bool:
    """Whether Telegram is to begin an answer; it then shows no buttons."""
    markup = arguments.get("reply_markup") or {}
    if not markup.get("force_reply"):
        return False
    if "inline_keyboard" in markup:
        raise Refused("Bad Request: object expected as reply markup")
    if len(markup.get("input_field_placeholder", "x")) not in range(1, 65):
        raise Refused("Bad Request: input field placeholder is too long")
    return True


def _decoded(value: Any) -> Any:
    if isinstance(value, web.FileField):
        return value.filename, value.file.read()
    value = str(value)
    if value[:1] in "{[":
        try:
            return json.loads(value)
        except ValueError:
            pass
    return value


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
