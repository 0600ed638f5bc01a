"""Messages that lie and wait: in an inbox on the site, for a printer."""

from __future__ import annotations

import msgspec

from rules.contact import Millis

__all__ = ["InboxMessage", "PrintRow"]


class InboxMessage(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """A message in an inbox; `read` 0: not yet."""

    id: str
    time: Millis
    title: str = ""
    text: str = ""
    html: str = ""
    link: str = ""
    image: str = ""
    read: Millis = 0


class PrintRow(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """One letter: the message's name, the columns of its head, its text."""

    message: str
    delivery: str
    time: Millis
    fields: dict[str, str]
    text: str
