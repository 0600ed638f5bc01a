"""The part of a rulebook that its triggers and scenarios depend on: all that is needed to tell how often they react."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from rules.rulebook import (
    AddPoints,
    AddToList,
    AlertTeam,
    Convert,
    If,
    OnEnter,
    OnLeave,
    RemoveFromList,
    Rulebook,
    Scenario,
    SetAttribute,
    Split,
    StartScenario,
    Step,
    StopScenario,
    Task,
    Trigger,
    meaning,
)
from rules.walk import conditions_in, steps_in

__all__ = ["fires_alike", "reacting"]

_CHANGES = (  # actions after which other rules may decide otherwise
    AddPoints, AddToList, Convert, RemoveFromList, SetAttribute, StartScenario, StopScenario,
)  # fmt: skip


def reacting(book: Rulebook, like: Rulebook | None = None) -> Rulebook:
    """The rulebook without the scores and segments that cannot make anything react, and without the words of alerts.

    `like`: with the triggers and scenarios alone whose names that one has too.
    """
    triggers = {n: _wordless(one) for n, one in book.triggers.items() if like is None or n in like.triggers}
    scenarios = {n: _quiet(one) for n, one in book.scenarios.items() if like is None or n in like.scenarios}
    segments, score = _read(book, [*triggers.values(), *scenarios.values()])
    return replace(
        book,
        triggers=triggers,
        scenarios=scenarios,
        segments={name: one for name, one in book.segments.items() if name in segments},
        scores=dict(book.scores) if score else {},
        digests={},
    )


def fires_alike(present: Rulebook, draft: Rulebook) -> bool:
    """Whether what the present rulebook has reacts under the draft as it does now; the draft may have more besides."""
    if present.triggers.keys() - draft.triggers.keys() or present.scenarios.keys() - draft.scenarios.keys():
        return False
    if any(isinstance(step, _CHANGES) for step in _new_steps(present, draft)):
        return False
    kept = ("attributes", "purposes", "triggers", "scenarios", "segments", "scores")
    mine, theirs = reacting(present), reacting(draft, present)
    return all(_meanings(mine, table) == _meanings(theirs, table) for table in kept)


def _new_steps(present: Rulebook, draft: Rulebook) -> Iterator[Step]:
    for name, trigger in draft.triggers.items():
        if name not in present.triggers:
            yield from trigger.actions
    for name, scenario in draft.scenarios.items():
        if name not in present.scenarios:
            yield from steps_in(scenario.steps)


def _meanings(book: Rulebook, table: str) -> dict[str, object]:
    return {name: meaning(one) for name, one in getattr(book, table).items()}


def _wordless(trigger: Trigger) -> Trigger:
    actions = tuple(
        replace(action, text="") if isinstance(action, AlertTeam | Task) else action for action in trigger.actions
    )
    return replace(trigger, actions=actions)


def _quiet(scenario: Scenario) -> Scenario:
    return replace(scenario, steps=_quiet_steps(scenario.steps))


def _quiet_steps(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    found: list[Step] = []
    for step in steps:
        match step:
            case AlertTeam() | Task():
                found.append(replace(step, text=""))
            case If(branches=branches):
                arms = tuple(replace(branch, steps=_quiet_steps(branch.steps)) for branch in branches)
                found.append(replace(step, branches=arms))
            case Split(shares=shares):
                arms_of_split = tuple(replace(share, steps=_quiet_steps(share.steps)) for share in shares)
                found.append(replace(step, shares=arms_of_split))
            case _:
                found.append(step)
    return tuple(found)


def _read(book: Rulebook, rules: list[Trigger | Scenario]) -> tuple[set[str], bool]:
    """The segments that decide about triggers and scenarios, through other rules too, and whether the score does."""
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

    for rule in rules:
        if isinstance(rule.occasion, OnEnter | OnLeave):
            pending.append(rule.occasion.segment)
        for condition in conditions_in(rule):
            reads(condition.expression)
    while pending:
        name = pending.pop()
        if name not in found and name in book.segments:
            found.add(name)
            reads(book.segments[name].condition.expression)
    return found, score
