"""Triggers: what follows at once from an event, a segment entered or left, a list, a consent."""

from __future__ import annotations

from datetime import tzinfo

from rules.alert import raise_alert
from rules.attribute import plain, put
from rules.consent import consented
from rules.contact import Millis
from rules.course import EVALUATION_FAULTS, Course
from rules.intake import add_points, set_value
from rules.moment import DAY, calendar_period
from rules.plan import Occasion
from rules.rulebook import (
    AddPoints,
    AddToList,
    AlertTeam,
    AtMost,
    Condition,
    Duration,
    RemoveFromList,
    SetAttribute,
    Trigger,
)
from rules.segment import note_move, settle

__all__ = ["allowed", "put_on_list", "run_triggers"]


def run_triggers(course: Course) -> None:
    """Settle what changed and follow the consequences to a fixed point; each trigger fires at most once."""
    settle(course)
    occasions, triggers = course.occasions, course.plan.triggers
    if not triggers or course.muted:
        occasions.clear()
        return
    place = 0
    while place < len(occasions):
        for trigger in triggers.get(occasions[place], ()):
            if _fires(course, trigger, occasions[place]):
                _fire(course, trigger)
                settle(course)
        place += 1
    occasions.clear()


def _fires(course: Course, trigger: Trigger, occasion: Occasion) -> bool:
    contact = course.contact
    if trigger.purpose is not None and not consented(contact, trigger.purpose):
        if course.left_out is not None and _met(course, trigger):
            course.left_out.add(trigger.name)
        return False
    if trigger.when is not None and not _met(course, trigger):
        return False
    if trigger.at_most is not None and not allowed(
        contact.firings.get(trigger.name, []), trigger.at_most, course.now, course.where
    ):
        return False
    if trigger.name in course.fired:
        if trigger.name not in course.decision.loops:
            course.decision.loops.append(trigger.name)
        return False
    return True


def _met(course: Course, trigger: Trigger) -> bool:
    """Whether a trigger's `when` is true now."""
    if trigger.when is None:
        return True
    try:
        return bool(trigger.when.expression.run(course.facts))
    except EVALUATION_FAULTS as problem:
        course.mishap(trigger.name, problem, "trigger")
        return False


def _fire(course: Course, trigger: Trigger) -> None:
    contact = course.contact
    course.fired.add(trigger.name)
    course.decision.matched.append(trigger.name)
    course.decision.fired.append(trigger.name)
    if trigger.at_most is not None:
        times = contact.firings.setdefault(trigger.name, [])
        times.append(course.now)
        _shorten(times, trigger.at_most, course.now)
    for action in trigger.actions:
        match action:
            case AlertTeam():
                raise_alert(course, trigger, action)
            case AddToList(list=name):
                put_on_list(course, name, True, course.now)
            case RemoveFromList(list=name):
                put_on_list(course, name, False, course.now)
            case AddPoints(tenths=tenths):
                add_points(course, tenths, course.now, f"trigger {trigger.name}")
            case SetAttribute(attribute=name, value=condition):
                _set_attribute(course, trigger, name, condition)


def _set_attribute(course: Course, trigger: Trigger, name: str, condition: Condition) -> None:
    try:
        value = plain(condition.expression.run(course.facts))
    except EVALUATION_FAULTS as problem:
        course.mishap(trigger.name, problem, "trigger")
        return
    set_value(course, name, value, course.now, True)


def allowed(times: list[Millis], at_most: AtMost, now: Millis, where: tzinfo) -> bool:
    """Whether a cap lets a trigger fire once more."""
    per = at_most.per
    if per == "ever":
        used = len(times)
    elif isinstance(per, Duration):
        used = sum(1 for time in times if time > now - per.milliseconds)
    else:
        this = calendar_period(now, per, where)
        used = sum(1 for time in times if calendar_period(time, per, where) == this)
    return used < at_most.number


def _shorten(times: list[Millis], at_most: AtMost, now: Millis) -> None:
    """Forget firings that no period can ask for again."""
    if at_most.per == "ever":
        return
    length = at_most.per.milliseconds if isinstance(at_most.per, Duration) else 33 * DAY
    while times and times[0] < now - length:
        del times[0]


def put_on_list(course: Course, name: str, member: bool, time: Millis) -> None:
    """Put the contact on a static list, or take it off."""
    contact, decision = course.contact, course.decision
    if member == (name in contact.lists):
        return
    put(contact, f"list:{name}", member, time, not member)
    course.changed_at(f"list:{name}", time)
    if member:
        contact.lists[name] = time
        note_move(name, decision.lists_joined, decision.lists_left)
        if not course.muted:
            course.occasions.append(("list", name))
    else:
        del contact.lists[name]
        note_move(name, decision.lists_left, decision.lists_joined)
    course.dirty.extend(course.plan.by_list.get(name, ()))
