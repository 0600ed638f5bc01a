"""Texts of rules in Telegram: asked for by a message, given as the answer to it or as a file."""

from __future__ import annotations

import re
from typing import Final

from telegram import Bot, Document, ForceReply, InputFile, Message
from telegram.constants import ChatType

from bots.commands import Services
from bots.replies import Prompt
from bots.telegram.client import told_apart
from server.model.draft import Place

__all__ = ["NoText", "Writing", "base_of", "forced", "text_of"]

LARGEST: Final = 1_000_000  # bytes of a file
PLACEHOLDER: Final = 64
CAPTION: Final = 1024
_NAMES: Final = (".rules", ".txt")
_OURS: Final = re.compile(r"rulebook-(\d{1,9})\D")


class NoText(Exception):
    """A file holds no text of ours; `why` names the reason."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Writing:
    """Remembers which messages ask for which text, and reads files."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def place_of(self, message: Message) -> Place | None:
        """What a message is the text of, if it answers one that asks for a text. Raises `Unavailable`."""
        asked = message.reply_to_message
        if asked is None:
            return None
        return await self._services.drafts.asked("telegram", f"{asked.chat_id}:{asked.message_id}")

    async def remember(self, message: Message, prompt: Prompt) -> None:
        """An answer to this message is the text of the prompt. Raises `Unavailable`."""
        await self._services.drafts.remember("telegram", f"{message.chat_id}:{message.message_id}", prompt.place)

    async def send_file(self, bot: Bot, to: Message, prompt: Prompt) -> Message:
        """Send the text of a prompt as a file."""
        thread = to.message_thread_id if to.is_topic_message else None
        return await bot.send_document(
            to.chat_id, InputFile(prompt.text.encode(), prompt.file), caption=prompt.hint[:CAPTION],
            message_thread_id=thread, reply_markup=forced(to, prompt),
        )  # fmt: skip


def forced(to: Message, prompt: Prompt | None) -> ForceReply | None:
    """What makes Telegram begin the answer to a message that asks for a text; only where the two are alone."""
    if prompt is None or to.chat.type != ChatType.PRIVATE:
        return None
    return ForceReply(input_field_placeholder=prompt.title[:PLACEHOLDER] or None)


async def text_of(bot: Bot, document: Document) -> str:
    """The text of a file. Raises `NoText`, and what `told_apart` raises."""
    if not (document.file_name or "").lower().endswith(_NAMES):
        raise NoText("name")
    if (document.file_size or 0) > LARGEST:
        raise NoText("size")
    with told_apart():
        file = await bot.get_file(document.file_id)
        content = bytes(await file.download_as_bytearray())
    if len(content) > LARGEST:
        raise NoText("size")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NoText("encoding") from None


def base_of(name: str | None) -> int | None:
    """The version that a file of ours was made from, which its name tells."""
    found = _OURS.match(name or "")
    return int(found[1]) if found else None
