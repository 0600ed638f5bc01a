"""All that is wrong with the Jinja2 of a message, with its place."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from jinja2 import TemplateSyntaxError, nodes

from rules.errors import Problem
from rules.message.sandbox import sandbox
from rules.message.source import LAYOUT, Piece, problem
from rules.near import nearest
from rules.rulebook import Rulebook
from rules.template_check import Mistake, Names, mistakes, references

__all__ = ["LINKS", "check_layout", "check_piece", "fields_read", "names_of"]

LINKS: Final = ("unsubscribe", "preferences", "view")
_NAMES: Final = ("contact", "entry", "event", "score", "now", "links", "purpose", "locale", "sender")
_OF_LAYOUT: Final = ("content", "subject", "preheader", "footer")
_WHOLE: Final = ("contact", "event", "entry")
_FIELDS: Final = {
    "links": LINKS,
    "purpose": ("name", "wording"),
    "footer": ("why", "unsubscribe", "preferences", "view"),
}


def names_of(book: Rulebook, name: str) -> Names:
    """The names that a message of this name may use."""
    names = (*_NAMES, *_OF_LAYOUT) if name == LAYOUT else _NAMES
    return Names(names=names, attributes=book.attributes, fields=_FIELDS)


def check_piece(piece: Piece, lines: Sequence[str], known: Names, book: Rulebook) -> list[Problem]:
    """What is wrong with one text of a message."""
    try:
        tree = sandbox().parse(piece.text)
    except TemplateSyntaxError as error:
        at = piece.line + error.lineno - 1
        message = f"this text is not a valid template: {error.message}"
        return [problem(lines, at, _begin(piece, error.lineno), message, "template")]
    except RecursionError:
        return [problem(lines, piece.line, 1, "this text is nested too deep", "template")]
    found = [_placed(one, piece, lines) for one in mistakes(tree, sandbox(), known)]
    tables: dict[str, Collection[str]] = {"segment": book.segments, "list": book.lists, "purpose": book.purposes}
    for kind, name, line in references(tree):
        if name not in tables[kind]:
            near = nearest(name, tables[kind])
            one = Mistake(written=name, message=f"unknown {kind} {name}", code="unknown", line=line, suggestion=near)
            found.append(_placed(one, piece, lines))
    return found


def check_layout(piece: Piece, lines: Sequence[str], needed: Sequence[str]) -> list[Problem]:
    """What a layout, or a document that goes without one, lacks: `content`, `links.unsubscribe`."""
    try:
        tree = sandbox().parse(piece.text)
    except (TemplateSyntaxError, RecursionError):
        return []
    read = {node.name for node in tree.find_all(nodes.Name)}
    for node in tree.find_all(nodes.Getattr):
        if isinstance(node.node, nodes.Name):
            read.add(f"{node.node.name}.{node.attr}")
    return [
        problem(lines, piece.line, 1, f"{{{{ {name} }}}} is missing: every e-mail needs it", "missing")
        for name in needed
        if name not in read
    ]


def fields_read(piece: Piece) -> Iterator[str]:
    """The names that a text without mistakes reads of contact, event and entry; "*" where it reads one as a whole."""
    tree = sandbox().parse(piece.text)
    read = 0
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        field = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", "*")  # type: ignore[attr-defined]
        yield "*" if field == "properties" else str(field)
        read += isinstance(node.node, nodes.Name) and node.node.name in _WHOLE  # type: ignore[attr-defined]
    for named in tree.find_all(nodes.Keyword):  # `map(attribute="email")`
        yield str(getattr(named.value, "value", "*"))
    if sum(node.name in _WHOLE for node in tree.find_all(nodes.Name)) > read:
        yield "*"


def _placed(one: Mistake, piece: Piece, lines: Sequence[str]) -> Problem:
    number = piece.line + one.line - 1
    line = lines[number - 1] if number <= len(lines) else ""
    begin = _begin(piece, one.line) - 1
    written = re.compile(rf"(?<!\w){re.escape(one.written)}(?!\w)")
    found = _within(line, begin, written) if one.written else None
    column, length = (found.start() + 1, len(one.written)) if found else (begin + 1, 1)
    return problem(lines, number, column, one.message, one.code, suggestion=one.suggestion, length=length)


def _within(line: str, begin: int, written: re.Pattern[str]) -> re.Match[str] | None:
    """Where something stands in a line: within the braces of Jinja2 first."""
    for braces in re.finditer(r"\{[{%].*?(?:[}%]\}|$)", line):
        if braces.start() >= begin and (found := written.search(line, braces.start(), braces.end())):
            return found
    return written.search(line, begin)


def _begin(piece: Piece, line: int) -> int:
    """The column in which a line of a piece begins."""
    return piece.column + 1 if line == 1 else 1
