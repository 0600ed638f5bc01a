"""A conversation in Telegram: a typed command or a pressed button, and its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

import structlog
from telegram import Bot, CallbackQuery, ForceReply, MaybeInaccessibleMessage, Message, Update, User
from telegram.constants import ChatType, ParseMode
from telegram.error import ChatMigrated
from telegram.ext import ContextTypes

from bots.commands import Caller, Services, reply_to, text_to
from bots.commands.help import Help
from bots.copies import card_pressed, shown_alert
from bots.files import UNFETCHED, NoText, base_of
from bots.progress import Progress
from bots.replies import Reply
from bots.telegram.cards import NO_PREVIEW, keyboard
from bots.telegram.client import told_apart
from bots.telegram.links import opened
from bots.telegram.render import Message as Rendered
from bots.telegram.render import as_file, render, toast
from bots.telegram.topics import addresses, topic_of
from bots.telegram.writing import Writing, fetched, forced
from server.errors import Unavailable
from server.i18n import supported, translator
from server.model.draft import Place
from server.ports import ChannelBusy, ChannelDown, ChannelError, Clock

__all__ = ["Talk"]

log = structlog.get_logger(__name__)

T = TypeVar("T")
LONG: Final = ("rules preview",)  # buttons whose answer takes longer than Telegram waits for one


class Talk:
    """Runs what people type, press or send, and answers where they did it."""

    def __init__(self, services: Services, *, language: str, clock: Clock) -> None:
        self._services = services
        self._language = language
        self._clock = clock
        self._writing = Writing(services)

    async def typed(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer a message, if it is a command for us, or a text that we asked for."""
        message = update.message
        if message is None or message.from_user is None or message.from_user.is_bot:
            return
        text = message.text or ""
        if not text.startswith("/") and (place := await self._place(message)) is not None:
            await self._take(message, place, text)
        elif (command := _command(message, context.bot.username)) is not None:
            if (meant := opened(command)) is None:
                await self._answer(message, self._nowhere(message.from_user))
            else:
                await self._run(message, message.from_user, meant)

    async def sent(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Take a file: the text that we asked for; in private, a whole rulebook."""
        message = update.message
        if message is None or message.from_user is None or message.from_user.is_bot or message.document is None:
            return
        place = await self._place(message)
        if place is None and message.chat.type != ChatType.PRIVATE:
            return
        t = translator(self._language_of(message.from_user))
        try:
            text = await fetched(context.bot, message.document)
        except NoText as error:
            await self._answer(message, Reply(title=t(error.why), tone="bad"))
        except (ChannelError, ChatMigrated):
            await self._answer(message, Reply(title=t(UNFETCHED), tone="bad"))
        else:
            place = place or Place(what="rulebook", base=base_of(message.document.file_name or ""))
            await self._take(message, place, text)

    async def pressed(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Run a button's command. What it changes shows on the card; what it asks for is sent."""
        query = update.callback_query
        if query is None:
            return
        command = query.data or ""
        if command.startswith(LONG) and isinstance(query.message, Message):
            await _tell(query, Reply(title="…"))
            await self._run(query.message, query.from_user, command)
            return
        reply = await self._reply(query.from_user, command, query.message)
        await _tell(query, reply)
        if not command.startswith(("claim ", "release ")) and isinstance(query.message, Message):
            await self._answer(query.message, reply, instead=reply.pages is not None or reply.settles)
        if isinstance(query.message, Message) and (alert := _card(query.message)):
            reference = f"{query.message.chat.id}:{query.message.message_id}"
            await card_pressed(self._services, "telegram", alert, reference)

    async def tell(self, bot: Bot, user: int, reply: Reply) -> None:
        """Write to somebody in private, where they have begun to talk with the bot."""
        for message in render(reply):
            with told_apart():
                await bot.send_message(
                    user, message.text, parse_mode=ParseMode.HTML, reply_markup=keyboard(message),
                    link_preview_options=NO_PREVIEW,
                )  # fmt: skip

    # --- within -------------------------------------------------------------------------------------------------

    async def _place(self, message: Message) -> Place | None:
        try:
            return await self._writing.place_of(message)
        except Unavailable:
            return None

    async def _take(self, message: Message, place: Place, text: str) -> None:
        assert message.from_user is not None
        caller = Caller(platform="telegram", user=str(message.from_user.id))
        answer = await text_to(
            self._services, caller, place, text, language=self._language_of(message.from_user), clock=self._clock
        )
        await self._answer(message, answer.reply)

    async def _run(self, message: Message, user: User, command: str) -> None:
        """Run a command that may take long: how far it is shows in one message, whose place the answer takes."""
        shown: list[Message] = []

        async def show(reply: Reply) -> None:
            with told_apart():
                if shown:
                    await _replace(shown[0], render(reply)[0])
                else:
                    shown.append(await _send(message, render(reply)[0]))

        async with Progress(show) as progress:
            reply = await self._reply(user, command, message, progress)
        await self._answer(shown[0] if shown else message, reply, instead=bool(shown))

    async def _reply(
        self, user: User, text: str, where: MaybeInaccessibleMessage | None, working: Progress | None = None
    ) -> Reply:
        caller = Caller(platform="telegram", user=str(user.id), chat=addresses(where))
        language = self._language_of(user)
        return await reply_to(self._services, caller, text, language=language, clock=self._clock, working=working)

    def _nowhere(self, user: User) -> Reply:
        """What is said to who followed a link that is none of ours, or is cut off."""
        t = translator(language := self._language_of(user))
        lines = (t("`{help}` lists what you can do.", help=f"/{Help.said(language)}"),)
        return Reply(title=t("This link leads nowhere: it is none of mine, or not whole."), lines=lines, tone="bad")

    def _language_of(self, user: User) -> str:
        return supported(user.language_code, self._language)

    async def _answer(self, to: Message, reply: Reply, *, instead: bool = False) -> None:
        """Answer where something was said; `instead`: the answer takes the place of the message `to`."""
        rendered, prompt = render(reply), reply.prompt
        last: Message | None = None
        try:
            for number, message in enumerate(rendered):
                if instead and number == 0:
                    await _patiently(partial(_replace, to, message))
                    last = to
                    continue
                force = forced(to, prompt) if prompt and not as_file(prompt) and number == len(rendered) - 1 else None
                last = await _patiently(partial(_send, to, message, force))
                if prompt is not None and last is not None:
                    await self._writing.remember(last, prompt)
            if prompt is not None and as_file(prompt):
                last = await _patiently(partial(self._writing.send_file, to.get_bot(), to, prompt))
            if prompt is not None and last is not None:
                await self._writing.remember(last, prompt)
        except (ChannelError, ChatMigrated) as error:
            log.warning("telegram answer not delivered", reason=getattr(error, "reason", "chat migrated"))
        except Unavailable:
            log.warning("telegram prompt not remembered")


async def _send(to: Message, message: Rendered, force: ForceReply | None = None) -> Message:
    return await to.get_bot().send_message(
        to.chat_id, message.text, parse_mode=ParseMode.HTML, reply_markup=keyboard(message) or force,
        link_preview_options=NO_PREVIEW, message_thread_id=topic_of(to),
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


async def _patiently(send: Callable[[], Awaitable[T]]) -> T:
    """Send, again where it surely did not arrive."""
    for wait in (1.0, 5.0):
        try:
            with told_apart():
                return await send()
        except (ChannelBusy, ChannelDown) as error:
            await asyncio.sleep(error.retry_after if isinstance(error, ChannelBusy) else wait)
    with told_apart():
        return await send()


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


def _card(message: Message) -> str:
    """The alert whose card a message is; "" where it is none."""
    rows = message.reply_markup.inline_keyboard if message.reply_markup is not None else ()
    return shown_alert(key.callback_data for row in rows for key in row if isinstance(key.callback_data, str))
