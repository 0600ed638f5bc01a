"""decide(contact, entry, rulebook, now) → Decision: the one function that changes a contact."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from rules import alert
from rules.attribute import Misfit, fit, put
from rules.consent import record
from rules.contact import Adjustment, Contact, Event, Millis, Value
from rules.course import Course
from rules.decision import Decision
from rules.entry import (
    Absorbed,
    AlertActed,
    AttributesSet,
    ConsentRecorded,
    Entry,
    EventReceived,
    Joined,
    ListChanged,
    PointsAdded,
)
from rules.facts import EventFacts
from rules.history import add_to_index, insert_event, spill
from rules.merge import absorb, bury
from rules.moment import DAY, known_zone
from rules.plan import plan_of
from rules.replay import rebuild, rehit
from rules.rulebook import Rulebook
from rules.score import add_hits, static_tenths
from rules.segment import next_moment, settle
from rules.trigger import put_on_list, run_triggers

__all__ = ["advance", "bring_up_to_date", "decide", "needs_past"]

_LATE = DAY  # an event received later than this after its time changes history, scores and segments only
_REMEMBERED = 7  # days a message id is known


def needs_past(contact: Contact, book: Rulebook, entry: Entry | None = None) -> bool:
    """Whether `decide` needs the events of the contact's stored chunks to be exact.

    It does under a new rulebook, to absorb another contact, and for what comes late where `on` scores look back.
    """
    if not contact.chunks:
        return False
    if contact.version != book.version or isinstance(entry, Absorbed):
        return True
    if entry is None or not contact.tail or entry.time > contact.tail[-1].time:
        return False
    plan = plan_of(book)
    if isinstance(entry, EventReceived) and not entry.traits:
        concerned = plan.events.get(entry.name)
        return concerned is not None and bool(concerned.back)
    return bool(plan.hits_reading)


def decide(
    contact: Contact,
    entry: Entry,
    book: Rulebook,
    now: Millis,
    *,
    entry_id: str,
    timezone: str = "UTC",
    past: Sequence[Event] = (),
) -> Decision:
    """Apply one entry of the log to a contact, in place, and say what became of it.

    `now` is the decision's time, `entry_id` the entry's place in the log, `timezone` the installation's zone, `past`
    the events of the contact's stored chunks where `needs_past` says so. An entry for a tombstone is to be forwarded.
    """
    if contact.moved_to:
        if isinstance(entry, Joined) and entry.into == contact.moved_to:
            return Decision(changed=False, ignored="duplicate")
        return Decision(changed=False, ignored="moved", forward=True)
    if isinstance(entry, EventReceived):
        if entry.message_id and not _remember(contact, entry):
            return Decision(changed=False, ignored="duplicate")
        now = max(now, entry.received)
    elif isinstance(entry, AlertActed):
        return alert.act(contact, entry)
    elif isinstance(entry, Joined):
        return bury(contact, entry) if entry.into != contact.id else Decision(changed=False, ignored="stale")
    elif isinstance(entry, Absorbed) and entry.merge in contact.merged:
        return Decision(changed=False, ignored="duplicate")
    now = max(now, contact.last_seen)
    course = Course(contact, plan_of(book), now, entry_id, timezone, past=past)
    _begin(course)
    match entry:
        case EventReceived():
            _receive(course, entry)
        case AttributesSet():
            _set_attributes(course, entry)
        case ConsentRecorded():
            _record_consent(course, entry)
        case ListChanged():
            put_on_list(course, entry.list, entry.member, entry.time)
        case PointsAdded():
            _add_points(course, entry)
        case Absorbed():
            absorb(course, entry)
    return _finish(course)


def advance(
    contact: Contact,
    book: Rulebook,
    now: Millis,
    *,
    entry_id: str,
    timezone: str = "UTC",
    past: Sequence[Event] = (),
) -> Decision:
    """A moment came: settle what time alone has changed. Before `Contact.changes_at` nothing is to be done."""
    if contact.moved_to:
        return Decision(changed=False, ignored="moved")
    current = contact.version == book.version
    if current and (contact.changes_at is None or contact.changes_at > now):
        return Decision(changed=False, ignored="stale")
    course = Course(contact, plan_of(book), now, entry_id, timezone, past=past)
    _begin(course)
    return _finish(course)


def bring_up_to_date(
    contact: Contact,
    past: Sequence[Event],
    book: Rulebook,
    now: Millis,
    *,
    entry_id: str,
    timezone: str = "UTC",
) -> Decision:
    """Work out a contact's state under a new rulebook from its history; no trigger fires."""
    if contact.moved_to:
        return Decision(changed=False, ignored="moved")
    course = Course(contact, plan_of(book), max(now, contact.last_seen), entry_id, timezone, past=past, muted=True)
    _renew(course)
    return _finish(course)


def _begin(course: Course) -> None:
    """Bring the contact under the present rulebook and up to the present moment."""
    contact, book = course.contact, course.plan.book
    if not contact.created or (not contact.last_seen and contact.version == book.version):  # new, or as good as new
        contact.created = contact.created or course.now
        contact.version = book.version
        contact.changes_at = None
        alert.wake(course)
        course.dirty.extend(range(len(course.plan.nodes)))
    elif contact.version != book.version:
        muted, course.muted = course.muted, True
        _renew(course)
        settle(course)
        course.muted = muted
        course.reset()
    elif contact.changes_at is not None and contact.changes_at <= course.now:
        contact.changes_at = None
        course.dirty.extend(course.plan.timed)
        alert.wake(course)
        run_triggers(course)
        course.reset()


