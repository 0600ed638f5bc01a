"""What comes every year on the day of a contact's date: a birthday, a contract's renewal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rules.contact import Event, Millis
from rules.course import Course
from rules.local_time import yearly
from rules.moment import instant
from rules.occurrence import Occurrence
from rules.plan import Yearly

__all__ = ["anniversaries", "note_next"]


def anniversaries(course: Course, since: Millis) -> Iterator[Occurrence]:
    """Those that came since a moment, that moment included, until now."""
    for rule in course.plan.yearly:
        moment = _next(course, rule, since - 1)
        if moment is not None and moment <= course.now:
            day = instant(moment).astimezone(course.where).date().isoformat()
            event = Event(rule.name, moment, {})
            yield Occurrence(
                id=f"{rule.name}/{day}", statement=rule.statement, rules=(rule.name,), event=event, dated=True
            )


def note_next(course: Course) -> None:
    """Note when each comes next."""
    for rule in course.plan.yearly:
        moment = _next(course, rule, course.now)
        if moment is not None:
            course.moments.append(moment)


def _next(course: Course, rule: Yearly, after: Millis) -> Millis | None:
    value = course.facts["contact"][rule.attribute]
    if not isinstance(value, datetime):
        return None
    declared = course.plan.book.attributes[rule.attribute]
    local = value.astimezone(UTC if declared.type == "date" else course.where)
    return yearly(local.date(), rule.time, course.where, after)
