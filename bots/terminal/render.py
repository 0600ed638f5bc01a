"""Replies as lines of text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from bots.replies import Button, Reply

__all__ = ["render"]

_BOLD, _DIM, _GREEN, _RED, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[0m"


def render(reply: Reply, *, colour: bool = False) -> str:
    """The reply as text; with `colour`, headings and buttons are set off by ANSI sequences."""
    return "\n".join(_lines(reply, colour))


def _lines(reply: Reply, colour: bool) -> Iterator[str]:
    tone = {"good": _GREEN, "bad": _RED, "plain": ""}[reply.tone]
    if reply.title:
        yield _set(_clean(reply.title), _BOLD + tone, colour)
    yield from (_clean(line) for line in reply.lines)
    if reply.fields:
        width = max(len(field.label) for field in reply.fields)
        yield from (f"  {_clean(field.label).ljust(width)}  {_clean(field.value) or '—'}" for field in reply.fields)
    if reply.table and reply.table.rows:
        heading, *rows = reply.table.lines(48)
        yield _set("  " + _clean(heading), _DIM, colour)
        yield from ("  " + _clean(row) for row in rows)
    for item in reply.items:
        yield _set(_clean(item.heading), _BOLD, colour)
        yield from ("  " + _clean(line) for line in item.lines)
        yield from ("    " + _clean(line) for line in item.code.splitlines())
        yield from _buttons(item.buttons, colour, "  ")
    if reply.code:
        yield from ("  " + _clean(line) for line in reply.code.splitlines())
    if reply.prompt:
        yield from ("  " + _clean(line) for line in reply.prompt.text.splitlines())
        yield _set(_clean(reply.prompt.hint), _DIM, colour)
    yield from _buttons(reply.all_buttons, colour, "")
    if reply.footer:
        yield _set(_clean(reply.footer), _DIM, colour)


def _buttons(buttons: tuple[Button, ...], colour: bool, indent: str) -> Iterator[str]:
    """A button is the words to type."""
    if buttons:
        yield indent + _set("→ " + "  ·  ".join(_clean(button.command) for button in buttons), _DIM, colour)


def _set(text: str, style: str, colour: bool) -> str:
    return f"{style}{text}{_PLAIN}" if colour else text


def _clean(text: str) -> str:
    """Without control characters: an event's text must not steer the terminal. A line end stays within the line."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
