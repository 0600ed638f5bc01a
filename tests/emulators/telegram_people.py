"""Chats, messages and people of the emulated Telegram: what a test says and expects."""

from __future__ import annotations

import html
import json
import re
import time
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.emulators.http import eventually

if TYPE_CHECKING:
    from tests.emulators.telegram import TelegramEmulator

__all__ = ["TAG", "Chat", "Post", "Topic", "User", "payload_of", "visible"]

TAG = re.compile(r"<(/?)(\w+)[^>]*>")


class Post:
    """A message with all its revisions; `content` is `(html, keyboard)`."""

    def __init__(
        self, chat: Chat, number: int, text: str, keyboard: list[list[dict[str, str]]], *, forced: bool = False,
        file: tuple[str, bytes] | None = None, topic: Topic | None = None,
    ) -> None:  # fmt: skip
        self.chat = chat
        self.topic = topic
        self.number = number
        self.revisions = [(text, keyboard)]
        self.forced = forced  # Telegram begins an answer to it
        self.file = file  # name and content

    @property
    def html(self) -> str:
        return self.revisions[-1][0]

    @property
    def text(self) -> str:
        """What a reader sees, labels of buttons included."""
        return visible(self.revisions[-1])

    @property
    def code(self) -> str:
        """What stands in its last code block."""
        found = re.findall(r"<pre>(.*?)</pre>", self.html, re.S)
        return html.unescape(found[-1]) if found else ""

    @property
    def buttons(self) -> dict[str, str]:
        """Callback data by label."""
        return {key["text"]: key["callback_data"] for row in self.revisions[-1][1] for key in row if "url" not in key}

    @property
    def links(self) -> dict[str, str]:
        """The pages that buttons open, by label."""
        return {key["text"]: key["url"] for row in self.revisions[-1][1] for key in row if "url" in key}

    @property
    def is_card(self) -> bool:
        return any(data.startswith(("claim ", "release ")) for data in self.buttons.values())

    async def expect(self, text: str, within: float = 20.0) -> None:
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
        self.topics: dict[int, Topic] = {}  # by number; a chat that has any is a forum
        self.closed = False  # as a topic, or the forum's General

    @property
    def shape(self) -> dict[str, Any]:
        """The chat as Telegram describes it."""
        forum = {"is_forum": True} if self.topics else {}
        return {"id": self.id, "type": self.kind, **forum}

    def add_topic(self, number: int) -> Topic:
        """A topic of this group; its number is that of the message that made it."""
        return self.topics.setdefault(number, Topic(self, number))

    async def expect_card(self, text: str = "", within: float = 20.0) -> Post:
        """The newest card with this text, as soon as it is there."""
        return await eventually(
            lambda: next((post for post in reversed(self.posts) if post.is_card and text in post.text), None),
            f"card with {text!r} in {self.id}",
            within,
        )

    async def expect(self, text: str, within: float = 20.0) -> Post:
        """The newest message with this text, as soon as it is there."""
        return await eventually(
            lambda: next((post for post in reversed(self.posts) if text in post.text), None),
            lambda: f"message with {text!r} in {self.id}; there are {[post.text for post in self.posts]}",
            within,
        )


class Topic(Chat):
    """A topic of a group; `posts` are the bot's messages there, which are the group's, too."""

    def __init__(self, group: Chat, number: int) -> None:
        super().__init__(group.id, group.kind)
        self.group = group
        self.number = number

    def delete(self) -> None:
        """Take the topic away, and with it its messages."""
        del self.group.topics[self.number]
        self.group.posts = [post for post in self.group.posts if post.topic is not self]

    @property
    def marks(self) -> dict[str, Any]:
        """What every message in the topic bears."""
        return {"message_thread_id": self.number, "is_topic_message": True}

    @property
    def root(self) -> dict[str, Any]:
        """The message that made the topic, which all messages in it answer that answer no other."""
        made = {"name": "Leads", "icon_color": 7322096}
        return {
            "message_id": self.number,
            "date": 1,
            "chat": self.group.shape,
            "forum_topic_created": made,
        } | self.marks


