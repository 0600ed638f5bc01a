"""What is answered in a chat, before a medium gives it its form.

Texts are plain: a renderer escapes them for its medium. A line may hold `code` between backticks, nothing else. A
button carries the words of a command, as a person would type them, so that a press and a typed command are one.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from server.model.draft import Place

__all__ = ["Button", "Field", "Item", "Pages", "Prompt", "Reply", "Table", "Tone"]

Tone: TypeAlias = Literal["plain", "good", "bad"]


class Button(msgspec.Struct, frozen=True):
    """Something to press: its label and the command that it runs."""

    label: str
    command: str
    style: Literal["plain", "primary", "danger"] = "plain"


class Field(msgspec.Struct, frozen=True):
    """A short value with its name."""

    label: str
    value: str


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One of a list: a lead, a rule, a mistake with its line; with what can be done about it.

    `number` is its place in a ranking; 0 where there is none.
    """

    title: str
    lines: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    code: str = ""
    number: int = 0

    @property
    def heading(self) -> str:
        """The title, with the place before it."""
        return f"{self.number}. {self.title}" if self.number else self.title


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows under headings, shown in columns of equal width; `numbers` are the columns set to the right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()

    def lines(self, width: int = 32) -> list[str]:
        """The table as text, a heading and a line a row; a cell longer than `width` is cut."""
        shown = [tuple(_cut(cell, width) for cell in row) for row in (self.columns, *self.rows)]
        sizes = [max(len(row[at]) for row in shown) for at in range(len(self.columns))]
        lines = []
        for row in shown:
            cells = [
                cell.rjust(size) if at in self.numbers else cell.ljust(size)
                for at, (cell, size) in enumerate(zip(row, sizes, strict=True))
            ]
            lines.append("  ".join(cells).rstrip())
        return lines


class Pages(msgspec.Struct, frozen=True, kw_only=True):
    """Which page of a long answer this is, and the commands that show its neighbours."""

    number: int
    previous: Button | None = None
    next: Button | None = None

    @property
    def buttons(self) -> tuple[Button, ...]:
        return tuple(button for button in (self.previous, self.next) if button)


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A text that is asked for: in a form, in an editor, as the answer to a message.

    `place` is what it is about, `title` that in words, `text` what stands there now, `file` what a file of it is called
    ("": a text this short is not sent as one), `hint` how to answer here, `command` what asks for it again.
    """

    place: Place
    title: str
    hint: str
    text: str = ""
    file: str = ""
    command: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. It is shown from top to bottom in the order of these fields; empty ones are left out."""

    title: str = ""
    lines: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    table: Table | None = None
    items: tuple[Item, ...] = ()
    code: str = ""
    footer: str = ""
    buttons: tuple[Button, ...] = ()
    pages: Pages | None = None
    tone: Tone = "plain"
    prompt: Prompt | None = None
    settles: bool = False  # it takes the place of the message whose button was pressed

    @property
    def summary(self) -> str:
        """The answer in one line, for a notification or a toast."""
        return self.title or (self.lines[0] if self.lines else self.footer)

    @property
    def all_buttons(self) -> tuple[Button, ...]:
        return (*self.buttons, *(self.pages.buttons if self.pages else ()))


def _cut(text: str, width: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"
