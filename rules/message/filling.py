"""Marks → values: escaped for HTML, quoted for JSON, or as they are."""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from rules.message.sandbox import MARK, Html, Marks, Missing, text_of_value

__all__ = ["filled", "filled_html", "filled_json", "one_line"]

_SAFE: Final = frozenset({"http", "https", "mailto", "tel", "sms", ""})
_WEB: Final = re.compile(r"https?://[!-Z\\^-~]*")  # an address of the web that `urlsplit` finds nothing wrong with
_ADDRESSES: Final = frozenset(("href", "src", "background", "action"))
_NAMED: Final = re.compile(r"([\w-]+)\s*=\s*$")  # the name of an attribute before its quote
_BARE: Final = re.compile(r"\s([\w-]+)\s*=\s*$")
_QUOTE: Final = re.compile(r"\\.|\"", re.DOTALL)


def filled(marked: str, marks: Marks) -> str:
    """A marked text with its values as they are."""
    return MARK.sub(lambda found: _plain(found, marks), marked)


def one_line(marked: str, marks: Marks) -> str:
    """A marked value of a head with its values, in one line and without control characters."""
    text = filled(marked, marks)
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(text.split())


class _Place(NamedTuple):
    """A place in marked HTML that a value is put into: what stands before it, and how it is put there.

    `marked` is the mark, or the whole address that it stands in; `quotes` are put around the value of an attribute
    that has none.
    """

    before: str
    marked: str
    number: int
    address: bool
    quotes: str


def filled_html(marked: str, marks: Marks) -> str:
    """Marked HTML with its values escaped; an address that does not lead to the web, to mail or to a phone leads
    nowhere, and a value that is an attribute without quotes gets some."""
    parts: list[str] = []
    places, rest = _places(marked)
    for before, own, number, address, quotes in places:
        value = _address(own, marks) if address else _escaped(own, number, marks)
        parts += (before, quotes, value, quotes)
    parts.append(rest)
    return "".join(parts)


@functools.lru_cache(maxsize=128)
def _places(marked: str) -> tuple[Sequence[_Place], str]:
    """The places of marked HTML, and what stands behind the last; they do not depend on the values."""
    places: list[_Place] = []
    done = 0
    for found in MARK.finditer(marked):
        if found.start() < done:
            continue  # within an address that is done
        before, number = marked[done : found.start()], int(found[1])
        quote = _address_opened(before)
        if quote:
            start = done + before.rindex(quote) + 1
            end = marked.find(quote, found.end())
            end = len(marked) if end < 0 else end
            places.append(_Place(marked[done:start], marked[start:end], number, True, ""))
            done = end
            continue
        within = marked.rfind("<", 0, found.start()) > marked.rfind(">", 0, found.start())
        bare = _BARE.search(before[-60:]) if within else None
        address = bare is not None and bare[1].lower() in _ADDRESSES
        places.append(_Place(before, found[0], number, address, '"' if bare is not None else ""))
        done = found.end()
    return places, marked[done:]


def _address_opened(before: str) -> str:
    """The quote that opens an address which this text ends within; "" where it ends within none."""
    for quote in ('"', "'"):
        at = before.rfind(quote)
        name = _NAMED.search(before[max(at - 30, 0) : at]) if at > 0 else None
        if name is not None and name[1].lower() in _ADDRESSES:
            return quote
    return ""


def _address(marked: str, marks: Marks) -> str:
    whole = html.unescape(filled(marked, marks)).strip()
    return html.escape(whole if _safe(whole) else "#")


def _escaped(mark: str, number: int, marks: Marks) -> str:
    if number >= len(marks.values):
        return mark
    own = marks.values[number]
    return own if isinstance(own, Html) else html.escape(text_of_value(own))


def filled_json(marked: str, marks: Marks) -> str:
    """Marked JSON with its values: within quotes as text, elsewhere as JSON values (a missing one is null)."""
    parts, quoted, last = [], False, 0
    for found in MARK.finditer(marked):
        before = marked[last : found.start()]
        parts.append(before)
        quoted ^= sum(one[0] == '"' for one in _QUOTE.finditer(before)) % 2 == 1
        number = int(found[1])
        value = marks.values[number] if number < len(marks.values) else None
        said = json.dumps(text_of_value(value), ensure_ascii=False)[1:-1] if quoted else _json(value)
        parts.append(said)
        last = found.end()
    parts.append(marked[last:])
    return "".join(parts)


def _plain(found: re.Match[str], marks: Marks) -> str:
    number = int(found[1])
    return text_of_value(marks.values[number]) if number < len(marks.values) else found[0]


def _safe(address: str) -> bool:
    if _WEB.fullmatch(address):
        return True
    try:
        scheme = urlsplit("".join(letter for letter in address if letter.isprintable())).scheme
    except ValueError:
        return False
    return scheme.lower() in _SAFE


def _json(value: Any) -> str:
    """A value as JSON; what JSON has no form for as text."""
    if isinstance(value, Missing):
        return "null"
    if isinstance(value, bool | int | float | str) or value is None:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_json(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {_json(item)}" for key, item in value.items()) + "}"
    said = text_of_value(value)
    return said if re.fullmatch(r"-?\d+(\.\d+)?", said) else json.dumps(said, ensure_ascii=False)
