"""The shape of the updates that Telegram sends, as far as we rely on it: https://core.telegram.org/bots/api#update."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = ["Received"]

Moment = Annotated[int, msgspec.Meta(ge=0, le=1 << 33)]


class _Chat(msgspec.Struct):
    id: int
    type: str


class _Person(msgspec.Struct):
    id: int
    language_code: str | None = None


class _Document(msgspec.Struct):
    file_id: str
    file_unique_id: str
    file_name: str | None = None
    mime_type: str | None = None
    file_size: int | None = None


class _Answered(msgspec.Struct):
    message_id: int
    date: Moment
    chat: _Chat


class _Message(msgspec.Struct, rename={"sender": "from"}):
    message_id: int
    date: Moment
    chat: _Chat
    text: str | None = None
    sender: _Person | None = None
    message_thread_id: int | None = None
    is_topic_message: bool | None = None
    document: _Document | None = None
    reply_to_message: _Answered | None = None


class _Press(msgspec.Struct, rename={"sender": "from"}):
    id: str
    sender: _Person
    data: str | None = None
    message: _Message | None = None


class Received(msgspec.Struct):
    """An update. The library takes the parts of any type, and fails on them later."""

    update_id: int
    message: _Message | None = None
    callback_query: _Press | None = None
