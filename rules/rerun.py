"""A contact's stored history, told again from its beginning under a rulebook: what would have come of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from rules.acting import CONVERTED
from rules.consent import consented
from rules.contact import Contact, Event, Millis
from rules.decide import advance, decide
from rules.decision import Decision
from rules.entry import AttributesSet, ConsentRecorded, Entry, EventReceived, ListChanged, PointsAdded
from rules.history import CAP, by_time, carry_over
from rules.intake import OURS
from rules.moment import zone
from rules.planning import plan_of
from rules.rulebook import Rulebook
from rules.score import static_tenths

__all__ = ["Rerun", "rerun", "told"]

_MOMENTS = 2000  # of one history that time alone brings; what a rulebook does after more is cut off
_BY_RULES = ("trigger ", "scenario ")  # points given by a rule: the rerun gives its own


class Rerun(msgspec.Struct, kw_only=True):
    """What a history brings about.

    `fired`: how often each trigger, `started`: how often each scenario. `alerts`: cards and tasks, and `messages`:
    messages to contacts who consented then, by rule and by team or channel; a scenario is called "scenario/NAME" there.
    `left_out`: triggers and scenarios (called so too) that would have reacted at least once but for want of consent.
    `mishaps`: expressions of triggers that met an error, as (trigger, kind, symbol); `stumbles`: of scenarios. `cut`:
    time brought more moments than are followed.
    """

    fired: dict[str, int] = msgspec.field(default_factory=dict)
    alerts: dict[tuple[str, str], int] = msgspec.field(default_factory=dict)
    messages: dict[tuple[str, str], int] = msgspec.field(default_factory=dict)
    left_out: set[str] = msgspec.field(default_factory=set)
    mishaps: set[tuple[str, str, str]] = msgspec.field(default_factory=set)
    cut: bool = False
    started: dict[str, int] = msgspec.field(default_factory=dict)
    stumbles: set[tuple[str, str, str]] = msgspec.field(default_factory=set)


def rerun(contact: Contact, events: Sequence[Event], book: Rulebook, now: Millis, timezone: str = "UTC") -> Rerun:
    """Decide a contact's history again, entry by entry, each at its own time, and the moments between them, up to now.

    `events` are all kept events of the contact, in order of time; the contact itself stays as it is. Everything counts
    as received when it happened: what was imported or came late fires as well. Attributes, lists and consents change
    as they did, and every alert is taken as dealt with, so that a trigger that fires again raises a new card a day
    after the last one. Dates, broadcasts and feeds do not come again; days of the year do. Messages meet no limit and
    no quiet hours.
    """
    plan = plan_of(book)
    found = Rerun()
    if not (plan.triggers or plan.entries or plan.yearly):
        return found
    fresh = _beginning(contact, events, book, timezone)
    follows_time = bool(plan.entries or plan.yearly) or any(kind in ("enter", "leave") for kind, _ in plan.triggers)
    left = _MOMENTS

    def wait(until: Millis) -> None:
        nonlocal left
        while follows_time and fresh.changes_at is not None and fresh.changes_at <= until:
            if not left:
                found.cut = True
                return
            left -= 1
            moment = fresh.changes_at
            note(advance(fresh, book, moment, entry_id="", timezone=timezone, left_out=found.left_out))
            if fresh.changes_at == moment:  # nothing came of it: leave it to the next entry
                return

    def note(decision: Decision) -> None:
        _note(found, fresh, decision, book)

    for entry in told(contact, events):
        if entry.time > now:
            break
        wait(entry.time - 1)
        note(decide(fresh, entry, book, entry.time, entry_id="", timezone=timezone, left_out=found.left_out))
    wait(now)
    return found


def _beginning(contact: Contact, events: Sequence[Event], book: Rulebook, timezone: str) -> Contact:
    """The contact before its kept history: with what its indexes and hits know of events that are not kept any more."""
    plan = plan_of(book)
    fresh = Contact(id=contact.id, version=book.version, created=contact.created, identities=contact.identities)
    fresh.attributes = {
        name: first
        for name in {*contact.attributes, *contact.former}
        if not name.startswith("list:") and (first := _first_value(contact, name)) is not None
    }
    if len(events) > CAP // 2:
        fresh.index = carry_over(contact.index, plan.kept, events)
        known = {event.time for event in events}
        for name, times in contact.hits.items():
            older = [time for time in times if time not in known]
            if older and name in plan.hits:
                fresh.hits[name] = older
        fresh.static = static_tenths(fresh, plan, zone(fresh.attributes.get("timezone"), timezone))
    return fresh


def _first_value(contact: Contact, name: str) -> Any:
    former = contact.former.get(name)
    return former[0][1] if former else contact.attributes.get(name)


def told(contact: Contact, events: Sequence[Event]) -> list[Entry]:
    """The entries that make a contact's history, in order of time: what it was, agreed to and was put on before what
    it did at the same moment."""
    entries: list[Entry] = [*_attributes(contact), *_consents(contact), *_lists(contact)]
    entries += [
        PointsAdded(time=one.time, tenths=one.tenths, by=one.by, reason=one.reason)
        for one in contact.adjustments
        if not one.by.startswith(_BY_RULES)
    ]
    entries += [
        EventReceived(
            name=event.name,
            time=event.time,
            received=event.time,
            message_id="",
            properties=event.properties,
            source=event.source,
        )
        for event in by_time(events)
        if not (event.name == CONVERTED and event.source == OURS)
    ]
    return sorted(entries, key=lambda entry: entry.time)


def _attributes(contact: Contact) -> Iterator[Entry]:
    for name, former in contact.former.items():
        if name.startswith("list:"):
            continue
        held = [*(value for _, value in former), contact.attributes.get(name)]
        for (time, _), (before, value) in zip(former, pairwise(held), strict=True):
            if value == before and type(value) is type(before):
                continue
            if name in ("locale", "timezone") and isinstance(value, str):
                yield EventReceived(
                    name="identify", time=time, received=time, message_id="", silent=True, traits={name: value}
                )
            else:
                yield AttributesSet(time=time, values={name: value})


def _consents(contact: Contact) -> Iterator[Entry]:
    for purpose, consent in contact.consents.items():
        for start, end in consent.granted:
            yield ConsentRecorded(time=start, purpose=purpose, status="granted", channels=consent.channels)
            if end is not None:
                yield ConsentRecorded(time=end, purpose=purpose, status="withdrawn")
        if consent.status != "granted":
            yield ConsentRecorded(time=consent.since, purpose=purpose, status=consent.status)


def _lists(contact: Contact) -> Iterator[Entry]:
    for name, former in contact.former.items():
        if not name.startswith("list:"):
            continue
        held = [*(bool(value) for _, value in former), name[5:] in contact.lists]
        for (time, _), (before, member) in zip(former, pairwise(held), strict=True):
            if member is not before:
                yield ListChanged(time=time, list=name[5:], member=member)
    for name, since in contact.lists.items():
        if f"list:{name}" not in contact.former:
            yield ListChanged(time=since, list=name, member=True)


def _note(found: Rerun, contact: Contact, decision: Decision, book: Rulebook) -> None:
    for alert in decision.alerts:
        if alert.revision == 1:
            scenario = alert.trigger not in book.triggers or alert is contact.alerts.get(
                f"scenario {alert.trigger}/{alert.team}"
            )
            _add(found.alerts, (f"scenario/{alert.trigger}" if scenario else alert.trigger, alert.team))
        alert.status = "done"
    for name in decision.fired:
        _add(found.fired, name)
    for step in decision.runs:
        if step.what == "started":
            _add(found.started, step.scenario)
    for send in decision.sends:
        if not send.purpose or consented(contact, send.purpose):
            rule = send.rule if send.statement == "trigger" else f"scenario/{send.rule}"
            _add(found.messages, (rule, send.channel))
    for mishap in decision.mishaps:
        if mishap.statement == "trigger":
            found.mishaps.add((mishap.rule, mishap.kind, mishap.symbol))
        elif mishap.statement == "scenario":
            found.stumbles.add((mishap.rule, mishap.kind, mishap.symbol))


def _add(numbers: dict[Any, int], key: Any) -> None:
    numbers[key] = numbers.get(key, 0) + 1
