"""decide(contact, entry, rulebook, now) → Decision: the one function that changes a contact."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rules import alert
from rules.acting import put_on_list
from rules.anniversary import anniversaries
from rules.consent import consented
from rules.consequences import has_taken, rule_of
from rules.contact import Contact, Event, Millis
from rules.course import Course
from rules.decision import Decision, Mishap
from rules.entry import (
    Absorbed,
    AlertActed,
    AttributesSet,
    Broadcast,
    ConsentRecorded,
    Entry,
    EventReceived,
    Joined,
    ListChanged,
    NoteAdded,
    PointsAdded,
    ScenarioResumed,
    TaskAdded,
)
from rules.expression import EVALUATION_FAULTS, fault
from rules.facts import EventFacts, facts_now
from rules.framing import begin, change_for, close, finish, follow_change, note_moments, renew
from rules.history import History
from rules.intake import add_note, add_points, receive, record_consent, remember, set_attributes
from rules.merge import absorb, bury
from rules.occurrence import Occurrence
from rules.plan import Plan
from rules.planning import plan_of
from rules.reroute import reroute
from rules.rulebook import Rulebook
from rules.score import score_at, told_alike
from rules.segment import next_moment, settle
from rules.walk import condition_of

__all__ = ["advance", "bring_up_to_date", "decide", "needs_past", "occur"]


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
        change = change_for(contact, book, former)
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
    `left_out`, where given, takes the names of triggers that would have fired but for want of consent, and of scenarios
    ("scenario/NAME") that would have been entered. `former` is the rulebook that the contact's state is of, where it is
    another one and known: only what differs is worked out again.
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
    elif isinstance(entry, Broadcast | ScenarioResumed):
        return Decision(changed=False, ignored="broadcast")
    elif isinstance(entry, Joined):
        return bury(contact, entry) if entry.into != contact.id else Decision(changed=False, ignored="stale")
    elif isinstance(entry, Absorbed) and entry.merge in contact.merged:
        return Decision(changed=False, ignored="duplicate")
    now = max(now, contact.last_seen)
    course = Course(contact, plan_of(book), now, entry_id, timezone, past=past, former=former, left_out=left_out)
    begin(course)
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
        case TaskAdded():
            alert.add_task(course, entry)
        case NoteAdded():
            add_note(course, entry)
        case Absorbed():
            absorb(course, entry)
    return finish(course)


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
    roused: bool = False,
) -> Decision:
    """A moment came: settle what time alone has changed. Before `Contact.changes_at` nothing is to be done.

    `left_out` and `former` as for `decide`. `roused`: before that as well, because a scenario is not paused any more.
    """
    if contact.moved_to:
        return Decision(changed=False, ignored="moved")
    current = contact.version == book.version
    early = contact.changes_at is None or contact.changes_at > now
    if current and early and not (roused and contact.runs):
        return Decision(changed=False, ignored="stale")
    course = Course(contact, plan_of(book), now, entry_id, timezone, past=past, former=former, left_out=left_out)
    begin(course)
    return finish(course)


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
    change = change_for(contact, book, former)
    if change is not None and change.nothing:
        contact.version = book.version
        return Decision(changed=False)
    now = max(now, contact.last_seen)
    course = Course(contact, plan_of(book), now, entry_id, timezone, past=past, muted=True, former=former)
    held, holds, tenths = contact.changes_at, contact.holds.copy(), contact.tenths
    if change is None:
        moved = renew(course)
        settle(course)
        came = _leave_to_timers(course, held, moved)
        decision = close(course)
        contact.changes_at = held if came else contact.changes_at
        return decision
    decision = course.decision
    changed = follow_change(course, change)
    settle(course)
    moved = bool(contact.runs) and reroute(course, contact.runs, change)
    course.redated = bool(change.yearly) or contact.changes_at is None
    came = _leave_to_timers(course, held, moved)
    note_moments(course)
    contact.changes_at = next_moment(course, contact.changes_at)
    contact.changes_at = held if came else contact.changes_at
    if decision.score_changed and not change.points and told_alike(course.plan, tenths, contact.tenths):
        contact.tenths, decision.score_changed = tenths, False  # it has aged since, and nobody sees a difference
    decision.changed = (
        changed
        or moved
        or contact.changes_at != held
        or contact.holds != holds
        or bool(decision.score_changed or decision.entered or decision.left or decision.alerts)
    )
    return decision


def _leave_to_timers(course: Course, held: Millis | None, moved: bool) -> bool:
    """What has become due of a run that was moved, and what came of a day of the year, follows when time is asked.

    True for a day of the year: `Contact.changes_at` is to stay, since it tells which days nobody has seen to.
    """
    if moved:
        course.moments.append(course.now)
    return held is not None and held <= course.now and any(True for _ in anniversaries(course, held))


def occur(
    contact: Contact,
    occurrence: Occurrence,
    book: Rulebook,
    now: Millis,
    *,
    entry_id: str,
    timezone: str = "UTC",
    past: Sequence[Event] = (),
    former: Rulebook | None = None,
) -> Decision:
    """Let a contact's rules take an occurrence: those that have not yet, and whose `to` is true of the contact.

    Most contacts are not concerned: then nothing is to be written, and nothing is worked out but that; the decision
    then tells of conditions that met an error.
    """
    if contact.moved_to:
        return Decision(changed=False, ignored="moved")
    keys = [f"{occurrence.statement}/{name}" for name in occurrence.rules]
    waiting = contact.version != book.version or (contact.changes_at is not None and contact.changes_at <= now)
    quiet = Decision(changed=False, ignored="stale")
    if not waiting and not _concerns(contact, occurrence, keys, plan_of(book), now, timezone, quiet.mishaps):
        return quiet
    now = max(now, contact.last_seen)
    course = Course(contact, plan_of(book), now, entry_id, timezone, past=past, former=former)
    begin(course)
    course.come_about(occurrence)
    return finish(course)


def _concerns(
    contact: Contact,
    occurrence: Occurrence,
    keys: Sequence[str],
    plan: Plan,
    now: Millis,
    timezone: str,
    mishaps: list[Mishap],
) -> bool:
    """Whether one of the rules is for the contact, as far as its consent and the rule's `to` say.

    `mishaps` takes the errors that conditions met.
    """
    facts = None
    for key in keys:
        rule = rule_of(plan.book, key)
        if rule is None or has_taken(contact, key, occurrence.id):
            continue
        if rule.purpose is not None and not consented(contact, rule.purpose):
            continue
        condition = condition_of(rule)
        if condition is None:
            return True
        if facts is None:
            facts = facts_now(contact, plan.book, now, History(contact.index, plan.kept, now, contact.tail))
            if not occurrence.dated:
                facts["event"] = EventFacts(occurrence.event)
        if plan.ageing and condition.expression.reads.reads_score:
            facts["contact"]["score"] = Decimal(score_at(contact, plan.book, now, timezone)) / 10
        try:
            if condition.expression.run(facts):
                return True
        except EVALUATION_FAULTS as problem:
            error = fault(problem)
            kind = occurrence.statement
            mishaps.append(Mishap(rule=rule.name, kind=error.kind, symbol=error.symbol, statement=kind))
    return False
