"""Why a rule is, or is not, true of a contact: each part of its condition with its value, and the one that decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import msgspec

from rules.consent import consented, consented_at
from rules.contact import Contact, Event, Membership, Millis
from rules.expression import EVALUATION_FAULTS, fault, rulebook_types
from rules.expression.anatomy import Piece, take_apart
from rules.expression.reads import ANY
from rules.facts import EventFacts, facts_at, facts_now
from rules.history import History, add_all, by_time, carry_over
from rules.moment import zone
from rules.planning import plan_of
from rules.rulebook import (
    Condition,
    OnConsent,
    OnEnter,
    OnEvent,
    OnLeave,
    OnList,
    Rulebook,
    Score,
    Segment,
    Trigger,
)
from rules.trigger import allowed

__all__ = ["Kind", "Part", "RuleWhy", "explain_rule"]

Kind: TypeAlias = Literal["score", "segment", "trigger"]
Outcome: TypeAlias = Literal["true", "false", "missing", "error", "value"]
Rule: TypeAlias = Score | Segment | Trigger

_LONGEST = 200  # characters of a value that are shown


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of a condition and what became of it; `missing`: it met a missing value, `error`: another error.

    One that is neither true nor false has the outcome "value"; `value` is written as in an expression.
    `personal`: it comes from an attribute that channels mask. `parts` are those within it.
    """

    text: str
    outcome: Outcome
    value: str = ""
    personal: bool = False
    parts: tuple[Part, ...] = ()


class RuleWhy(msgspec.Struct, frozen=True, kw_only=True):
    """Why a rule is, or is not, true of a contact.

    `reason` is "" where it is true, else "no consent", "no such event", "no occasion" (of a trigger: the contact is not
    where it would have to have come to), "condition" or "at most" (the trigger's cap is reached). `failed` is the place
    in `parts`, the terms of the condition, of the first one that is not true; `culprit` the first part within it that
    made it so. Of a segment, and of a trigger on entering or leaving one: since when the contact is in it, by which
    entry of the log (or "time …", "version …"), under which version of the rulebook. `at` is the event that a rule on
    events was tried with.
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
    culprit: str = ""
    at: Millis | None = None


def explain_rule(
    contact: Contact,
    past: Sequence[Event],
    book: Rulebook,
    name: str,
    now: Millis,
    kind: Kind | None = None,
    timezone: str = "UTC",
) -> RuleWhy | None:
    """Why the rule of this name is, or is not, true of a contact; None where there is no such rule.

    A rule on an event is explained with the contact's last such event. `kind` chooses among rules of one name. `past`
    are the events of the contact's stored chunks.
    """
    found = _rule(book, name, kind)
    if found is None:
        return None
    rule_kind, rule = found
    events = by_time([*past, *contact.tail])
    event_name = _event_name(rule)
    event = next((one for one in reversed(events) if one.name == event_name), None) if event_name else None
    condition = rule.condition if isinstance(rule, Segment) else rule.when
    parts: tuple[Part, ...] = ()
    culprit = ""
    if condition is not None and (event is not None or event_name is None):
        facts = _facts(contact, events, book, event, now, then=isinstance(rule, Score))
        parts, culprit = _parts(condition, book, facts, event is not None)
    failed = next((place for place, part in enumerate(parts) if part.outcome != "true"), None)
    where = zone(contact.attributes.get("timezone"), timezone)
    if rule.purpose is not None and not _consents(contact, rule, rule.purpose, event):
        reason = "no consent"
    elif event_name is not None and event is None:
        reason = "no such event"
    elif isinstance(rule, Trigger) and not _may_occur(contact, rule):
        reason = "no occasion"
    elif failed is not None:
        reason = "condition"
    elif (
        isinstance(rule, Trigger)
        and rule.at_most
        and not allowed(contact.firings.get(name, []), rule.at_most, now, where)
    ):
        reason = "at most"
    else:
        reason = ""
    membership = _membership(contact, rule)
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
        culprit=culprit,
        at=event.time if event else None,
    )


def _rule(book: Rulebook, name: str, kind: Kind | None) -> tuple[Kind, Rule] | None:
    if kind in (None, "segment") and name in book.segments:
        return "segment", book.segments[name]
    if kind in (None, "score") and name in book.scores:
        return "score", book.scores[name]
    if kind in (None, "trigger") and name in book.triggers:
        return "trigger", book.triggers[name]
    return None


def _event_name(rule: Rule) -> str | None:
    if isinstance(rule, Score):
        return rule.event
    if isinstance(rule, Trigger) and isinstance(rule.occasion, OnEvent):
        return rule.occasion.event
    return None


def _consents(contact: Contact, rule: Rule, purpose: str, event: Event | None) -> bool:
    """Whether consent holds now and, for points by an event, held then."""
    held = event is None or not isinstance(rule, Score) or consented_at(contact, purpose, event.time)
    return held and consented(contact, purpose)


def _may_occur(contact: Contact, trigger: Trigger) -> bool:
    """Whether the contact is where the trigger's occasion brings it."""
    match trigger.occasion:
        case OnEnter(segment=name):
            return name in contact.segments
        case OnLeave(segment=name):
            return name not in contact.segments
        case OnList(list=name):
            return name in contact.lists
        case OnConsent(purpose=name):
            return consented(contact, name)
    return True


