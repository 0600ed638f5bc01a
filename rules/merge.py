"""Two contacts become one: a tombstone and its snapshot on one side, the union on the other."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from decimal import Decimal

from rules.alert import unite, wake
from rules.change import change_of
from rules.consent import stricter
from rules.contact import Contact, Event, TimedIndex
from rules.course import Course
from rules.decision import Decision
from rules.entry import Absorbed, Joined
from rules.history import by_time
from rules.replay import rebuild
from rules.reroute import reroute
from rules.run import stop_run
from rules.walk import takes_occurrences

__all__ = ["absorb", "bury"]

_KEPT_BY_TOMBSTONE = {"id", "schema", "version", "created", "last_seen", "moved_to"}
_MERGES_KEPT = 1000


def bury(contact: Contact, entry: Joined) -> Decision:
    """Make a tombstone of a contact; the decision carries the snapshot that travels to the survivor."""
    decision = Decision(
        left=list(contact.segments),
        lists_left=list(contact.lists),
        drop=len(contact.chunks),
        snapshot=copy.copy(contact),
        score_changed=bool(contact.tenths),
    )
    empty = Contact(id=contact.id)
    for name in Contact.__struct_fields__:
        if name not in _KEPT_BY_TOMBSTONE:
            setattr(contact, name, getattr(empty, name))
    contact.moved_to = entry.into
    return decision


def absorb(course: Course, entry: Absorbed) -> None:
    """Unite a snapshot with the contact. The snapshot is taken apart: the caller must not use it again."""
    contact, theirs = course.contact, entry.snapshot
    contact.merged = [*contact.merged, *(merge for merge in theirs.merged if merge not in contact.merged), entry.merge]
    del contact.merged[:-_MERGES_KEPT]
    _unite_people(contact, theirs)
    _unite_attributes(contact, theirs)
    _unite_consents(contact, theirs)
    _unite_history(contact, theirs, entry.past)
    unite(course, theirs.alerts)
    wake(course)
    _unite_runs(course, theirs)
    for name, membership in theirs.segments.items():
        if name not in contact.segments:
            contact.segments[name] = membership
            course.decision.entered.append(name)  # settling takes it back where it is not true of the union
    for name in theirs.lists:
        if name not in contact.lists:
            course.decision.lists_joined.append(name)
        contact.lists[name] = min(theirs.lists[name], contact.lists.get(name, theirs.lists[name]))
    course.reset()
    rebuild(course, course.past)
    course.reset()
    course.dirty.extend(range(len(course.plan.nodes)))


def _unite_people(contact: Contact, theirs: Contact) -> None:
    if theirs.created:
        contact.created = min(contact.created, theirs.created)
    contact.last_seen = max(contact.last_seen, theirs.last_seen)
    contact.identities += [one for one in theirs.identities if one not in contact.identities]
    contact.groups += [one for one in theirs.groups if one not in contact.groups]
    contact.adjustments = sorted([*contact.adjustments, *theirs.adjustments], key=lambda one: (one.time, one.tenths))
    for day, block in theirs.seen.items():
        contact.seen[day] = contact.seen.get(day, b"") + block
    for name, times in theirs.firings.items():
        contact.firings[name] = sorted([*contact.firings.get(name, []), *times])


def _unite_runs(course: Course, theirs: Contact) -> None:
    """Take over the runs of a contact that was joined into this one.

    Of two of a scenario under one key the older stays; one that takes occurrences has a run for each.
    """
    contact, book = course.contact, course.plan.book
    for key, started in theirs.ran.items():
        contact.ran[key] = max(started, contact.ran.get(key, started))
    for key, taken in theirs.occurred.items():
        contact.occurred.setdefault(key, taken)
    contact.runs = sorted([*contact.runs, *theirs.runs], key=lambda run: (run.started, run.id))
    if theirs.version != book.version:
        known = course.former is not None and course.former.version == theirs.version
        reroute(course, theirs.runs, change_of(course.former, book) if known and course.former else None)
    seen: set[tuple[str, str, str]] = set()
    for run in contact.runs:
        scenario = book.scenarios.get(run.scenario)
        each = scenario is not None and takes_occurrences(scenario)
        place = (run.scenario, run.key, f"{run.entry.time} {run.entry.name}" if each else "")
        if place in seen:
            stop_run(course, run, "joined")
        seen.add(place)
    course.rezoned = course.redated = True


def _unite_attributes(contact: Contact, theirs: Contact) -> None:
    for name, value in theirs.attributes.items():
        if name in contact.attributes:
            continue
        contact.attributes[name] = value
        if name in theirs.former:
            contact.former[name] = theirs.former[name]
        if name in theirs.trusted and name not in contact.trusted:
            contact.trusted.append(name)
        if name in theirs.set_aside:
            contact.set_aside[name] = theirs.set_aside[name]
    for name, former in theirs.former.items():
        if name.startswith("list:") and name not in contact.former:
            contact.former[name] = former


def _unite_consents(contact: Contact, theirs: Contact) -> None:
    for purpose, consent in theirs.consents.items():
        ours = contact.consents.get(purpose)
        contact.consents[purpose] = consent if ours is None else stricter(ours, consent)


def _unite_history(contact: Contact, theirs: Contact, past: Sequence[Event]) -> None:
    added = by_time([*past, *theirs.tail])
    first, second = (contact.tail, added) if contact.id <= theirs.id else (added, contact.tail)
    contact.tail = by_time([*first, *second])
    for name, times in theirs.hits.items():
        contact.hits[name] = sorted([*contact.hits.get(name, []), *times])
    for key, index in theirs.index.items():
        ours = contact.index.get(key)
        contact.index[key] = index if ours is None else _sum(ours, index)


def _sum(ours: TimedIndex, theirs: TimedIndex) -> TimedIndex:
    values = [*ours.values, *theirs.values]
    times = [*ours.times, *theirs.times]
    order = sorted(range(len(times)), key=times.__getitem__)
    return TimedIndex(
        number=ours.number + theirs.number,
        amount=str(Decimal(ours.amount) + Decimal(theirs.amount)),
        first=min((moment for moment in (ours.first, theirs.first) if moment is not None), default=None),
        last=max((moment for moment in (ours.last, theirs.last) if moment is not None), default=None),
        times=[times[place] for place in order],
        values=[values[place] for place in order] if values else [],
    )
