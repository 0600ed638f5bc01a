"""A conversation in Telegram: a typed command or a pressed button, and its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from telegram import CallbackQuery, Message, Update
from telegram.constants import ChatType, ParseMode
from telegram.error import ChatMigrated
from telegram.ext import ContextTypes

from bots.commands import Caller, Services, reply_to
from bots.replies import Reply
from bots.telegram.cards import NO_PREVIEW, keyboard
from bots.telegram.client import told_apart
from bots.telegram.render import Message as Rendered
from bots.telegram.render import render, toast
from server.i18n import supported
from server.ports import ChannelBusy, ChannelDown, ChannelError, Clock

__all__ = ["Talk"]

log = structlog.get_logger(__name__)


class Talk:
    """Runs what people type or press, and answers where they did it."""

    def __init__(self, services: Services, *, language: str, clock: Clock) -> None:
        self._services = services
        self._language = language
        self._clock = clock

    async def typed(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer a message, if it is a command for us."""
        message = update.message
        if message is None or message.from_user is None or message.from_user.is_bot:
            return
        text = _command(message, context.bot.username)
        if text is not None:
            reply = await self._reply(message.from_user.id, message.from_user.language_code, text)
            await _answer(message, reply)

    async def pressed(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Run a button's command. What it changes shows on the card; what it asks for is sent."""
        query = update.callback_query
        if query is None:
            return
        command = query.data or ""
        reply = await self._reply(query.from_user.id, query.from_user.language_code, command)
        await _tell(query, reply)
        if not command.startswith(("claim ", "release ")) and isinstance(query.message, Message):
            await _answer(query.message, reply, instead=reply.pages is not None)

    async def _reply(self, user: int, tag: str | None, text: str) -> Reply:
        caller = Caller(platform="telegram", user=str(user))
        language = supported(tag, self._language)
        return await reply_to(self._services, caller, text, language=language, clock=self._clock)


async def _answer(to: Message, reply: Reply, *, instead: bool = False) -> None:
    """Answer where something was said; `instead`: a page takes the other's place."""
    first, *others = render(reply)
    try:
        await _patiently(lambda: _replace(to, first) if instead else _send(to, first))
        for message in others:
            await _patiently(lambda message=message: _send(to, message))  # type: ignore[misc]
    except (ChannelError, ChatMigrated) as error:
        log.warning("telegram answer not delivered", reason=getattr(error, "reason", "chat migrated"))


async def _send(to: Message, message: Rendered) -> None:
    await to.get_bot().send_message(
        to.chat_id, message.text, parse_mode=ParseMode.HTML, reply_markup=keyboard(message),
        link_preview_options=NO_PREVIEW, message_thread_id=to.message_thread_id if to.is_topic_message else None,
    )  # fmt: skip


async def _replace(old: Message, message: Rendered) -> None:
    await old.edit_text(
        message.text, parse_mode=ParseMode.HTML, reply_markup=keyboard(message), link_preview_options=NO_PREVIEW
    )


async def _tell(query: CallbackQuery, reply: Reply) -> None:
    """Show the answer over the chat; a press that is too old to be answered is no failure."""
    try:
        with told_apart():
            await query.answer(toast(reply), show_alert=reply.tone == "bad")
    except (ChannelError, ChatMigrated) as error:
        log.warning("telegram press not answered", reason=getattr(error, "reason", "chat migrated"))


async def _patiently(send: Callable[[], Awaitable[Any]]) -> None:
    """Send, again where it surely did not arrive."""
    for wait in (1.0, 5.0, 0.0):
        try:
            with told_apart():
                await send()
        except (ChannelBusy, ChannelDown) as error:
            if not wait:
                raise
            await asyncio.sleep(error.retry_after if isinstance(error, ChannelBusy) else wait)
        else:
            return


def _command(message: Message, bot: str) -> str | None:
    """The command in a message; None where it is not for us: in a group only what starts with a slash is."""
    text = (message.text or "").strip()
    if not text.startswith("/"):
        return text if message.chat.type == ChatType.PRIVATE else None
    word, *rest = text[1:].split(maxsplit=1) or [""]
    word, _, addressed = word.partition("@")
    if addressed and addressed.casefold() != bot.casefold():
        return None
    return " ".join([word, *rest])
