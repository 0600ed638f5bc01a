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

import html
import itertools
import json
import re
import time
from typing import Any

import aiohttp
from aiohttp import web

from tests.emulators.http import Emulator, eventually

__all__ = ["SECRET", "TOKEN", "Chat", "Post", "TelegramEmulator", "User", "checked", "visible"]

TOKEN = "123456:emulated"
SECRET = "emulated-secret-token"
BOT = {"id": 123456, "is_bot": True, "first_name": "Relance", "username": "relance_bot"}

_TAG = re.compile(r"<(/?)(\w+)[^>]*>")
_ALLOWED = {"b", "i", "code", "pre", "a", "u", "s"}


class Refused(Exception):
    """Telegram would answer `ok: false` with this description."""

    def __init__(self, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.description = description
        self.status = status


class Post:
    """A message with all its revisions; `content` is `(html, keyboard)`."""

    def __init__(self, chat: Chat, number: int, text: str, keyboard: list[list[dict[str, str]]]) -> None:
        self.chat = chat
        self.number = number
        self.revisions = [(text, keyboard)]

    @property
    def html(self) -> str:
        return self.revisions[-1][0]

    @property
    def text(self) -> str:
        """What a reader sees, labels of buttons included."""
        return visible(self.revisions[-1])

    @property
    def buttons(self) -> dict[str, str]:
        """Callback data by label."""
        return {button["text"]: button["callback_data"] for row in self.revisions[-1][1] for button in row}

    @property
    def is_card(self) -> bool:
        return any(data.startswith(("claim ", "release ")) for data in self.buttons.values())

    async def expect(self, text: str, within: float = 5.0) -> None:
        """Wait until the message says this."""
        missed = lambda: f"{text!r} on the message, which says {self.text!r}"  # noqa: E731
        await eventually(lambda: text in self.text, missed, within)


class Chat:
    """A chat; `posts` are the bot's messages in order."""

    def __init__(self, identifier: int, kind: str) -> None:
        self.id = identifier
        self.kind = kind
        self.posts: list[Post] = []
        self.migrated_to: int | None = None
        self.kicked = False

    async def expect_card(self, text: str = "", within: float = 5.0) -> Post:
        """The newest card with this text, as soon as it is there."""
        return await eventually(
            lambda: next((post for post in reversed(self.posts) if post.is_card and text in post.text), None),
            f"card with {text!r} in {self.id}",
            within,
        )

    async def expect(self, text: str, within: float = 5.0) -> Post:
        """The newest message with this text, as soon as it is there."""
        return await eventually(
            lambda: next((post for post in reversed(self.posts) if text in post.text), None),
            lambda: f"message with {text!r} in {self.id}; there are {[post.text for post in self.posts]}",
            within,
        )


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

    # --- the Bot API --------------------------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/bot{token}/{method}", self._call)]

    def busy(self, seconds: float) -> web.Response:
        whole = max(1, round(seconds))
        return _answer(429, f"Too Many Requests: retry after {whole}", parameters={"retry_after": whole})

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        arguments = {name: _decoded(str(value)) for name, value in (await request.post()).items()}

        def work() -> web.Response:
            if request.match_info["token"] != self.token:
                return _answer(401, "Unauthorized")
            handler = getattr(self, "_" + method, None)
            if handler is None:
                return _answer(404, "Not Found")
            try:
                with self.lock:
                    return web.json_response({"ok": True, "result": handler(arguments)})
            except Refused as refused:
                return _answer(refused.status, refused.description)

        chat = self.chats.get(_number(arguments.get("chat_id")))
        if method == "sendMessage" and chat is not None:
            if chat.migrated_to:
                return _answer(
                    400,
                    "Bad Request: group chat was upgraded to a supergroup chat",
                    parameters={"migrate_to_chat_id": chat.migrated_to},
                )
            now = time.monotonic()
            if self.per_second and now - self._posted.get(chat.id, -1e9) < 1 / self.per_second:
                return self.busy(1)
            self._posted[chat.id] = now
        return await self.serve(request, method, arguments, work)

    def _getMe(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - Telegram's name
        return BOT | {"can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}

    def _sendMessage(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        chat = self._chat(arguments)
        text, keyboard = _message(arguments)
        post = Post(chat, next(self.numbers), text, keyboard)
        chat.posts.append(post)
        return self._shown(post)

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
        return self._shown(post)

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

    def _shown(self, post: Post) -> dict[str, Any]:
        chat = {"id": post.chat.id, "type": post.chat.kind}
        return {"message_id": post.number, "date": int(time.time()), "chat": chat, "from": BOT, "text": post.text}


class User:
    """Somebody who talks to the bot. Each update must be acknowledged with 200 within three seconds."""

    def __init__(self, telegram: TelegramEmulator, identifier: int, language: str | None) -> None:
        self._telegram = telegram
        self.id = identifier
        self.language = language

    async def says(self, text: str, chat: Chat | None = None) -> None:
        """Write to the bot, in private or in a group."""
        assert await self.sends(self.message(text, chat)) == 200

    async def clicks(self, post: Post, label: str) -> None:
        """Press a button of a message."""
        assert await self.sends(self.press(post, label)) == 200

    async def hears(self, text: str, within: float = 5.0) -> Post:
        """The newest private message with the text."""
        return await self._telegram.chats[self.id].expect(text, within)

    async def sees(self, text: str, within: float = 5.0) -> dict[str, Any]:
        """The words shown over the chat after a press."""
        toasts = self._telegram.toasts
        return await eventually(
            lambda: next((t for t in reversed(toasts.get(self.id, [])) if text in str(t.get("text"))), None),
            lambda: f"toast with {text!r}; there were {toasts.get(self.id)}",
            within,
        )

    def message(self, text: str, chat: Chat | None = None) -> dict[str, Any]:
        where = chat or self._telegram.chats[self.id]
        message = {
            "message_id": next(self._telegram.numbers), "date": int(time.time()), "text": text, "from": self._person(),
            "chat": {"id": where.id, "type": where.kind},
        }  # fmt: skip
        return {"update_id": next(self._telegram.numbers), "message": message}

    def press(self, post: Post, label: str) -> dict[str, Any]:
        query = {
            "id": self._telegram.query(self.id), "from": self._person(), "chat_instance": "1",
            "data": post.buttons[label], "message": self._telegram._shown(post),
        }  # fmt: skip
        return {"update_id": next(self._telegram.numbers), "callback_query": query}

    async def sends(self, update: dict[str, Any] | bytes, secret: str | None = None) -> int:
        """Send an update, whatever comes of it; the status of the answer."""
        body = update if isinstance(update, bytes) else json.dumps(update).encode()
        headers = {
            "Content-Type": "application/json",
            "X-Telegram-Bot-Api-Secret-Token": self._telegram.secret if secret is None else secret,
        }
        started = time.monotonic()
        async with (
            aiohttp.ClientSession() as session,
            session.post(self._telegram.app_url, data=body, headers=headers) as answer,
        ):
            assert time.monotonic() - started < 3, "the acknowledgement took too long"
            return answer.status

    def _person(self) -> dict[str, Any]:
        language = {"language_code": self.language} if self.language else {}
        return {"id": self.id, "is_bot": False, "first_name": "Somebody", **language}


def _answer(status: int, description: str, **more: Any) -> web.Response:
    return web.json_response({"ok": False, "error_code": status, "description": description, **more}, status=status)


def visible(content: tuple[str, list[list[dict[str, str]]]]) -> str:
    """What a reader sees of a message, labels of buttons included."""
    text, keyboard = content
    return "\n".join([html.unescape(_TAG.sub("", text)), *(button["text"] for row in keyboard for button in row)])


def checked(text: str, keyboard: Any = ()) -> tuple[str, list[list[dict[str, str]]]]:
    """The text and keyboard of a message; raises `Refused` where Telegram would. `keyboard`: rows of buttons."""
    open_tags: list[str] = []
    for closing, tag in _TAG.findall(text):
        if tag not in _ALLOWED:
            raise Refused(f'Bad Request: can\'t parse entities: Unsupported start tag "{tag}"')
        if not closing:
            open_tags.append(tag)
        elif not open_tags or open_tags.pop() != tag:
            raise Refused("Bad Request: can't parse entities: Unmatched end tag")
    plain = _TAG.sub("", text)
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
            if not 1 <= len(button["callback_data"].encode()) <= 64:
                raise Refused("Bad Request: BUTTON_DATA_INVALID")
    return text, rows


def _message(arguments: dict[str, Any]) -> tuple[str, list[list[dict[str, str]]]]:
    if arguments.get("parse_mode") != "HTML":
        raise Refused("Bad Request: the bot writes HTML, and this says otherwise")
    markup = arguments.get("reply_markup") or {}
    return checked(str(arguments.get("text") or ""), markup.get("inline_keyboard", ()))


def _decoded(value: str) -> Any:
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
