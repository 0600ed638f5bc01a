"""Alert cards in Telegram chats: `server.ports.CardChannel` over the Bot API."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions
from telegram.constants import ParseMode
from telegram.error import BadRequest, ChatMigrated

from bots.cards import card_reply
from bots.telegram.client import told_apart
from bots.telegram.links import deep_link
from bots.telegram.render import Key, Message, render
from bots.telegram.topics import chat_and_topic
from server.i18n import translator
from server.model.card import Card
from server.ports import ChannelDown, ChannelRefused, ChannelUnsure

__all__ = ["NO_PREVIEW", "TelegramCards", "keyboard"]

MARK: Final = ":repeated"
ASKED: Final = 1.5  # seconds for each part of asking for the bot's name: the card's own time goes on meanwhile
NO_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)


class TelegramCards:
    """Posts and edits cards; an address is a chat's id or `@name`, and maybe a topic of it: `-1001234567890/42`.

    A reference is `<chat id>:<message id>`, with `:repeated` behind it on a card that bears this mark. In a group
    "Why?" is a link to the private chat with the bot: what is known of a person is not for everybody there.
    """

    platform = "telegram"

    def __init__(self, bot: Bot, *, language: str = "en") -> None:
        self._bot = bot
        self._language = language
        self._name = ""
        self._moved: dict[str, str] = {}  # a group that became a supergroup → its new id

    async def post(self, address: str, card: Card, *, repeated: bool = False) -> str:
        """Post a card and return its reference. Raises ChannelBusy, ChannelDown, ChannelRefused, ChannelUnsure."""
        chat, topic = chat_and_topic(address)
        try:
            return await self._post(self._moved.get(chat, chat), topic, card, repeated)
        except ChatMigrated as moved:  # as a group does whose topics are switched on
            self._moved[chat] = str(moved.new_chat_id)
        try:
            return await self._post(self._moved[chat], topic, card, repeated)
        except ChatMigrated:
            raise ChannelRefused("telegram: group chat was upgraded") from None

    async def edit(self, address: str, reference: str, card: Card) -> None:
        """Bring a card up to date. An edit may be repeated, so a lost answer counts as not sent."""
        chat, _, number = reference.removesuffix(MARK).partition(":")
        message = await self._message(card, chat, reference.endswith(MARK))
        try:
            with told_apart():
                await self._edit(chat, int(number), message)
        except ChannelUnsure as error:
            raise ChannelDown(error.reason) from None
        except ChatMigrated:  # its old messages stay behind
            raise ChannelRefused("telegram: group chat was upgraded") from None

    async def find(self, address: str, alert: str) -> str | None:
        """Nothing: bots cannot read a chat's history."""
        return None

    async def _post(self, chat: str, topic: int | None, card: Card, repeated: bool) -> str:
        message = await self._message(card, chat, repeated)
        with told_apart():
            sent = await self._bot.send_message(
                chat, message.text, parse_mode=ParseMode.HTML, reply_markup=keyboard(message),
                link_preview_options=NO_PREVIEW, message_thread_id=topic,
            )  # fmt: skip
        return f"{sent.chat_id}:{sent.message_id}" + (MARK if repeated else "")

    async def _edit(self, chat: str, number: int, message: Message) -> None:
        try:
            await self._bot.edit_message_text(
                message.text, chat, number, parse_mode=ParseMode.HTML, reply_markup=keyboard(message),
                link_preview_options=NO_PREVIEW,
            )  # fmt: skip
        except BadRequest as error:
            if "message is not modified" not in error.message.lower():
                raise

    async def _message(self, card: Card, chat: str, repeated: bool) -> Message:
        message = render(card_reply(card, translator(self._language), repeated=repeated))[0]
        if not chat.startswith(("-", "@")):  # a private chat
            return message
        link, why = deep_link(await self._own_name(), "why", card.alert), f"why {card.contact}"
        rows = ((replace(key, url=link) if key.data == why else key for key in row) for row in message.keyboard)
        return replace(message, keyboard=tuple(map(tuple, rows)))

    async def _own_name(self) -> str:
        """The bot's name, asked for once. Raises ChannelBusy, ChannelDown, ChannelRefused: nothing was sent."""
        if not self._name:
            try:
                with told_apart():
                    me = await self._bot.get_me(connect_timeout=ASKED, read_timeout=ASKED, pool_timeout=ASKED)
            except ChannelUnsure as error:
                raise ChannelDown(error.reason) from None
            self._name = me.username or ""
        return self._name


def keyboard(message: Message) -> InlineKeyboardMarkup | None:
    """The message's buttons as the library has them."""
    if not message.keyboard:
        return None
    return InlineKeyboardMarkup([[_button(key) for key in row] for row in message.keyboard])


def _button(key: Key) -> InlineKeyboardButton:
    if key.url:
        return InlineKeyboardButton(key.label, url=key.url)
    return InlineKeyboardButton(key.label, callback_data=key.data)
