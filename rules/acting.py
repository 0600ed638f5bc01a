"""What rules do at once: messages, alerts, tasks, lists, points, attributes, conversions, other scenarios."""

from __future__ import annotations

from rules.alert import raise_alert, raise_task
from rules.attribute import plain, put
from rules.cause import Cause
from rules.contact import Event, Millis, Value
from rules.course import EVALUATION_FAULTS, Course
from rules.decision import Outgoing
from rules.intake import OURS, add_points, happen, set_value
from rules.rulebook import (
    Action,
    AddPoints,
    AddToList,
    AlertTeam,
    Condition,
    Convert,
    RemoveFromList,
    Send,
    SetAttribute,
    StartScenario,
    StopScenario,
    Task,
)
from rules.run import stop_runs
from rules.segment import note_move

__all__ = ["CONVERTED", "act", "put_on_list"]

CONVERTED = "Converted"


def act(course: Course, cause: Cause, action: Action) -> None:
    """Take one action. What it changes is to be settled."""
    match action:
        case Send():
            _send(course, cause, action)
        case AlertTeam():
            raise_alert(course, cause, action)
        case Task():
            raise_task(course, cause, action)
        case AddToList(list=name):
            put_on_list(course, name, True, course.now)
        case RemoveFromList(list=name):
            put_on_list(course, name, False, course.now)
        case AddPoints(tenths=tenths):
            add_points(course, tenths, course.now, f"{cause.statement} {cause.name}")
        case SetAttribute(attribute=name, value=condition):
            value, known = _value(course, cause, condition)
            if known:
                set_value(course, name, value, course.now, True)
        case Convert():
            _convert(course, cause, action)
        case StartScenario(scenario=name):
            course.happen("start", name, cause.origin)
        case StopScenario(scenario=name):
            stop_runs(course, name)


def _send(course: Course, cause: Cause, action: Send) -> None:
    course.decision.sends.append(
        Outgoing(
            channel=action.channel,
            message=action.message,
            purpose=action.purpose or cause.purpose or "",
            statement=cause.statement,
            rule=cause.name,
            run=cause.run.id if cause.run is not None else "",
            step=action.label or str(action.line),
            due=cause.due,
            valid_until=cause.due + action.valid.milliseconds if action.valid is not None else 0,
            entry=cause.run.entry if cause.run is not None else None,
            event=cause.event,
        )
    )


def _value(course: Course, cause: Cause, condition: Condition) -> tuple[Value, bool]:
    """The value of an expression, and whether it has one."""
    try:
        return plain(condition.expression.run(cause.facts(course))), True
    except EVALUATION_FAULTS as problem:
        course.mishap(cause.name, problem, cause.statement)
        return None, False


def _convert(course: Course, cause: Cause, action: Convert) -> None:
    """A conversion is an event of the history; rules react to it as to any other."""
    properties: dict[str, Value] = {"name": action.name, cause.statement: cause.name}
    if action.amount is not None:
        amount, known = _value(course, cause, action.amount)
        if known:
            properties["amount"] = amount
    happen(course, Event(CONVERTED, course.now, properties, OURS))
    course.reset()  # counts have changed


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
            course.happen("list", name)
    else:
        del contact.lists[name]
        note_move(name, decision.lists_left, decision.lists_joined)
    course.dirty.extend(course.plan.by_list.get(name, ()))
