"""A rulebook's text as statements to be changed one by one, also where it has mistakes: edits, differences, merges.

Nothing here understands a statement: it is found by its keyword and its name, and moved as it was written.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

import msgspec

from rules.parsing import HEADS, head_of, value_of
from rules.syntax import Statement, cut
from rules.words import pattern

__all__ = ["Change", "Edited", "Merged", "Piece", "add", "changes", "find", "merge", "pieces", "remove", "replace"]

_NAME = re.compile(r"\s*([a-z][a-z0-9_]*)(?!\w)")
_NAMELESS = ("quiet hours", "comment")
_ORDER = {kind: place for place, kind in enumerate(HEADS)}


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A statement in a text: its kind and name ("" where they cannot be told), its first and last line, its text."""

    kind: str
    name: str
    line: int
    end: int
    text: str

    @property
    def key(self) -> tuple[str, str]:
        """By what it is the same in another text: its kind and name, else all of it."""
        return _key(self.kind, self.name, self.text)


class Edited(msgspec.Struct, frozen=True):
    """A text after an edit; what was put in begins at line `first` (0: nothing was) and is `length` lines long."""

    text: str
    first: int = 0
    length: int = 0


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one statement: `before` is None where it is new, `after` where it is gone.

    Comments, which belong to no statement, are one change of the kind "comment".
    """

    kind: str
    name: str
    before: str | None
    after: str | None

    @property
    def key(self) -> tuple[str, str]:
        return _key(self.kind, self.name, self.after or self.before or "")

    def lines(self) -> Iterator[str]:
        """The change as it is shown: `- ` before what goes, `+ ` before what comes, two spaces before what stays."""
        before, after = (self.before or "").splitlines(), (self.after or "").splitlines()
        matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
        for tag, start, end, new_start, new_end in matcher.get_opcodes():
            if tag == "equal":
                yield from (f"  {line}" for line in before[start:end])
            else:
                yield from (f"- {line}" for line in before[start:end])
                yield from (f"+ {line}" for line in after[new_start:new_end])


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """Two changed texts made one; `conflicts` are the statements that both changed, each differently.

    A conflict says what I made of the statement (`after`) of what they made of it (`before`).
    """

    text: str
    conflicts: tuple[Change, ...] = ()


def pieces(text: str) -> list[Piece]:
    """The statements of a text, in their order."""
    parts = cut(text)
    return [_piece(statement) for statement in parts.statements]


def find(text: str, kind: str, name: str) -> list[Piece]:
    """The statements of this name; `kind` "": of any kind."""
    return [piece for piece in pieces(text) if piece.name == name and kind in ("", piece.kind)]


def replace(text: str, piece: Piece, new: str) -> Edited:
    """Put a text in the place of a statement."""
    lines, given = _lines(text), _lines(new.strip("\n"))
    kept = [*lines[: piece.line - 1], *given, *lines[piece.end :]]
    return Edited(_joined(kept), piece.line, len(given))


def remove(text: str, piece: Piece) -> Edited:
    """Take a statement out; the comments above it stay."""
    lines = _lines(text)
    above, below = lines[: piece.line - 1], lines[piece.end :]
    while below and not below[0].strip() and (not above or not above[-1].strip()):
        del below[0]
    return Edited(_joined([*above, *below]))


def add(text: str, new: str) -> Edited:
    """Put statements behind the last of the kind that the first of them is, else where that kind belongs."""
    lines, given = _lines(text), _lines(new.strip("\n"))
    first = next((piece.kind for piece in pieces(new)), "")
    known = pieces(text)
    place, kind = 0, ""
    for piece in known:
        if piece.kind == first or (first and _rank(piece.kind) < _rank(first)):
            place, kind = piece.end, piece.kind
    if not first or not known:
        place, kind = len(lines), known[-1].kind if known else ""
    apart = place and (kind != first or len(given) > 1) and lines[place - 1].strip()
    close = place < len(lines) and lines[place].strip() and next(p.kind for p in known if p.line > place) != first
    kept = [*lines[:place], *([""] if apart else []), *given, *([""] if close else []), *lines[place:]]
    return Edited(_joined(kept), place + (2 if apart else 1), len(given))


def changes(old: str, new: str) -> list[Change]:
    """What became of the statements, in the order of the new text, those that are gone last."""
    before, after = _keyed(old), _keyed(new)
    found = [
        Change(kind=piece.kind, name=piece.name, before=before[key].text if key in before else None, after=piece.text)
        for key, piece in after.items()
        if key not in before or before[key].text != piece.text
    ]
    found += [
        Change(kind=piece.kind, name=piece.name, before=piece.text, after=None)
        for key, piece in before.items()
        if key not in after
    ]
    was, now = _comments(old), _comments(new)
    if was != now:
        found.append(Change(kind="comment", name="", before="\n".join(was), after="\n".join(now)))
    return found


def merge(base: str, mine: str, theirs: str, keep: str = "") -> Merged:
    """What both made of `base`, in one text.

    Where both changed one statement differently, `keep` says whose is taken ("mine", "theirs"); without it the text
    is mine, and the conflicts are listed.
    """
    own = {change.key: change for change in changes(base, mine)}
    other = {change.key: change for change in changes(base, theirs)}
    both = [key for key in own if key in other and own[key].after != other[key].after and key[0] != "comment"]
    if both and not keep:
        conflicts = tuple(
            Change(kind=key[0], name=key[1], before=other[key].after, after=own[key].after) for key in both
        )
        return Merged(text=mine, conflicts=conflicts)
    comment = ("comment", "")
    if comment in own and comment not in other:  # the comments are mine: bring their statements to my text
        return Merged(text=_applied(mine, [other[key] for key in other if key not in both or keep == "theirs"]))
    return Merged(text=_applied(theirs, [own[key] for key in own if key not in both or keep == "mine"]))


def _applied(text: str, made: Sequence[Change]) -> str:
    for change in made:
        if change.kind == "comment":
            continue
        piece = _keyed(text).get(change.key) or _keyed(text).get(("", change.before or ""))
        if piece is not None and change.after is None:
            text = remove(text, piece).text
        elif piece is not None and change.after is not None:
            text = replace(text, piece, change.after).text
        elif change.after is not None:
            text = add(text, change.after).text
    return text


def _piece(statement: Statement) -> Piece:
    header = statement.header
    kind, name = _head(header.text)
    last = statement.body[-1].end if statement.body else header.end
    return Piece(kind=kind, name=name, line=header.number, end=last, text=statement.text.rstrip())


def _head(text: str) -> tuple[str, str]:
    """The kind and the name that a line at the margin begins with."""
    for language, kind in head_of(text).items():
        word = re.match(pattern(kind, language), text)
        rest = text[word.end() :] if word else ""
        if kind == "limit":
            try:
                return kind, value_of(rest.partition(":")[0].strip(), "CHANNEL", language)
            except KeyError:
                continue
        found = _NAME.match(rest)
        if found or kind == "quiet hours":
            return kind, "" if kind == "quiet hours" or not found else found[1]
    return next(iter(head_of(text).values()), ""), ""


def _keyed(text: str) -> dict[tuple[str, str], Piece]:
    """The statements by what makes them the same; of two with one name the first."""
    found: dict[tuple[str, str], Piece] = {}
    for piece in pieces(text):
        key = piece.key if piece.key not in found else ("", piece.text)
        found.setdefault(key, piece)
    return found


def _comments(text: str) -> list[str]:
    return [comment.text.rstrip() for comment in cut(text).comments if comment.alone]


def _rank(kind: str) -> int:
    return _ORDER.get(kind, len(_ORDER))


def _key(kind: str, name: str, text: str) -> tuple[str, str]:
    return (kind, name) if name or kind in _NAMELESS else ("", text)


def _lines(text: str) -> list[str]:
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return text.rstrip("\n").split("\n") if text.strip("\n") else []


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n" if lines else ""
