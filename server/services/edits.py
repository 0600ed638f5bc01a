"""An edit of a draft: what it is about, what comes of it, and where in the text it belongs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from rules import RuleErrors, editing, parse_rulebook
from rules.contact import Millis
from rules.editing import Change, Edited, Piece
from rules.errors import Problem
from server.errors import Ambiguous, Conflict, NotFound
from server.model.actor import Actor
from server.model.draft import Draft, Place
from server.model.preview import MovedStep
from server.services.preview_report import moved_steps
from server.services.rulebooks import Checked

__all__ = ["Asked", "Difference", "DraftView", "Edit", "Moved", "Rerouted", "Rival", "StatementChanged", "Updated"]
__all__ += ["digest", "edited", "one_of", "place_of", "rerouted", "within"]


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What was published after the version that a draft was made from.

    `same` are the statements that both change: `before` as they are published now, `after` as in the draft.
    """

    version: int
    author: str
    time: Millis
    changes: tuple[Change, ...]
    same: tuple[Change, ...]


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody else's draft that changes the same statement."""

    name: str
    change: Change


class DraftView(msgspec.Struct, frozen=True, kw_only=True):
    """A draft as it stands: what it changes of its base, what it is worth, and whether the base has moved on."""

    draft: Draft
    changes: tuple[Change, ...]
    checked: Checked
    moved: Moved | None = None


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an edit. `here` are the mistakes in the text that was given, with their lines in it: where there are
    some and the draft stayed as it was, `saved` is False."""

    view: DraftView
    saved: bool
    here: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    rivals: tuple[Rival, ...] = ()


class Updated(msgspec.Struct, frozen=True, kw_only=True):
    """A draft that was brought up to what was `moved`; where there are `conflicts`, it was not."""

    view: DraftView
    moved: Moved | None = None
    conflicts: tuple[Change, ...] = ()


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A text that is to be written: what it is about, what stands there now, and what else is to be known."""

    place: Place
    text: str
    base: int
    moved: Moved | None = None
    rivals: tuple[Rival, ...] = ()


class Rerouted(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the runs that wait at the steps of a scenario that is written otherwise."""

    scenario: str
    steps: tuple[MovedStep, ...]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What is between two texts; version 0 is the draft. `rerouted`: where waiting runs go on, as far as both texts
    are right."""

    old: int
    new: int
    changes: tuple[Change, ...]
    rerouted: tuple[Rerouted, ...] = ()


def rerouted(old: str, new: str, changes: Iterable[Change]) -> tuple[Rerouted, ...]:
    """What becomes of runs under a changed text; nothing where a text has mistakes. Takes as long as parsing both."""
    names = [change.name for change in changes if change.kind == "scenario" and change.before and change.after]
    if not names:
        return ()
    try:
        before, after = parse_rulebook(old), parse_rulebook(new)
    except RuleErrors:
        return ()
    found = [Rerouted(scenario=name, steps=tuple(moved_steps(before, after, name))) for name in names]
    return tuple(each for each in found if each.steps)


class StatementChanged(Conflict):
    """The statement is not as it was when it was shown; `change` leads from what it is now to what was written."""

    def __init__(self, change: Change, by: str) -> None:
        what = f"{change.kind} {change.name}".strip()
        super().__init__(f"{what} was changed meanwhile", code="statement_changed", rule=what, by=by)
        self.change = change


def edited(draft: Draft, place: Place, given: str, author: str) -> Edited:
    """The draft's text with what was given in its place; raises `StatementChanged`."""
    if place.what == "rulebook":
        return Edited(given if given.endswith("\n") else given + "\n", 1, given.count("\n") + 1)
    if place.what == "new":
        return editing.add(draft.text, given)
    known = editing.pieces(draft.text)
    for piece in known:
        if digest(piece.text) == place.digest and (piece.kind, piece.name) == (place.kind, place.name):
            return editing.replace(draft.text, piece, given)
    there = next((one for one in known if place.name and (one.kind, one.name) == (place.kind, place.name)), None)
    if there is not None and there.text == given.strip("\n").rstrip():  # it came twice
        return Edited(draft.text, there.line, there.end - there.line + 1)
    change = Change(kind=place.kind, name=place.name, before=there.text if there else None, after=given.strip("\n"))
    raise StatementChanged(change, author)


def within(checked: Checked, made: Edited) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """The mistakes and the warnings that lie in what was put in, with their lines in that."""

    def here(problems: list[Problem]) -> tuple[Problem, ...]:
        lines = range(made.first, made.first + made.length)
        return tuple(replace(one, line=one.line - made.first + 1) for one in problems if one.line in lines)

    return here(checked.problems), here(checked.warnings)


def one_of(text: str, kind: str, name: str, verb: str) -> Piece:
    """The statement that a name, or the number of one of its lines, means; raises `NotFound`, `Ambiguous`."""
    if name.isdecimal() and not kind:
        line = int(name[:9])
        above = [piece for piece in editing.pieces(text) if piece.line <= line]
        if above:
            return above[-1]
        raise NotFound("there is no statement at this line", code="no_line", line=name[:9])
    found = editing.find(text, kind, name)
    if not found:
        raise NotFound("there is no such rule in the draft", code="no_rule_here", name=name)
    if len({piece.kind for piece in found}) > 1:
        choices = [f"{verb} {piece.kind} {name}" for piece in found]
        raise Ambiguous("several rules have this name", choices, code="many_rules", name=name)
    return found[0]


def place_of(actor: Actor, piece: Piece) -> Place:
    return Place(what="statement", kind=piece.kind, name=piece.name, digest=digest(piece.text), person=actor.id)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
