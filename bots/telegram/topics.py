"""Topics of groups, as addresses have them: `-1001234567890/42`.

https://core.telegram.org/bots/api#sendmessage. The topic General, which a group with topics always has, is number 1 in
links; a message to it bears no number, and one that bears 1 is refused.
"""

from __future__ import annotations

from typing import Final

from telegram import InaccessibleMessage, MaybeInaccessibleMessage, Message
from telegram.constants import ChatType

from server.ports import ChannelRefused

__all__ = ["addresses", "chat_and_topic", "topic_of"]

_GENERAL: Final = 1
_GROUPS: Final = (ChatType.GROUP, ChatType.SUPERGROUP)


def chat_and_topic(address: str) -> tuple[str, int | None]:
    """The chat of an address, and the topic that a message to it bears. Raises ChannelRefused for what is no topic."""
    chat, slash, topic = address.partition("/")
    if not slash:
        return chat, None
    if not (topic.isascii() and topic.isdigit()):
        raise ChannelRefused("telegram: a topic is a number")
    return chat, int(topic) if int(topic) != _GENERAL else None


def topic_of(message: Message) -> int | None:
    """The topic that an answer to a message bears, to stay in it. Answers elsewhere have a thread, but no topic."""
    return message.message_thread_id if message.is_topic_message else None


def addresses(message: MaybeInaccessibleMessage | None) -> tuple[str, ...]:
    """The addresses of where a message is, as a rulebook may have them; none where that cannot be told."""
    if message is None:
        return ()
    chat = message.chat
    names = (str(chat.id), f"@{chat.username}") if chat.username else (str(chat.id),)
    if isinstance(message, InaccessibleMessage) and chat.is_forum:
        return ()  # too old: Telegram does not say in which topic
    topic = topic_of(message) if isinstance(message, Message) else None
    if topic is not None and topic != _GENERAL:
        return tuple(f"{name}/{topic}" for name in names)
    general = tuple(f"{name}/{_GENERAL}" for name in names) if chat.type in _GROUPS else ()
    return (*names, *general)
