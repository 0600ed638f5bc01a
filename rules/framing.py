"""The beginning and the end that all decisions share: to the present rulebook and moment, and what comes next."""

from __future__ import annotations

from rules import alert
from rules.anniversary import anniversaries, note_next
from rules.change import Change, change_of
from rules.consequences import follow_consequences
from rules.contact import Contact
from rules.course import Course
from rules.decision import Decision
from rules.history import spill
from rules.replay import follow, rebuild, rehit
from rules.reroute import reroute
from rules.rulebook import Rulebook
from rules.scenario import note_dues
from rules.segment import next_moment, settle

__all__ = ["begin", "change_for", "close", "finish", "follow_change", "note_moments", "renew"]


def change_for(contact: Contact, book: Rulebook, former: Rulebook | None) -> Change | None:
    """What differs from the rulebook that the contact's state is of; None where that one is not known."""
    return None if former is None or former.version != contact.version else change_of(former, book)


def begin(course: Course) -> None:
    """Bring the contact under the present rulebook and up to the present moment."""
    contact, book = course.contact, course.plan.book
    held = contact.changes_at
    came = held is not None and held <= course.now
    moved = False
    if not contact.created or (not contact.last_seen and contact.version == book.version):  # new, or as good as new
        contact.created = contact.created or course.now
        contact.version = book.version
        contact.changes_at = None
        alert.wake(course)
        course.dirty.extend(range(len(course.plan.nodes)))
    elif contact.version != book.version:
        muted, course.muted = course.muted, True
        moved = renew(course)
        settle(course)
        course.muted = muted
        course.reset()
    elif came:
        contact.changes_at = None
        course.dirty.extend(course.plan.timed)
        alert.wake(course)
    else:
        return
    course.redated = True
    if came or moved:
        if held is not None and course.plan.yearly:
            for occurrence in anniversaries(course, held):
                course.come_about(occurrence)
        follow_consequences(course)
        course.reset()


def renew(course: Course) -> bool:
    """Bring the contact under another rulebook: by what differs, or from its history. True where runs are concerned."""
    contact, plan = course.contact, course.plan
    change = change_for(contact, plan.book, course.former)
    if change is not None:
        follow_change(course, change)
    else:
        rebuild(course, course.past)
        for name in [name for name in contact.segments if name not in plan.book.segments]:
            del contact.segments[name]
            course.decision.left.append(name)
        contact.version = plan.book.version
        contact.changes_at = None
        course.dirty.extend(range(len(plan.nodes)))
        alert.wake(course)
    course.redated = True
    return bool(contact.runs) and reroute(course, contact.runs, change)


def follow_change(course: Course, change: Change) -> bool:
    """Bring all but the runs of a contact under another rulebook, by what differs; True where something changed."""
    contact = course.contact
    changed = follow(course, change)
    contact.version = course.plan.book.version
    if contact.changes_at is not None and contact.changes_at <= course.now:
        contact.changes_at = None
        course.dirty.extend(course.plan.timed)
        alert.wake(course)
    return changed


def finish(course: Course) -> Decision:
    """Follow what the entry has changed to its end."""
    if course.again:
        rehit(course, course.again.values())
        course.dirty.append(course.plan.score)
    follow_consequences(course)
    return close(course)


def close(course: Course) -> Decision:
    """Note when time will next change something, and let go what is over."""
    contact, decision = course.contact, course.decision
    note_moments(course)
    contact.changes_at = next_moment(course, contact.changes_at)
    spill(contact, decision)
    if contact.alerts:
        alert.prune(contact, course.now)
    return decision


def note_moments(course: Course) -> None:
    """Note when runs go on, and what comes every year."""
    if course.contact.runs:
        note_dues(course)
    if course.redated and course.plan.yearly:
        note_next(course)
