"""Triggers: what follows at once from an event, a segment entered or left, a list, a consent, a date, a broadcast."""

from __future__ import annotations

from datetime import tzinfo

from rules.acting import act
from rules.cause import Cause
from rules.consent import consented
from rules.contact import Event, Millis
from rules.course import EVALUATION_FAULTS, Course
from rules.moment import DAY, calendar_period
from rules.rulebook import AtMost, Duration, Trigger
from rules.walk import condition_of

__all__ = ["allowed", "fire_if_due"]


def fire_if_due(course: Course, trigger: Trigger, event: Event | None, due: Millis | None = None) -> bool:
    """Let a trigger fire unless something is against it; what it changes is to be settled. True where it fired."""
    if trigger.purpose is None or consented(course.contact, trigger.purpose):
        if not _met(course, trigger) or not _may_fire(course, trigger):
            return False
    else:
        if course.left_out is not None and _met(course, trigger):
            course.left_out.add(trigger.name)
        return False
    _fire(course, trigger, event, course.now if due is None else due)
    return True


def _may_fire(course: Course, trigger: Trigger) -> bool:
    """Whether a trigger may fire once more: under its cap, and once in a decision."""
    if trigger.at_most is not None and not allowed(
        course.contact.firings.get(trigger.name, []), trigger.at_most, course.now, course.where
    ):
        return False
    if trigger.name in course.fired:
        if trigger.name not in course.decision.loops:
            course.decision.loops.append(trigger.name)
        return False
    return True


def _met(course: Course, trigger: Trigger) -> bool:
    """Whether a trigger's `when`, or its `to`, is true now."""
    condition = trigger.when or condition_of(trigger)
    if condition is None:
        return True
    try:
        return bool(condition.expression.run(course.known_facts or course.facts))
    except EVALUATION_FAULTS as problem:
        course.mishap(trigger.name, problem, "trigger")
        return False


def _fire(course: Course, trigger: Trigger, event: Event | None, due: Millis) -> None:
    contact = course.contact
    course.fired.add(trigger.name)
    course.decision.matched.append(trigger.name)
    course.decision.fired.append(trigger.name)
    if trigger.at_most is not None:
        times = contact.firings.setdefault(trigger.name, [])
        times.append(course.now)
        _shorten(times, trigger.at_most, course.now)
    cause = Cause(statement="trigger", name=trigger.name, purpose=trigger.purpose, due=due, event=event)
    for action in trigger.actions:
        act(course, cause, action)


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
