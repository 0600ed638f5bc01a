"""Why an action is taken: the rule it stands in, the event or the run that led to it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from rules.contact import Event, Millis, Run
from rules.course import Course
from rules.facts import EventFacts

__all__ = ["Cause", "facts_of"]


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """The rule that acts. `due` is when its actions were due; `event` what a trigger fires on, `run` a scenario's."""

    statement: Literal["trigger", "scenario"]
    name: str
    purpose: str | None
    due: Millis
    event: Event | None = None
    run: Run | None = None

    @property
    def origin(self) -> Event | None:
        """What led to it, as a scenario that is started by it sees it."""
        return self.event if self.run is None else self.run.entry

    def facts(self, course: Course) -> dict[str, Any]:
        """What the expressions and texts of its actions see."""
        return course.facts if self.run is None else facts_of(course, self.run)


def facts_of(course: Course, run: Run, event: Event | None = None) -> dict[str, Any]:
    """What the expressions of a run see."""
    facts = {**course.facts, "entry": EventFacts(run.entry), "arrived": run.arrived}
    if event is None:
        facts.pop("event", None)
    else:
        facts["event"] = EventFacts(event)
    return facts
