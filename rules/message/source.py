"""The source of a message: a head of `name: value` lines between two lines of `---`, the body, a text part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from rules.errors import Problem
from rules.near import nearest
from rules.syntax import excerpt_at

__all__ = ["ABOUT", "CHANNELS", "LAYOUT", "Format", "Piece", "Source", "problem", "read_source"]

Format: TypeAlias = Literal["markdown", "html", "text", "json"]

LAYOUT: Final = "layout"  # the name of the message that e-mails are put into
CHANNELS: Final = ("email", "sms", "push", "inbox", "print", "webhook")
ABOUT: Final = ("format", "owner", "expires")  # values of a head that are about the template, and not sent
LARGEST: Final = 100_000  # characters of a source

_FORMATS: Final[dict[str, tuple[Format, ...]]] = {
    "email": ("markdown", "html", "text"),
    "sms": ("text",),
    "push": ("text",),
    "inbox": ("markdown", "html", "text"),
    "print": ("markdown", "html", "text"),
    "webhook": ("json",),
}
_NEEDED: Final = {"email": "subject", "push": "title", "inbox": "title"}
_OF_EMAIL: Final = ("subject", "preheader", "title", "link", "image", "reply_to", *ABOUT)
_LINE: Final = re.compile(r"([a-z][a-z0-9_]*)[ \t]*:[ \t]*(.*)")
_TEXT: Final = re.compile(r"---[ \t]*text[ \t]*---[ \t]*")
_FENCE: Final = re.compile(r"---[ \t]*")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class Piece(msgspec.Struct, frozen=True):
    """A part of a source, with the line (from 1) and the column before which it begins."""

    text: str
    line: int = 1
    column: int = 0


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A source taken apart; `about` are the values of its head that say something of the template itself."""

    head: dict[str, Piece]
    about: dict[str, str]
    body: Piece
    text: Piece | None = None


def read_source(text: str, channel: str, format: Format, name: str = "") -> tuple[Source, list[Problem]]:  # noqa: A002
    """Take a source apart; with what is wrong in it, in order of place."""
    if len(text) > LARGEST:
        return _nothing(), [problem([""], 1, 1, f"a message has at most {LARGEST} characters", "too long")]
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    found: list[Problem] = []
    for number, line in enumerate(lines, 1):
        if strange := _CONTROL.search(line):
            found.append(problem(lines, number, strange.start() + 1, "a control character has no place here", "text"))
    head, about, start = _head(lines, channel, found)
    end = next((at for at in range(start, len(lines)) if _TEXT.fullmatch(lines[at])), None)
    body = Piece("\n".join(lines[start:end]), start + 1)
    part = None if end is None else Piece("\n".join(lines[end + 1 :]), end + 2)
    source = Source(head=head, about=about, body=body, text=part)
    found += _unfit(source, lines, channel, format, name)
    return source, found


def problem(
    lines: Sequence[str],
    line: int,
    column: int,
    message: str,
    code: str,
    *,
    suggestion: str | None = None,
    length: int = 1,
) -> Problem:
    """A mistake with the line that it is in."""
    found = Problem(line=line, column=column, message=message, code=code, suggestion=suggestion, length=length)
    return excerpt_at(list(lines), found)


def _nothing() -> Source:
    return Source(head={}, about={}, body=Piece(""))


def _head(lines: Sequence[str], channel: str, found: list[Problem]) -> tuple[dict[str, Piece], dict[str, str], int]:
    """The values of the head, those about the template, and the index of the line after it."""
    if not _FENCE.fullmatch(lines[0]):
        return {}, {}, 0
    head: dict[str, Piece] = {}
    about: dict[str, str] = {}
    for at in range(1, len(lines)):
        line = lines[at]
        if _FENCE.fullmatch(line):
            return head, about, at + 1
        if not line.strip() or line.startswith("#"):
            continue
        read = _LINE.fullmatch(line.rstrip())
        if read is None:
            found.append(problem(lines, at + 1, 1, "the head holds lines such as `subject: Welcome`", "head"))
        elif read[1] in head or read[1] in about:
            found.append(problem(lines, at + 1, 1, f"{read[1]} stands twice", "duplicate", length=len(read[1])))
        elif channel == "email" and read[1] not in _OF_EMAIL:
            near = nearest(read[1], _OF_EMAIL)
            message = f"an e-mail has no {read[1]}"
            found.append(problem(lines, at + 1, 1, message, "unknown name", suggestion=near, length=len(read[1])))
        elif read[1] in ABOUT:
            about[read[1]] = read[2]
        else:
            head[read[1]] = Piece(read[2], at + 1, read.start(2))
    found.append(problem(lines, 1, 1, "the head is not closed: it ends with a line of ---", "head", length=3))
    return head, about, len(lines)


def _unfit(source: Source, lines: Sequence[str], channel: str, format: Format, name: str) -> list[Problem]:  # noqa: A002
    """What a channel needs and does not take."""
    found = []
    if format not in _FORMATS[channel]:
        taken = " or ".join(_FORMATS[channel])
        found.append(problem(lines, 1, 1, f"{channel} takes messages in the format {taken}, not {format}", "format"))
    needed = _NEEDED.get(channel, "")
    if needed and name != LAYOUT and (needed not in source.head or not source.head[needed].text):
        message = f"the {needed} is missing: write `{needed}: …` between two lines of --- above the body"
        found.append(problem(lines, 1, 1, message, "missing"))
    if source.text is not None and (format not in ("markdown", "html") or name == LAYOUT):
        message = "only markdown and html have a text part of their own"
        found.append(problem(lines, source.text.line - 1, 1, message, "text part"))
    if not source.body.text.strip():
        found.append(problem(lines, min(source.body.line, len(lines)), 1, "the message is empty", "empty"))
    return found
