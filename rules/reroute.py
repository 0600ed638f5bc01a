"""Runs under a changed text: brought to their places in it, or stopped where these are gone."""

from __future__ import annotations

from collections.abc import Sequence

from rules.change import Change
from rules.contact import Run
from rules.course import Course
from rules.rulebook import WaitFor
from rules.run import stop_run, waits_at
from rules.stepping import due_of

__all__ = ["reroute"]


def reroute(course: Course, runs: Sequence[Run], change: Change | None) -> bool:
    """Bring runs of the contact under the course's rulebook; True where one was concerned.

    A run waits from when it came to its step on, for as long as the new text says; where that is over it goes on now.
    Without a known `change` a run keeps its place where a step to wait at is there.
    """
    concerned = False
    for run in runs:
        if change is not None and run.scenario not in change.scenarios:
            continue
        concerned = True
        scenario = course.plan.book.scenarios.get(run.scenario)
        if scenario is None:
            stop_run(course, run, "scenario removed")
            continue
        places = None if change is None else change.places.get(run.scenario)
        place = run.place if places is None else places.get(run.place)
        step = None if place is None else waits_at(scenario, place)
        if place is None or step is None:
            stop_run(course, run, "step removed")
            continue
        run.place, run.version = place, course.plan.book.version
        if isinstance(step, WaitFor) and (run.due is None or run.due > course.now):
            run.arrived = None
        due = due_of(course, run, step, run.since)
        if due != run.due:
            run.due = course.now if due is None else max(due, course.now)
    return concerned
