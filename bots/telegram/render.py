"""Replies as Telegram messages in HTML.

Telegram's limits (https://core.telegram.org/bots/api): 4,096 characters a message once its markup is read, counted in
UTF-16 units; 64 bytes of callback data. A longer reply becomes several messages, with the buttons under the last; a
command too long for a button is written out to be sent by hand. All keys stand under the message, so those of several
items bear the item's number.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from html import escape as _html
from html import unescape

import msgspec
from msgspec.structs import replace

from bots.replies import Button, Field, Item, Prompt, Reply

__all__ = ["TOAST", "Key", "Message", "as_file", "render", "toast"]

CHARACTERS = 4096
CALLBACK = 64
TOAST = 200
LABEL = 40
ROW = 3  # keys side by side: a telephone cuts the labels of more
SHOWN = 3500  # of a text that is asked for: a longer one is a file

_TAG = re.compile(r"</?(?:b|i|code|pre)>")
_CODE = re.compile(r"`([^`]+)`")


class Key(msgspec.Struct, frozen=True):
    """A button of an inline keyboard: its label, and what it sends back or which page it opens."""

    label: str
    data: str
    url: str = ""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message: its HTML, and the rows of its keyboard."""

    text: str
    keyboard: tuple[tuple[Key, ...], ...] = ()


def render(reply: Reply) -> list[Message]:
    """The reply as one message, or as several where it is too long for one."""
    reply = _numbered(reply)
    keyboard = tuple(_keyboard(reply))
    texts = [text for text in _messages(_parts(reply)) if unescape(_TAG.sub("", text)).strip()] or ["…"]
    return [
        Message(text=text, keyboard=keyboard if number == len(texts) else ())
        for number, text in enumerate(texts, start=1)
    ]


def toast(reply: Reply) -> str:
    """The reply in the few words that Telegram shows over a chat."""
    text = " · ".join(part for part in (reply.title, *reply.lines) if part).replace("`", "")
    return text if _units(text) <= TOAST else text[: TOAST // 2] + "…"


def as_file(prompt: Prompt) -> bool:
    """Whether the text of a prompt is to be a file."""
    return _units(prompt.text) > SHOWN


def _numbered(reply: Reply) -> Reply:
    """The reply with a number before each item that has keys, and before these keys, where several items have some."""
    if sum(bool(item.buttons) for item in reply.items) < 2:
        return reply
    places = itertools.count(1)
    return replace(
        reply, items=tuple(_with_number(item, next(places)) if item.buttons else item for item in reply.items)
    )


def _with_number(item: Item, place: int) -> Item:
    number = item.number or place
    buttons = tuple(replace(button, label=f"{number}. {button.label}") for button in item.buttons)
    return replace(item, number=number, buttons=buttons)


def _parts(reply: Reply) -> Iterator[str]:
    """Pieces of HTML, each with its markup closed and no longer than a message."""
    if reply.title:
        yield from _tagged("b", reply.title)
    for line in reply.lines:
        yield from _line(line)
    if reply.fields:
        yield ""
    for field in reply.fields:
        yield from _field(field)
    if reply.table and reply.table.rows:
        yield from _code(reply.table.lines(20))
    for item in reply.items:
        yield ""
        yield from _tagged("b", item.heading)
        for line in item.lines:
            yield from _line(line)
        yield from _code(item.code.splitlines())
    if reply.code:
        yield from _code(reply.code.splitlines())
    if reply.prompt:
        if not as_file(reply.prompt):
            yield from _code(reply.prompt.text.splitlines())
        yield from _tagged("i", reply.prompt.hint)
    for button in _all_buttons(reply):
        if len(button.command.encode()) > CALLBACK:
            yield from _line(f"{button.label}: `/{button.command}`")
    if reply.footer:
        yield ""
        yield from _tagged("i", reply.footer)


def _all_buttons(reply: Reply) -> Iterator[Button]:
    for item in reply.items:
        yield from item.buttons
    yield from reply.all_buttons


def _keyboard(reply: Reply) -> Iterator[tuple[Key, ...]]:
    rows = [item.buttons for item in reply.items]
    rows += [reply.buttons, reply.pages.buttons if reply.pages else ()]
    for buttons in rows:
        row = tuple(
            Key(button.label[:LABEL], button.command) for button in buttons if len(button.command.encode()) <= CALLBACK
        )
        for at in range(0, len(row), ROW):
            yield row[at : at + ROW]


def _messages(parts: Iterable[str]) -> Iterator[str]:
    text = ""
    for part in parts:
        if text and _length(text) + 1 + _length(part) > CHARACTERS:
            yield text
            text = part
        else:
            text = f"{text}\n{part}" if text else part
    if text.strip():
        yield text


def _field(field: Field) -> Iterator[str]:
    """The label in bold, which no language's punctuation has to part from the value."""
    parts = [*_tagged("b", field.label), *_line(field.value or "—")]
    whole = " ".join(parts)
    yield from [whole] if _length(whole) <= CHARACTERS else parts


def _line(line: str) -> Iterator[str]:
    for piece in _pieces(line, CHARACTERS):
        yield _CODE.sub(r"<code>\1</code>", _html(piece, quote=False))


def _tagged(tag: str, text: str) -> Iterator[str]:
    for piece in _pieces(text, CHARACTERS):
        yield f"<{tag}>{_html(piece, quote=False)}</{tag}>"


def _code(lines: Iterable[str]) -> Iterator[str]:
    block: list[str] = []
    size = 0
    for whole in lines:
        for line in _pieces(whole, CHARACTERS - 1):
            length = _units(line) + 1
            if block and size + length > CHARACTERS:
                yield f"<pre>{chr(10).join(block)}</pre>"
                block, size = [], 0
            block.append(_html(line, quote=False))
            size += length
    if block:
        yield f"<pre>{chr(10).join(block)}</pre>"


def _pieces(text: str, limit: int) -> Iterator[str]:
    """The text in pieces of at most `limit` UTF-16 units."""
    start = size = 0
    for at, letter in enumerate(text):
        length = 2 if ord(letter) > 0xFFFF else 1
        if size + length > limit:
            yield text[start:at]
            start, size = at, 0
        size += length
    yield text[start:]


def _length(part: str) -> int:
    """How long a piece of HTML of ours is to Telegram."""
    return _units(unescape(_TAG.sub("", part)))


def _units(text: str) -> int:
    return len(text) + sum(ord(letter) > 0xFFFF for letter in text)
