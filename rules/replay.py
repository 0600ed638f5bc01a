"""Hits and indexes worked out again from a contact's history."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rules.change import Change
from rules.contact import Contact, Event, Millis, TimedIndex
from rules.course import EVALUATION_FAULTS, Course
from rules.facts import EventFacts, facts_at
from rules.history import History, add_all, add_to_index, by_time, carry_over
from rules.plan import Hit
from rules.score import static_tenths

__all__ = ["follow", "rebuild", "rehit"]


def rebuild(course: Course, past: Sequence[Event]) -> None:
    """Work out indexes, hits and the whole points of a contact under the course's rulebook.

    `past` are the events of its stored chunks. What lies further back than the history keeps its last result.
    """
    contact, plan = course.contact, course.plan
    events = by_time([*past, *contact.tail])
    index = carry_over(contact.index, plan.kept, events)
    found = _replay(course, events, index, plan.hits.values())
    _replace_hits(contact, events, {**dict.fromkeys(contact.hits, ()), **found})
    contact.index = index
    contact.holds = [name for name in contact.holds if name in plan.book.scores and name not in plan.hits]
    contact.static = static_tenths(contact, plan, course.where)


def follow(course: Course, change: Change) -> bool:
    """Bring indexes, hits, whole points and memberships of a contact under the course's rulebook, where it differs
    from the one that they are of, and leave to be settled what is to be settled. True where something changed.

    What comes of it is what `rebuild` would give, but that an ageing score may be older and `changes_at` earlier.
    """
    contact, plan = course.contact, course.plan
    changed = False
    if change.reads_history(contact):
        changed = _follow_history(course, change)
    for key in change.dropped:
        changed = contact.index.pop(key, None) is not None or changed
    for name in change.segments:
        if name in contact.segments:
            del contact.segments[name]
            course.decision.left.append(name)
            changed = True
    if change.points:
        if not change.holds.isdisjoint(contact.holds):
            contact.holds = [name for name in contact.holds if name not in change.holds]
            changed = True
        static = static_tenths(contact, plan, course.where)
        changed = changed or static != contact.static
        contact.static = static
    course.dirty.extend(change.nodes)
    return changed


def _follow_history(course: Course, change: Change) -> bool:
    contact, plan = course.contact, course.plan
    events = by_time([*course.past, *contact.tail])
    changed = False
    if change.built:
        fresh = carry_over(contact.index, change.built, events)
        add_all(fresh, change.specs, events)
        for key in change.built:
            known, index = contact.index.get(key), fresh.get(key)
            if index == known:
                continue
            changed = True
            if index is None:
                del contact.index[key]
            else:
                contact.index[key] = index
    found: dict[str, Sequence[Millis]] = {name: () for name in change.fallen if name in contact.hits}
    if change.hits:
        found.update(_replay(course, events, carry_over(contact.index, plan.kept, events), change.hits.values()))
    before = {name: contact.hits.get(name) for name in found}
    _replace_hits(contact, events, found)
    return changed or any(contact.hits.get(name) != times for name, times in before.items())


def rehit(course: Course, hits: Collection[Hit]) -> None:
    """Work out again the hits of some rules, after something late that they read; the indexes are right already."""
    contact, plan = course.contact, course.plan
    events = by_time([*course.past, *contact.tail])
    found = _replay(course, events, carry_over(contact.index, plan.kept, events), hits)
    _replace_hits(contact, events, found)
    contact.static = static_tenths(contact, plan, course.where)


def _replay(
    course: Course, events: Sequence[Event], index: dict[str, TimedIndex], hits: Collection[Hit]
) -> dict[str, list[Millis]]:
    """Count the events in `index` one by one, and give the times at which each rule was met."""
    plan = course.plan
    by_event: dict[str, list[Hit]] = {}
    found: dict[str, list[Millis]] = {}
    for hit in hits:
        by_event.setdefault(hit.event, []).append(hit)
        found[hit.name] = []
    if not any(hit.run is not None for hit in hits):
        add_all(index, plan.specs, events)
        for event in events:
            for hit in by_event.get(event.name, ()):
                found[hit.name].append(event.time)
    else:
        for event in events:
            specs = plan.specs.get(event.name)
            if specs:
                add_to_index(index, specs, event)
            concerned = by_event.get(event.name)
            if concerned:
                _evaluate(course, event, concerned, index, found)
    return found


def _evaluate(
    course: Course, event: Event, hits: list[Hit], index: dict[str, TimedIndex], found: dict[str, list[Millis]]
) -> None:
    shown = EventFacts(event)
    history = History(index, course.plan.kept, event.time)
    facts = facts_at(course.contact, course.plan.book, event, shown, history)
    for hit in hits:
        try:
            if hit.run is None or hit.run(facts):
                found[hit.name].append(event.time)
        except EVALUATION_FAULTS as problem:
            course.mishap(hit.name, problem)


def _replace_hits(contact: Contact, events: Sequence[Event], found: Mapping[str, Sequence[Millis]]) -> None:
    """Put new results in the place of those of the same events; hits of events that are gone stay."""
    known = {event.time for event in events}
    for name, times in found.items():
        old = [time for time in contact.hits.get(name, ()) if time not in known]
        new = sorted([*old, *times])
        if new:
            contact.hits[name] = new
        else:
            contact.hits.pop(name, None)