def _membership(contact: Contact, rule: Rule) -> Membership | None:
    match rule:
        case Segment(name=name):
            return contact.segments.get(name)
        case Trigger(occasion=OnEnter(segment=name) | OnLeave(segment=name)):
            return contact.segments.get(name)
    return None


def _facts(
    contact: Contact, events: Sequence[Event], book: Rulebook, event: Event | None, now: Millis, *, then: bool
) -> dict[str, Any]:
    """What the condition sees: as of the event for a score on events (`then`), else as of now."""
    plan = plan_of(book)
    moment = event.time if event is not None and then else now
    index = contact.index
    if moment != now or contact.version != book.version:
        index = carry_over(contact.index, plan.kept, events)
        add_all(index, plan.specs, (one for one in events if one.time <= moment))
    history = History(index, plan.kept, moment, events)
    if event is None:
        return facts_now(contact, book, now, history)
    if then:
        return facts_at(contact, book, event, EventFacts(event), history)
    return {**facts_now(contact, book, now, history), "event": EventFacts(event)}


def _parts(condition: Condition, book: Rulebook, facts: Mapping[str, Any], event: bool) -> tuple[tuple[Part, ...], str]:
    """The terms of a condition, worked out, and the first part that makes it not true."""
    whole = take_apart(condition.text, rulebook_types(book.attributes, event=event))
    masked = {name for name, one in book.attributes.items() if one.personal and not one.shown_in_alerts}
    part = _part(whole, facts, masked, True)
    return (part.parts if whole.kind == "and" else (part,)), _culprit(whole, part)


def _part(piece: Piece, facts: Mapping[str, Any], masked: set[str], test: bool) -> Part:
    """`test`: it stands where only its being true or false counts."""
    outcome, value = _outcome(piece, facts, test or piece.kind != "value")
    read = set(piece.reads.attributes)
    personal = bool(value) and bool(masked & read or (ANY in read and masked))
    within = piece.kind in ("and", "or", "not")
    parts = tuple(_part(one, facts, masked, within) for one in piece.parts)
    return Part(text=piece.text, outcome=outcome, value=value, personal=personal, parts=parts)


def _outcome(piece: Piece, facts: Mapping[str, Any], test: bool) -> tuple[Outcome, str]:
    try:
        value = piece.run(facts)
    except EVALUATION_FAULTS as problem:
        return ("missing" if fault(problem).kind == "missing" else "error"), ""
    if not test:
        return "value", _written(value)
    return ("true" if value else "false"), "" if isinstance(value, bool) else _written(value)


def _culprit(piece: Piece, part: Part) -> str:
    """The first part, in the order of the text, that keeps the whole from being true; "" where it is."""
    if part.outcome == "true":
        return ""
    if piece.kind == "and":
        for inner, one in zip(piece.parts, part.parts, strict=True):
            if one.outcome != "true":
                return _culprit(inner, one)
    return part.text


def _written(value: Any) -> str:
    """A value as an expression would have it, cut where it is long."""
    match value:
        case None:
            text = "null"
        case bool():
            text = "true" if value else "false"
        case Decimal() | int() | float():
            text = format(Decimal(str(value)).normalize(), "f")
        case str():
            text = msgspec.json.encode(value).decode()
        case datetime():
            text = f'd"{value.isoformat()}"'
        case list() | tuple() | set() | frozenset():
            text = "[" + ", ".join(_written(one) for one in list(value)[:20]) + "]"
        case dict():
            text = "{" + ", ".join(f"{_written(key)}: {_written(one)}" for key, one in list(value.items())[:20]) + "}"
        case _:
            text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