def _renew(course: Course) -> None:
    contact, plan = course.contact, course.plan
    rebuild(course, course.past)
    for name in [name for name in contact.segments if name not in plan.book.segments]:
        del contact.segments[name]
        course.decision.left.append(name)
    contact.version = plan.book.version
    contact.changes_at = None
    course.dirty.extend(range(len(plan.nodes)))
    alert.wake(course)


def _finish(course: Course) -> Decision:
    contact, decision = course.contact, course.decision
    if course.again:
        rehit(course, course.again.values())
        course.dirty.append(course.plan.score)
    run_triggers(course)
    contact.changes_at = next_moment(course, contact.changes_at)
    spill(contact, decision)
    if contact.alerts:
        alert.prune(contact, course.now)
    return decision


def _remember(contact: Contact, entry: EventReceived) -> bool:
    """Note a message id; False where it was known. Ids older than a week are forgotten."""
    digest = blake2b(entry.message_id.encode(), digest_size=8).digest()
    seen, today = contact.seen, entry.received // DAY
    for day, block in seen.items():
        if day < today - _REMEMBERED:
            continue
        place = block.find(digest)
        while place >= 0:
            if place % 8 == 0:
                return False
            place = block.find(digest, place + 1)
    known = seen.get(today)
    if known is not None:
        seen[today] = known + digest
        return True
    for day in [day for day in seen if day < today - _REMEMBERED]:
        del seen[day]
    seen[today] = digest
    return True


def _receive(course: Course, entry: EventReceived) -> None:
    contact, time = course.contact, entry.time
    if entry.history_only or entry.received - time > _LATE:
        course.muted = True
    if time < contact.created:
        contact.created = time
        course.dirty.extend(course.plan.by_attribute.get("created", ()))
    if time > contact.last_seen:
        contact.last_seen = time
    for identity in entry.identities:
        if identity not in contact.identities:
            contact.identities.append(identity)
    if entry.group and entry.group not in contact.groups:
        contact.groups.append(entry.group)
    if entry.traits or entry.locale or entry.timezone:
        _take_traits(course, entry)
    if entry.silent:
        course.dirty.extend(course.plan.by_attribute.get("last_seen", ()))
    else:
        _happen(course, Event(entry.name, time, entry.properties, entry.source))


def _happen(course: Course, event: Event) -> None:
    contact, plan = course.contact, course.plan
    late = bool(contact.tail) and event.time < contact.tail[-1].time
    insert_event(contact, event)
    concerned = plan.events.get(event.name, plan.other)
    if concerned.specs:
        add_to_index(contact.index, concerned.specs, event)
    course.dirty.extend(concerned.nodes)
    occasion = ("event", event.name)
    reacts = not course.muted and occasion in plan.triggers
    if concerned.hits or reacts:
        shown = EventFacts(event)
        if reacts:
            course.facts["event"] = shown
            course.occasions.append(occasion)
        if concerned.hits:
            add_hits(course, concerned, event, shown, late)
    if late and concerned.back:
        course.again.update({hit.name: hit for hit in concerned.back})


def _take_traits(course: Course, entry: EventReceived) -> None:
    decision, plan = course.decision, course.plan
    undeclared = {"locale": entry.locale, "timezone": entry.timezone}
    for trait, value in entry.traits.items():
        name = plan.traits.get(trait)
        if name is not None:
            _set(course, name, value, entry.time, entry.trusted)
        elif trait in undeclared:
            undeclared[trait] = value
        else:
            decision.undeclared.append(trait)
    for name, text in undeclared.items():
        if not isinstance(text, str) or not text or name in plan.book.attributes:
            continue
        if name == "locale" or known_zone(text) is not None:
            _store(course, name, text, entry.time)


def _set_attributes(course: Course, entry: AttributesSet) -> None:
    for name, value in entry.values.items():
        if name in course.plan.book.attributes:
            _set(course, name, value, entry.time, True)
        else:
            course.decision.undeclared.append(name)


def _set(course: Course, name: str, value: Value, time: Millis, trusted: bool) -> None:
    """Store a value that fits; set aside one that does not. A browser does not overwrite what a server has set."""
    contact = course.contact
    if trusted and name not in contact.trusted:
        contact.trusted.append(name)
    elif not trusted and name in contact.trusted:
        return
    try:
        fitting = None if value is None else fit(course.plan.book.attributes[name], value)
    except Misfit as problem:
        contact.set_aside[name] = str(problem)
        course.decision.refused.append(name)
        return
    contact.set_aside.pop(name, None)
    _store(course, name, fitting, time)


def _store(course: Course, name: str, value: Value, time: Millis) -> None:
    contact, plan = course.contact, course.plan
    course.changed_at(name, time)
    if not put(contact, name, value, time, contact.attributes.get(name)):
        return
    if value is None:
        contact.attributes.pop(name, None)
    else:
        contact.attributes[name] = value
    course.forget(name)
    course.dirty.extend(plan.by_attribute.get(name, ()))
    if name == "timezone":
        _recount(course)


def _recount(course: Course) -> None:
    """Work out again which hits count: a consent or the time zone has changed."""
    course.contact.static = static_tenths(course.contact, course.plan, course.where)
    course.dirty.append(course.plan.score)


def _record_consent(course: Course, entry: ConsentRecorded) -> None:
    granted = record(course.contact, entry)
    course.changed_at(f"consent:{entry.purpose}", entry.time)
    course.dirty.extend(course.plan.by_purpose.get(entry.purpose, ()))
    if entry.purpose in course.plan.scored_purposes:
        _recount(course)
    if granted:
        course.occasions.append(("consent", entry.purpose))


def _add_points(course: Course, entry: PointsAdded) -> None:
    course.contact.adjustments.append(
        Adjustment(time=entry.time, tenths=entry.tenths, by=entry.by, reason=entry.reason)
    )
    course.contact.static += entry.tenths
    course.dirty.append(course.plan.score)
