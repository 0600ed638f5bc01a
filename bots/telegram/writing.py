"""Texts of rules in Telegram: asked for by a message, given as the answer to it or as a file."""

from __future__ import annotations

from typing import Final

from telegram import Bot, Document, ForceReply, InputFile, Message
from telegram.constants import ChatType

from bots.commands import Services
from bots.files import named_rules, text_of
from bots.replies import Prompt
from bots.telegram.client import told_apart
from bots.telegram.topics import topic_of
from server.model.draft import Place

__all__ = ["Writing", "fetched", "forced"]

PLACEHOLDER: Final = 64
CAPTION: Final = 1024


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
        return await bot.send_document(
            to.chat_id, InputFile(prompt.text.encode(), prompt.file), caption=prompt.hint[:CAPTION],
            message_thread_id=topic_of(to), reply_markup=forced(to, prompt),
        )  # fmt: skip


def forced(to: Message, prompt: Prompt | None) -> ForceReply | None:
    """What makes Telegram begin the answer to a message that asks for a text; only where the two are alone."""
    if prompt is None or to.chat.type != ChatType.PRIVATE:
        return None
    return ForceReply(input_field_placeholder=prompt.title[:PLACEHOLDER] or None)


async def fetched(bot: Bot, document: Document) -> str:
    """The text of a file. Raises `NoText`, and what `told_apart` raises."""
    named_rules(document.file_name or "", document.file_size or 0)
    with told_apart():
        file = await bot.get_file(document.file_id)
        return text_of(bytes(await file.download_as_bytearray()))
