"""Scenarios: who enters them, what stops, restarts and wakes the runs through them.

On one event runs are stopped, then restarted, then what waits for it goes on, then the scenario is entered. A paused
scenario is not entered, and its runs stay where they are; they can be stopped.
"""

from __future__ import annotations

from rules.attribute import plain
from rules.cause import facts_of
from rules.consent import consented
from rules.contact import Event, Millis, Run
from rules.course import EVALUATION_FAULTS, Course
from rules.decision import Mishap, RunStep
from rules.history import token
from rules.local_time import after
from rules.moment import millis
from rules.plan import ScenarioPlan
from rules.rulebook import Condition, Scenario, WaitFor, WaitUntil
from rules.run import beyond, goes, run_id, stop_run, waits_at
from rules.segment import settle
from rules.stepping import due_of, go_on
from rules.walk import condition_of, takes_occurrences

__all__ = ["RAN", "RUNS", "enter", "look_after", "meet", "note_dues"]

RUNS = 300  # of one contact at a time
RAN = 1000  # past runs that a contact remembers, by scenario and key
_MINUTE = 60_000
_HOUR = 3_600_000


def enter(course: Course, scenario: Scenario, entry: Event, *, asked: bool = True, occurrence: bool = False) -> bool:
    """Start a run, unless something is against it.

    `asked`: its `when`, or its `to`, is asked (`start scenario` does not). `occurrence`: it comes with one of those
    that a dated, broadcast or feed scenario takes once each. An expression reads as `event` what `course` speaks of.
    True where a run was started.
    """
    contact, name = course.contact, scenario.name
    if name in course.plan.book.paused:
        return False
    if scenario.purpose is not None and not consented(contact, scenario.purpose):
        if course.left_out is not None and (not asked or _holds(course, name, condition_of(scenario))):
            course.left_out.add(f"scenario/{name}")
        return False
    if asked and not _holds(course, name, condition_of(scenario)):
        return False
    key = _key(course, scenario)
    if key is None:
        return False
    if (name, key) in course.entered:
        _note_loop(course, name)
        return False
    if not _free(course, scenario, key, occurrence):
        return False
    course.entered |= {(name, key)}
    _start(course, course.plan.scenarios[name], key, entry, min(entry.time, course.now) if occurrence else course.now)
    return True


def _note_loop(course: Course, name: str) -> None:
    if name not in course.decision.loops:
        course.decision.loops.append(name)


def _holds(course: Course, name: str, condition: Condition | None) -> bool:
    if condition is None:
        return True
    try:
        return bool(condition.expression.run(course.facts))
    except EVALUATION_FAULTS as problem:
        course.mishap(name, problem, "scenario")
        return False


def _key(course: Course, scenario: Scenario) -> str | None:
    """The key of a run that would start; None where it has none, and does not start."""
    if scenario.key is None:
        return ""
    try:
        value = plain(scenario.key.expression.run(course.facts))
    except EVALUATION_FAULTS as problem:
        course.mishap(scenario.name, problem, "scenario")
        return None
    if value is not None and not token(value):  # a list
        course.decision.mishaps.append(Mishap(rule=scenario.name, kind="type", statement="scenario"))
    return None if value is None else token(value) or None


def _free(course: Course, scenario: Scenario, key: str, occurrence: bool) -> bool:
    """Whether a run under this key may start, after those before it."""
    contact = course.contact
    if len(contact.runs) >= RUNS:
        course.decision.mishaps.append(Mishap(rule=scenario.name, kind="other", symbol="runs", statement="scenario"))
        return False
    running = any(run.scenario == scenario.name and run.key == key for run in contact.runs)
    last = contact.ran.get(f"{scenario.name}\0{key}")
    if scenario.again_after is not None:
        return not running and (last is None or after(last, scenario.again_after, course.where) <= course.now)
    if occurrence:
        return True
    return not running and (last is None or takes_occurrences(scenario))


def _start(course: Course, plan: ScenarioPlan, key: str, entry: Event, due: Millis) -> None:
    contact, name, now = course.contact, plan.scenario.name, course.now
    run = Run(
        id=run_id(course, name, key),
        scenario=name,
        key=key,
        entry=entry,
        started=now,
        version=course.plan.book.version,
        since=now,
    )
    contact.runs = [*contact.runs, run]
    course.newborn |= {run.id}
    contact.ran.pop(f"{name}\0{key}", None)
    contact.ran[f"{name}\0{key}"] = now
    while len(contact.ran) > RAN:
        del contact.ran[next(iter(contact.ran))]
    course.decision.matched.append(name)
    course.decision.runs.append(RunStep(run=run.id, scenario=name, what="started"))
    if not _stopped(course, plan, run):
        go_on(course, run, (0,), due)


