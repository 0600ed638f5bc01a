"""What entries of each kind put into a contact: events, traits, attributes, consents, points."""

from __future__ import annotations

from hashlib import blake2b

from rules.attribute import Misfit, fit, put
from rules.consent import record
from rules.contact import Adjustment, Contact, Event, Millis, Value
from rules.course import Course
from rules.entry import NOTE, AttributesSet, ConsentRecorded, EventReceived, NoteAdded
from rules.facts import EventFacts
from rules.history import add_to_index, insert_event
from rules.moment import DAY, known_zone
from rules.score import add_hits, static_tenths

__all__ = [
    "OURS",
    "add_note",
    "add_points",
    "happen",
    "receive",
    "record_consent",
    "remember",
    "set_attributes",
    "set_value",
]

OURS = "relance"  # the source of the events that we make
_BY_THEM = frozenset({"Email Opened", "Email Link Clicked", "Email Unsubscribed"})  # of ours, what a contact did
_LATE = DAY  # an event received later than this after its time changes history, scores and segments only
_REMEMBERED = 7  # days a message id is known


def remember(contact: Contact, entry: EventReceived) -> bool:
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


def receive(course: Course, entry: EventReceived) -> None:
    contact, time = course.contact, entry.time
    if entry.history_only or entry.received - time > _LATE:
        course.muted = True
    if time < contact.created:
        contact.created = time
        course.dirty.extend(course.plan.by_attribute.get("created", ()))
    if time > contact.last_seen and (entry.source != OURS or entry.name in _BY_THEM):
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
        happen(course, Event(entry.name, time, entry.properties, entry.source))


def happen(course: Course, event: Event) -> None:
    """Take an event into the history, and note what it changes."""
    contact, plan = course.contact, course.plan
    late = bool(contact.tail) and event.time < contact.tail[-1].time
    insert_event(contact, event)
    concerned = plan.events.get(event.name, plan.other)
    if concerned.specs:
        add_to_index(contact.index, concerned.specs, event)
    course.dirty.extend(concerned.nodes)
    met = bool(contact.runs) and event.name in plan.met
    if course.muted:
        if met:
            course.happen("late", event.name, event)
    elif met or ("event", event.name) in plan.reacting:
        course.happen("event", event.name, event)
    if concerned.hits:
        add_hits(course, concerned, event, EventFacts(event), late)
    if late and concerned.back:
        course.again.update({hit.name: hit for hit in concerned.back})


def add_note(course: Course, entry: NoteAdded) -> None:
    """Keep what somebody wrote down, as an event of the history that indexes count and no rule reacts to."""
    contact, plan = course.contact, course.plan
    event = Event(NOTE, course.now, {"text": entry.text, "by": entry.by, "by_name": entry.by_name}, OURS)
    insert_event(contact, event)
    concerned = plan.events.get(NOTE)
    if concerned is not None:
        add_to_index(contact.index, concerned.specs, event)
        course.dirty.extend(concerned.nodes)


def _take_traits(course: Course, entry: EventReceived) -> None:
    decision, plan = course.decision, course.plan
    undeclared = {"locale": entry.locale, "timezone": entry.timezone}
    for trait, value in entry.traits.items():
        name = plan.traits.get(trait)
        if name is not None:
            set_value(course, name, value, entry.time, entry.trusted)
        elif trait in undeclared:
            undeclared[trait] = value
        else:
            decision.undeclared.append(trait)
    for name, text in undeclared.items():
        if not isinstance(text, str) or not text or name in plan.book.attributes:
            continue
        if name == "locale" or known_zone(text) is not None:
            _store(course, name, text, entry.time)


def set_attributes(course: Course, entry: AttributesSet) -> None:
    for name, value in entry.values.items():
        if name in course.plan.book.attributes:
            set_value(course, name, value, entry.time, True)
        else:
            course.decision.undeclared.append(name)


def set_value(course: Course, name: str, value: Value, time: Millis, trusted: bool) -> None:
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
        course.rezoned = True
        _recount(course)
    if plan.yearly and (name == "timezone" or name in plan.yearly_by):
        course.redated = True


def _recount(course: Course) -> None:
    """Work out again which hits count: a consent or the time zone has changed."""
    course.contact.static = static_tenths(course.contact, course.plan, course.where)
    course.dirty.append(course.plan.score)


def record_consent(course: Course, entry: ConsentRecorded) -> None:
    granted = record(course.contact, entry)
    course.changed_at(f"consent:{entry.purpose}", entry.time)
    course.dirty.extend(course.plan.by_purpose.get(entry.purpose, ()))
    if entry.purpose in course.plan.scored_purposes:
        _recount(course)
    if granted:
        course.happen("consent", entry.purpose)


def add_points(course: Course, tenths: int, time: Millis, by: str, reason: str = "") -> None:
    """Give or take points, by hand or by an action."""
    course.contact.adjustments.append(Adjustment(time=time, tenths=tenths, by=by, reason=reason))
    course.contact.static += tenths
    course.dirty.append(course.plan.score)
