"""Why: the sum of a score line by line; what made one rule true or false of a contact."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from rules.consent import consented
from rules.contact import Contact, Event, Millis
from rules.errors import SyntaxProblem
from rules.expression import EVALUATION_FAULTS, compile_expression, fault, rulebook_types
from rules.facts import EventFacts, facts_now
from rules.history import History, by_time
from rules.moment import zone
from rules.planning import plan_of
from rules.rulebook import Condition, OnEvent, Rulebook
from rules.score import counted, points

__all__ = ["Part", "RuleWhy", "ScoreLine", "explain_rule", "explain_score"]

Kind = Literal["score", "segment", "trigger"]
Outcome = Literal["true", "false", "missing", "error"]


class ScoreLine(msgspec.Struct, frozen=True, kw_only=True):
    """One rule's part of a score: its points now, its hits, how many of them count, the rule's text."""

    rule: str
    points: float
    hits: int
    counted: int
    text: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One term of a condition and what became of it; `missing`: it met a missing value, `error`: another error."""

    text: str
    outcome: Outcome


class RuleWhy(msgspec.Struct, frozen=True, kw_only=True):
    """Why a rule is, or is not, true of a contact.

    `reason` is "" where it is true, else "no consent", "no such event" or "condition"; `failed` is the place in
    `parts` of the first one that is not true.
    """

    rule: str
    kind: Kind
    true: bool
    reason: str
    text: str
    parts: tuple[Part, ...] = ()
    failed: int | None = None
    hits: int = 0
    since: Millis | None = None
    entry: str = ""
    version: int = 0


def explain_score(
    contact: Contact, past: Sequence[Event], book: Rulebook, now: Millis, timezone: str = "UTC"
) -> list[ScoreLine]:
    """The parts of a contact's score at `now`, in the order of the rulebook; the adjustments are the contact's.

    The lines and the adjustments add up to the score before it is rounded. `past` is not needed: hits are kept.
    """
    plan = plan_of(book)
    where = zone(contact.attributes.get("timezone"), timezone)
    lines = []
    for name, score in book.scores.items():
        hit = plan.hits.get(name)
        text = book.sources.get(("score", name), "")
        if hit is None:
            if name in contact.holds:
                lines.append(ScoreLine(rule=name, points=score.tenths / 10, hits=0, counted=0, text=text))
            continue
        found = len(contact.hits.get(name, ()))
        if not found:
            continue
        times = counted(contact, hit, where)
        worth = points(hit, times, now) / 10
        count = len([time for time in times if not hit.lasts or time > now - hit.lasts])
        lines.append(ScoreLine(rule=name, points=round(worth, 3), hits=found, counted=count, text=text))
    return lines


def explain_rule(
    contact: Contact, past: Sequence[Event], book: Rulebook, name: str, now: Millis, kind: Kind | None = None
) -> RuleWhy | None:
    """Why the rule of this name is, or is not, true of a contact; None where there is no such rule.

    A rule on an event is explained with the contact's last such event. `kind` chooses among rules of one name.
    """
    found = _rule(book, name, kind)
    if found is None:
        return None
    rule_kind, purpose, condition, event_name = found
    events = by_time([*past, *contact.tail])
    event = next((one for one in reversed(events) if one.name == event_name), None) if event_name else None
    parts = _parts(contact, events, book, condition, event, now) if event or not event_name else ()
    failed = next((place for place, part in enumerate(parts) if part.outcome != "true"), None)
    if purpose is not None and not consented(contact, purpose):
        reason = "no consent"
    elif event_name and event is None:
        reason = "no such event"
    else:
        reason = "" if failed is None else "condition"
    membership = contact.segments.get(name) if rule_kind == "segment" else None
    return RuleWhy(
        rule=name,
        kind=rule_kind,
        true=not reason,
        reason=reason,
        text=book.sources.get((rule_kind, name), ""),
        parts=parts,
        failed=failed,
        hits=len(contact.hits.get(name, ())) if rule_kind == "score" else 0,
        since=membership.entered if membership else None,
        entry=membership.entry if membership else "",
        version=membership.version if membership else 0,
    )


def _rule(book: Rulebook, name: str, kind: Kind | None) -> tuple[Kind, str | None, Condition | None, str | None] | None:
    if kind in (None, "segment") and name in book.segments:
        segment = book.segments[name]
        return "segment", segment.purpose, segment.condition, None
    if kind in (None, "score") and name in book.scores:
        score = book.scores[name]
        return "score", score.purpose, score.when, score.event
    if kind in (None, "trigger") and name in book.triggers:
        trigger = book.triggers[name]
        event = trigger.occasion.event if isinstance(trigger.occasion, OnEvent) else None
        return "trigger", trigger.purpose, trigger.when, event
    return None


def _parts(
    contact: Contact,
    events: Sequence[Event],
    book: Rulebook,
    condition: Condition | None,
    event: Event | None,
    now: Millis,
) -> tuple[Part, ...]:
    if condition is None:
        return ()
    history = History(contact.index, plan_of(book).kept, now, events)
    facts = facts_now(contact, book, now, history)
    if event is not None:
        facts["event"] = EventFacts(event)
    types = rulebook_types(book.attributes, event=event is not None)
    parts = []
    for text in terms(condition.text):
        try:
            expression = compile_expression(text, types)
        except SyntaxProblem:  # the text cannot be taken apart here: show it whole
            return (Part(text=condition.text, outcome=_outcome(condition.expression, facts)),)
        parts.append(Part(text=text, outcome=_outcome(expression, facts)))
    return tuple(parts)


def _outcome(expression: Any, facts: dict[str, Any]) -> Outcome:
    try:
        return "true" if expression.run(facts) else "false"
    except EVALUATION_FAULTS as problem:
        return "missing" if fault(problem).kind == "missing" else "error"


_TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[()\[\]{}]|\b(?:and|or|if|for)\b|\?|.", re.DOTALL)


def terms(text: str) -> list[str]:
    """The terms of a condition that is a chain of `and`; the whole condition where it is not."""
    found, start, depth = [], 0, 0
    for match in _TOKEN.finditer(text):
        word = match[0]
        if word in ("(", "[", "{"):
            depth += 1
        elif word in (")", "]", "}"):
            depth -= 1
        elif depth == 0 and word in ("or", "?"):
            return [text]
        elif depth == 0 and word == "and":
            found.append(text[start : match.start()].strip())
            start = match.end()
    found.append(text[start:].strip())
    return found