def look_after(course: Course) -> None:
    """Stop runs whose consent or condition has ended; let those go on whose moment has come, in its order."""
    contact, plan = course.contact, course.plan
    if plan.ageing and not course.rescored:
        course.dirty.append(plan.score)
        settle(course)
    due: list[tuple[Millis, Run]] = []
    for run in contact.runs:
        known = plan.scenarios.get(run.scenario)
        if known is None:
            stop_run(course, run, "scenario removed")
        elif not _stopped(course, known, run) and run.scenario not in plan.book.paused:
            _look_again(course, known.scenario, run)
            if run.due is not None and run.due <= course.now:
                due.append((run.due, run))
    course.rezoned = False
    due.sort(key=lambda one: one[0])
    for moment, run in due:
        if goes(course, run) and not _stopped(course, plan.scenarios[run.scenario], run):
            if run.arrived is None and isinstance(waits_at(plan.book.scenarios[run.scenario], run.place), WaitFor):
                run.arrived = False
            go_on(course, run, beyond(run.place), moment)
            settle(course)


def _look_again(course: Course, scenario: Scenario, run: Run) -> None:
    """When a run goes on may have changed: by what `wait until` reads, or with the time zone."""
    if run.due is not None and run.due <= course.now:
        return
    step = waits_at(scenario, run.place)
    if step is not None and (course.rezoned or (isinstance(step, WaitUntil) and step.moment is not None)):
        moment = due_of(course, run, step, run.since)
        run.due = course.now if moment is None else max(moment, course.now)


def _stopped(course: Course, plan: ScenarioPlan, run: Run) -> bool:
    """Stop a run that has no consent any more, or that a `stop when` is true for."""
    purpose = plan.scenario.purpose
    if purpose is not None and not consented(course.contact, purpose):
        stop_run(course, run, "consent withdrawn")
        return True
    for stop in plan.stop_whens:
        facts = facts_of(course, run)
        try:
            true = bool(stop.run(facts))
        except EVALUATION_FAULTS as problem:
            course.mishap(run.scenario, problem, "scenario")
            true = False
        if true:
            stop_run(course, run, "condition")
            return True
        course.windows |= stop.windows
        moment = stop.expression.changes_at(facts, facts["now"]) if stop.by_clock else None
        if moment is not None:
            course.moments.append(millis(moment))
    return False


def meet(course: Course, event: Event, *, late: bool) -> None:
    """Let runs meet an event: it stops or restarts them, or is what they wait for.

    One that is late restarts nothing, and concerns only what began before its time.
    """
    plans = course.plan.scenarios
    met = [run for run in course.contact.runs if event.name in plans[run.scenario].met]
    waiting = [run for run in met if _waits_for(plans[run.scenario].scenario, run, event)]
    for run in met:
        if not late or run.started <= event.time:
            scenario = plans[run.scenario].scenario
            if any(rule.event == event.name and _meets(course, run, event, rule.when) for rule in scenario.stops):
                stop_run(course, run, "event")
    if not late:
        for run in met:
            _restart(course, plans[run.scenario], run, event)
    for run in waiting:
        if goes(course, run) and (not late or run.since <= event.time):
            _arrive(course, plans[run.scenario].scenario, run, event)


def _meets(course: Course, run: Run, event: Event, condition: Condition | None) -> bool:
    if condition is None:
        return True
    try:
        return bool(condition.expression.run(facts_of(course, run, event)))
    except EVALUATION_FAULTS as problem:
        course.mishap(run.scenario, problem, "scenario")
        return False


def _restart(course: Course, plan: ScenarioPlan, run: Run, event: Event) -> None:
    """Begin again from the first step, with the entry and the key that the run had; once in a decision."""
    scenario = plan.scenario
    if not goes(course, run) or scenario.name in course.plan.book.paused:
        return
    if any(rule.event == event.name and _meets(course, run, event, rule.when) for rule in scenario.restarts):
        if run.id in course.newborn:
            _note_loop(course, scenario.name)
            return
        stop_run(course, run, "restart")
        _start(course, plan, run.key, run.entry, course.now)
        settle(course)


def _waits_for(scenario: Scenario, run: Run, event: Event) -> bool:
    step = waits_at(scenario, run.place)
    return isinstance(step, WaitFor) and step.event == event.name and run.arrived is None


def _arrive(course: Course, scenario: Scenario, run: Run, event: Event) -> None:
    step = waits_at(scenario, run.place)
    if not isinstance(step, WaitFor) or not _meets(course, run, event, step.when):
        return
    run.arrived = True
    if scenario.name in course.plan.book.paused:
        run.due = course.now  # it goes on at the resume
        return
    go_on(course, run, beyond(run.place), course.now)
    settle(course)


def note_dues(course: Course) -> None:
    """Note when runs go on. What is due while its scenario is paused is looked at again, ever more rarely."""
    now, paused = course.now, course.plan.book.paused
    for run in course.contact.runs:
        if run.due is None:
            continue
        if run.due <= now and run.scenario in paused:
            course.moments.append(now + min(max(now - run.due, _MINUTE), _HOUR))
        else:
            course.moments.append(run.due)
