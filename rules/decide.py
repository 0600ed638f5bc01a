"""decide(contact, entry, rulebook, now) → Decision: the one function that changes a contact."""

from __future__ import annotations

from collections.abc import Sequence

from rules import alert
from rules.change import Change, change_of
from rules.contact import Contact, Event, Millis
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
from rules.history import spill
from rules.intake import add_points, receive, record_consent, remember, set_attributes
from rules.merge import absorb, bury
from rules.planning import plan_of
from rules.replay import follow, rebuild, rehit
from rules.rulebook import Rulebook
from rules.score import told_alike
from rules.segment import next_moment, settle
from rules.trigger import put_on_list, run_triggers

__all__ = ["advance", "bring_up_to_date", "decide", "needs_past"]


def needs_past(contact: Contact, book: Rulebook, entry: Entry | None = None, former: Rulebook | None = None) -> bool:
    """Whether `decide` needs the events of the contact's stored chunks to be exact.

    It does where a new rulebook changes what follows from events (`former` is the one that the contact's state is of,
    where it is known), to absorb another contact, and for what comes late where `on` scores look back.
    """
    if not contact.chunks:
        return False
    if isinstance(entry, Absorbed):
        return True
    if contact.version != book.version:
        change = _change(contact, book, former)
        if change is None or change.reads_history(contact):
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
    left_out: set[str] | None = None,
    former: Rulebook | None = None,
) -> Decision:
    """Apply one entry of the log to a contact, in place, and say what became of it.

    `now` is the decision's time, `entry_id` the entry's place in the log, `timezone` the installation's zone, `past`
    the events of the contact's stored chunks where `needs_past` says so. An entry for a tombstone is to be forwarded.
    `left_out`, where given, takes the names of triggers that would have fired but for want of consent. `former` is the
    rulebook that the contact's state is of, where it is another one and known: only what differs is worked out again.
    """
    if contact.moved_to:
        if isinstance(entry, Joined) and entry.into == contact.moved_to:
            return Decision(changed=False, ignored="duplicate")
        return Decision(changed=False, ignored="moved", forward=True)
    if isinstance(entry, EventReceived):
        if entry.message_id and not remember(contact, entry):
            return Decision(changed=False, ignored="duplicate")
        now = max(now, entry.received)
    elif isinstance(entry, AlertActed):
        return alert.act(contact, entry)
    elif isinstance(entry, Joined):
        return bury(contact, entry) if entry.into != contact.id else Decision(changed=False, ignored="stale")
    elif isinstance(entry, Absorbed) and entry.merge in contact.merged:
        return Decision(changed=False, ignored="duplicate")
    now = max(now, contact.last_seen)
    course = Course(contact, plan_of(book), now, entry_id, timezone, past=past, former=former, left_out=left_out)
    _begin(course)
    match entry:
        case EventReceived():
            receive(course, entry)
        case AttributesSet():
            set_attributes(course, entry)
        case ConsentRecorded():
            record_consent(course, entry)
        case ListChanged():
            put_on_list(course, entry.list, entry.member, entry.time)
        case PointsAdded():
            add_points(course, entry.tenths, entry.time, entry.by, entry.reason)
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
    left_out: set[str] | None = None,
    former: Rulebook | None = None,
) -> Decision:
    """A moment came: settle what time alone has changed. Before `Contact.changes_at` nothing is to be done.

    `left_out` and `former` as for `decide`.
    """
    if contact.moved_to:
        return Decision(changed=False, ignored="moved")
    current = contact.version == book.version
    if current and (contact.changes_at is None or contact.changes_at > now):
        return Decision(changed=False, ignored="stale")
    course = Course(contact, plan_of(book), now, entry_id, timezone, past=past, former=former, left_out=left_out)
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
    former: Rulebook | None = None,
) -> Decision:
    """Work out a contact's state under a new rulebook; no trigger fires.

    Where `former` is the rulebook that its state is of, only what differs is worked out; the decision then says by
    `changed` whether anything but the contact's `version` is another. Else all is worked out from the history.
    """
    if contact.moved_to:
        return Decision(changed=False, ignored="moved")
    change = _change(contact, book, former)
    if change is not None and change.nothing:
        contact.version = book.version
        return Decision(changed=False)
    now = max(now, contact.last_seen)
    course = Course(contact, plan_of(book), now, entry_id, timezone, past=past, muted=True, former=former)
    if change is None:
        _renew(course)
        return _finish(course)
    decision, held, holds, tenths = course.decision, contact.changes_at, contact.holds.copy(), contact.tenths
    changed = _follow(course, change)
    settle(course)
    contact.changes_at = next_moment(course, contact.changes_at)
    if decision.score_changed and not change.points and told_alike(course.plan, tenths, contact.tenths):
        contact.tenths, decision.score_changed = tenths, False  # it has aged since, and nobody sees a difference
    decision.changed = (
        changed
        or contact.changes_at != held
        or contact.holds != holds
        or bool(decision.score_changed or decision.entered or decision.left or decision.alerts)
    )
    return decision


def _change(contact: Contact, book: Rulebook, former: Rulebook | None) -> Change | None:
    """What differs from the rulebook that the contact's state is of; None where that one is not known."""
    return None if former is None or former.version != contact.version else change_of(former, book)


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
    """Bring the contact under another rulebook: by what differs, or from its history."""
    contact, plan = course.contact, course.plan
    change = _change(contact, plan.book, course.former)
    if change is not None:
        _follow(course, change)
        return
    rebuild(course, course.past)
    for name in [name for name in contact.segments if name not in plan.book.segments]:
        del contact.segments[name]
        course.decision.left.append(name)
    contact.version = plan.book.version
    contact.changes_at = None
    course.dirty.extend(range(len(plan.nodes)))
    alert.wake(course)


def _follow(course: Course, change: Change) -> bool:
    contact = course.contact
    changed = follow(course, change)
    contact.version = course.plan.book.version
    if contact.changes_at is not None and contact.changes_at <= course.now:
        contact.changes_at = None
        course.dirty.extend(course.plan.timed)
        alert.wake(course)
    return changed


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
