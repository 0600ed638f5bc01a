"""A run goes on through its scenario, step by step, until it waits or ends."""

from __future__ import annotations

from datetime import datetime

from rules.acting import act
from rules.cause import Cause, facts_of
from rules.contact import Millis, Run
from rules.course import EVALUATION_FAULTS, Course
from rules.decision import RunStep
from rules.local_time import after, next_time
from rules.moment import millis
from rules.rulebook import Condition, If, Split, Stop, Wait, WaitFor, WaitUntil
from rules.run import Place, beyond, chosen_share, finish_run, goes, step_at, stop_run
from rules.segment import settle

__all__ = ["due_of", "go_on", "matches"]


def go_on(course: Course, run: Run, place: Place, due: Millis) -> None:
    """Take the steps from a place on. `due` is when they were due, which may be before now."""
    scenario = course.plan.book.scenarios[run.scenario]
    cause = Cause(statement="scenario", name=run.scenario, purpose=scenario.purpose, due=due, run=run)
    while goes(course, run):
        settle(course)
        step = step_at(scenario.steps, place)
        match step:
            case None if len(place) == 1:
                finish_run(course, run)
                return
            case None:
                place = beyond(place[:-2])
            case Wait() | WaitUntil() | WaitFor():
                if _rest(course, run, place, step):
                    return
                place = beyond(place)
            case If():
                place = _branch(course, run, place, step)
            case Split():
                place = (*place, chosen_share(step, run.scenario, course.contact.id, place), 0)
            case Stop():
                stop_run(course, run, "step")
            case _:
                act(course, cause, step)
                place = beyond(place)


def _rest(course: Course, run: Run, place: Place, step: Wait | WaitUntil | WaitFor) -> bool:
    """Let a run wait at a step; False where there is nothing to wait for."""
    if isinstance(step, WaitFor):
        run.arrived = None
    due = due_of(course, run, step, course.now)
    if due is None or due <= course.now:
        return False
    run.place, run.since, run.due = place, course.now, due
    course.decision.runs.append(RunStep(run=run.id, scenario=run.scenario, what="waits", place=place, due=due))
    return True


def due_of(course: Course, run: Run, step: Wait | WaitUntil | WaitFor, since: Millis) -> Millis | None:
    """When a run that has waited at a step since a moment goes on by itself; None: at once."""
    match step:
        case Wait(duration=duration) | WaitFor(up_to=duration):
            return after(since, duration, course.where)
        case WaitUntil(moment=condition) if condition is not None:
            return _moment(course, run, condition)
        case _:
            return next_time(since, step.time, step.day, course.where)


def _moment(course: Course, run: Run, condition: Condition) -> Millis | None:
    try:
        value = condition.expression.run(facts_of(course, run))
    except EVALUATION_FAULTS as problem:
        course.mishap(run.scenario, problem, "scenario")
        return None
    return millis(value) if isinstance(value, datetime) else None


def _branch(course: Course, run: Run, place: Place, step: If) -> Place:
    """Into the first branch whose condition is true, else behind the whole."""
    for number, branch in enumerate(step.branches):
        if branch.condition is None or matches(course, run, branch.condition):
            return (*place, number, 0)
    return beyond(place)


def matches(course: Course, run: Run, condition: Condition | None) -> bool:
    """Whether a condition about a run is true; one that meets an error is not."""
    if condition is None:
        return True
    try:
        return bool(condition.expression.run(facts_of(course, run)))
    except EVALUATION_FAULTS as problem:
        course.mishap(run.scenario, problem, "scenario")
        return False