class User:
    """Somebody who talks to the bot. Each update must be acknowledged with 200 within three seconds."""

    def __init__(self, telegram: TelegramEmulator, identifier: int, language: str | None) -> None:
        self._telegram = telegram
        self.id = identifier
        self.language = language

    async def says(self, text: str, chat: Chat | None = None) -> None:
        """Write to the bot, in private, in a group or in a topic of one."""
        assert await self.sends(self.message(text, chat)) == 200

    async def answers(self, post: Post, text: str) -> None:
        """Answer one of the bot's messages."""
        assert await self.sends(self.message(text, _where(post), answering=post)) == 200

    async def sends_file(
        self, name: str, content: bytes, answering: Post | None = None, chat: Chat | None = None
    ) -> None:
        """Send a file, as the answer to one of the bot's messages or out of the blue."""
        update = self.message("", _where(answering) if answering else chat, answering=answering)
        del update["message"]["text"]
        update["message"]["document"] = self._telegram.upload(name, content)
        assert await self.sends(update) == 200

    async def clicks(self, post: Post, label: str) -> None:
        """Press a button of a message."""
        assert await self.sends(self.press(post, label)) == 200

    async def follows(self, link: str) -> None:
        """Open a link to the bot, and press Start in the private chat that it opens."""
        await self.says(f"/start {payload_of(link)}")

    async def hears(self, text: str, within: float = 20.0) -> Post:
        """The newest private message with the text."""
        return await self._telegram.chats[self.id].expect(text, within)

    async def sees(self, text: str, within: float = 20.0) -> dict[str, Any]:
        """The words shown over the chat after a press."""
        toasts = self._telegram.toasts
        return await eventually(
            lambda: next((t for t in reversed(toasts.get(self.id, [])) if text in str(t.get("text"))), None),
            lambda: f"toast with {text!r}; there were {toasts.get(self.id)}",
            within,
        )

    def message(self, text: str, chat: Chat | None = None, *, answering: Post | None = None) -> dict[str, Any]:
        where = chat or self._telegram.chats[self.id]
        message: dict[str, Any] = {
            "message_id": next(self._telegram.numbers), "date": int(time.time()), "text": text, "from": self._person(),
            "chat": where.shape,
        }  # fmt: skip
        if isinstance(where, Topic):
            message |= {**where.marks, "chat": where.group.shape, "reply_to_message": where.root}
        if answering is not None:
            message["reply_to_message"] = self._telegram.shown(answering)
        return {"update_id": next(self._telegram.numbers), "message": message}

    def press(self, post: Post, label: str, *, old: bool = False) -> dict[str, Any]:
        """The press of a button; of an `old` message Telegram tells little more than that it was one of this chat."""
        shown = {"message_id": post.number, "date": 0, "chat": post.chat.shape} if old else self._telegram.shown(post)
        query = {
            "id": self._telegram.query(self.id), "from": self._person(), "chat_instance": "1",
            "data": post.buttons[label], "message": shown,
        }  # fmt: skip
        return {"update_id": next(self._telegram.numbers), "callback_query": query}

    async def sends(self, update: dict[str, Any] | bytes, secret: str | None = None) -> int:
        """Send an update, whatever comes of it; the status of the answer."""
        if self._telegram.polled and isinstance(update, dict):
            with self._telegram.lock:
                self._telegram.updates.append(update)
            return 200
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
            assert time.monotonic() - started < 20, "the acknowledgement took too long"
            return answer.status

    def _person(self) -> dict[str, Any]:
        language = {"language_code": self.language} if self.language else {}
        return {"id": self.id, "is_bot": False, "first_name": "Somebody", **language}


def _where(post: Post) -> Chat:
    return post.topic or post.chat


def payload_of(link: str) -> str:
    """What a link to the bot makes Telegram send; fails for a link that Telegram would not take."""
    found = re.fullmatch(r"https://t\.me/relance_bot\?start=([A-Za-z0-9_-]{1,64})", link)
    assert found is not None, f"{link!r} is no link to the bot"
    return found[1]


def visible(content: tuple[str, list[list[dict[str, str]]]]) -> str:
    """What a reader sees of a message, labels of buttons included."""
    text, keyboard = content
    return "\n".join([html.unescape(TAG.sub("", text)), *(button["text"] for row in keyboard for button in row)])
