"""The part of a rulebook that its triggers depend on: all that is needed to tell how often they fire."""

from __future__ import annotations

from collections.abc import Container

import msgspec

from rules.rulebook import (
    AddPoints,
    AddToList,
    AlertTeam,
    OnEnter,
    OnLeave,
    RemoveFromList,
    Rulebook,
    SetAttribute,
    Trigger,
    meaning,
)

__all__ = ["fires_alike", "reacting"]

_CHANGES = (AddPoints, AddToList, RemoveFromList, SetAttribute)  # actions after which other rules may decide otherwise


def reacting(book: Rulebook, names: Container[str] | None = None) -> Rulebook:
    """The rulebook without the scores and segments that cannot make a trigger fire, and without the words of alerts.

    `names` chooses some of the triggers.
    """
    triggers = {name: _wordless(one) for name, one in book.triggers.items() if names is None or name in names}
    segments, score = _read(book, triggers)
    return msgspec.structs.replace(
        book,
        triggers=triggers,
        segments={name: one for name, one in book.segments.items() if name in segments},
        scores=dict(book.scores) if score else {},
        scenarios={},
        digests={},
    )


def fires_alike(present: Rulebook, draft: Rulebook) -> bool:
    """Whether the triggers of the present rulebook fire under the draft as they do now; it may have others besides."""
    if any(name not in draft.triggers for name in present.triggers):
        return False
    others = (one for name, one in draft.triggers.items() if name not in present.triggers)
    if any(isinstance(action, _CHANGES) for one in others for action in one.actions):
        return False
    kept = ("attributes", "purposes", "triggers", "segments", "scores")
    mine, theirs = reacting(present), reacting(draft, present.triggers)
    return all(_meanings(mine, table) == _meanings(theirs, table) for table in kept)


def _meanings(book: Rulebook, table: str) -> dict[str, object]:
    return {name: meaning(one) for name, one in getattr(book, table).items()}


def _wordless(trigger: Trigger) -> Trigger:
    actions = tuple(
        msgspec.structs.replace(action, text="") if isinstance(action, AlertTeam) else action
        for action in trigger.actions
    )
    return msgspec.structs.replace(trigger, actions=actions)


def _read(book: Rulebook, triggers: dict[str, Trigger]) -> tuple[set[str], bool]:
    """The segments that decide about triggers, through other rules too, and whether the score does."""
    pending: list[str] = []
    found: set[str] = set()
    score = False

    def reads(expression: object) -> None:
        nonlocal score
        pending.extend(expression.reads.segments)  # type: ignore[attr-defined]
        if expression.reads.reads_score and not score:  # type: ignore[attr-defined]
            score = True
            for one in book.scores.values():
                if one.when is not None:
                    reads(one.when.expression)

    for trigger in triggers.values():
        if isinstance(trigger.occasion, OnEnter | OnLeave):
            pending.append(trigger.occasion.segment)
        for condition in (trigger.when, *(one.value for one in trigger.actions if isinstance(one, SetAttribute))):
            if condition is not None:
                reads(condition.expression)
    while pending:
        name = pending.pop()
        if name not in found and name in book.segments:
            found.add(name)
            reads(book.segments[name].condition.expression)
    return found, score
