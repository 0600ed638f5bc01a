"""Warnings about a rulebook that has no mistakes: what is allowed, but hardly meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rules.actions import Branch, Condition, If, OnEnter, OnLeave, Send, Split, Step
from rules.doubts import doubts
from rules.errors import Problem
from rules.reading import Desk
from rules.rulebook import Rulebook, Scenario, Score, Segment, Trigger
from rules.syntax import Line

__all__ = ["advise"]


def advise(desk: Desk, book: Rulebook, lines: Mapping[tuple[str, str], Line]) -> None:
    """Note the warnings on the desk; `lines` are the first lines of the statements by kind and name."""
    if desk.problems:
        return
    for placed in desk.conditions:
        if placed.value or placed.condition.expression is None:
            continue
        keyed = frozenset({placed.facts.keyed} - {""})
        for doubt in doubts(placed.condition.expression.text, desk.attributes, keyed):
            problem = Problem(
                line=1, column=1, length=doubt.end - doubt.start, message=doubt.message, code=doubt.code,
                suggestion=doubt.suggestion,
            )  # fmt: skip
            desk.report(placed.line, placed.start + doubt.start, problem, warning=True)
    for kind, name, message, code in (*_profiled(book), *_without_purpose(book)):
        line = lines[kind, name]
        problem = Problem(
            line=1, column=1, length=len(name), message=message, code=code, arguments={"kind": kind, "name": name}
        )
        desk.report(line, line.text.find(name, line.text.find(" ") + 1), problem, warning=True)


# --- profiling without consent to it ---


def _profiled(book: Rulebook) -> Iterator[tuple[str, str, str, str]]:
    """Where a profiling purpose exists: behavioural scores and segments, and scenarios built on them, not `for` it."""
    profiling = {name for name, purpose in book.purposes.items() if purpose.profiling}
    if not profiling:
        return
    behavioural = _behavioural(book)
    built_on = f"built on behaviour, but not for {' or '.join(sorted(profiling))}, the purpose that allows profiling"
    for score in book.scores.values():
        if score.purpose not in profiling and (score.event is not None or _watches(score.when)):
            yield "score", score.name, f"score {score.name} is {built_on}", "profiling"
    for name in behavioural:
        if book.segments[name].purpose not in profiling:
            yield "segment", name, f"segment {name} is {built_on}", "profiling"
    for scenario in book.scenarios.values():
        if scenario.purpose not in profiling and _built_on(scenario, behavioural):
            yield "scenario", scenario.name, f"scenario {scenario.name} is {built_on}", "profiling"


def _watches(condition: Condition | None) -> bool:
    """Whether a condition reads what a contact did."""
    return condition is not None and condition.expression is not None and bool(condition.expression.reads.functions)


def _behavioural(book: Rulebook) -> list[str]:
    """The segments that read what contacts did, by themselves, by the score, or by one another."""
    scored = any(_is_behavioural(score) for score in book.scores.values())
    found: dict[str, None] = {}
    grown = True
    while grown:
        grown = False
        for segment in book.segments.values():
            if segment.name not in found and _reads_behaviour(segment, found, scored):
                found[segment.name] = None
                grown = True
    return [name for name in book.segments if name in found]


def _is_behavioural(score: Score) -> bool:
    return score.event is not None or _watches(score.when)


def _reads_behaviour(segment: Segment, known: Iterable[str], scored: bool) -> bool:
    reads = segment.condition.expression.reads
    return bool(reads.functions) or (scored and reads.reads_score) or not set(reads.segments).isdisjoint(known)


def _built_on(scenario: Scenario, behavioural: list[str]) -> bool:
    """Whether a scenario starts by, or asks for, a behavioural segment or the score."""
    if isinstance(scenario.occasion, OnEnter | OnLeave) and scenario.occasion.segment in behavioural:
        return True
    for condition in _conditions(scenario):
        if condition is not None and condition.expression is not None:
            reads = condition.expression.reads
            if reads.reads_score or not set(reads.segments).isdisjoint(behavioural):
                return True
    return False


def _conditions(scenario: Scenario) -> Iterator[Condition | None]:
    yield scenario.when
    yield getattr(scenario.occasion, "to", None)
    for rule in (*scenario.stops, *scenario.restarts):
        yield rule.when
    for step in _steps(scenario.steps):
        if isinstance(step, Branch):
            yield step.condition
        else:
            yield getattr(step, "when", None)


def _steps(steps: tuple[Step, ...]) -> Iterator[Step | Branch]:
    """All steps, those in blocks too, and the branches themselves."""
    for step in steps:
        yield step
        if isinstance(step, If):
            for branch in step.branches:
                yield branch
                yield from _steps(branch.steps)
        elif isinstance(step, Split):
            for share in step.shares:
                yield from _steps(share.steps)


# --- messages that nobody could get ---


def _without_purpose(book: Rulebook) -> Iterator[tuple[str, str, str, str]]:
    """Messages without a purpose, or over a channel that the purpose does not cover: they would always be refused."""
    reactions: list[Trigger | Scenario] = [*book.triggers.values(), *book.scenarios.values()]
    for reaction in reactions:
        kind = "trigger" if isinstance(reaction, Trigger) else "scenario"
        steps = reaction.actions if isinstance(reaction, Trigger) else _steps(reaction.steps)
        for step in steps:
            if not isinstance(step, Send) or step.channel == "webhook":
                continue
            purpose = step.purpose or reaction.purpose
            if purpose is None:
                message = f"{step.message} has no purpose: without one nobody can have consented to it"
                yield kind, reaction.name, message, "no purpose"
            elif (channels := book.purposes[purpose].channels) and step.channel not in channels:
                message = f"{step.message} goes by {step.channel}, which {purpose} does not cover"
                yield kind, reaction.name, message, "channel not covered"
