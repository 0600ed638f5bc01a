"""Alerts: raised by a rule, acted upon by people; one for a contact, rule and team until it is over. Tasks beside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jinja2 import TemplateError

from rules.cause import Cause
from rules.contact import Alert, Contact, Event, Millis, Reason
from rules.course import Course
from rules.decision import Decision, Mishap
from rules.entry import AlertActed, TaskAdded
from rules.moment import DAY
from rules.rulebook import AlertTeam, Task
from rules.score import counted, points
from rules.template import render

__all__ = ["act", "add_task", "prune", "raise_alert", "raise_task", "unite", "wake"]

_OVER = ("done", "dismissed")
_REASONS = 3  # of a score, shown on a card


def raise_alert(course: Course, cause: Cause, action: AlertTeam) -> None:
    """Raise an alert, or count one more on the alert that is already there."""
    contact = course.contact
    key = f"{cause.name}/{action.team}"
    if cause.statement == "scenario":
        key = f"scenario {key}"
    alert = contact.alerts.get(key)
    if alert is not None and not _over(alert, course.now):
        alert.count += 1
        alert.score_tenths = contact.tenths
        alert.reasons = reasons(course)
        _changed(course.decision, alert, course.now)
        return
    alert = contact.alerts[key] = Alert(
        id="",
        contact=contact.id,
        trigger=cause.name,
        team=action.team,
        text=_text(course, cause, action.text),
        created=course.now,
        updated=course.now,
        score_tenths=contact.tenths,
        reasons=reasons(course),
        version=course.plan.book.version,
    )
    if action.claim_within is not None:
        alert.escalates, alert.otherwise = course.now + action.claim_within.milliseconds, action.otherwise
        course.moments.append(alert.escalates)
    course.decision.alerts.append(alert)


def raise_task(course: Course, cause: Cause, action: Task) -> None:
    """Put a to-do on a team's list."""
    _put_task(course, cause.name, action.team, _text(course, cause, action.text))


def add_task(course: Course, entry: TaskAdded) -> None:
    """Put a to-do that somebody wrote on a team's list, or on a person's own."""
    task = _put_task(course, "", entry.team, entry.text)
    task.due = entry.due
    if entry.owner:
        task.status, task.owner, task.owner_name, task.claimed = "claimed", entry.owner, entry.owner_name, entry.time


def _put_task(course: Course, rule: str, team: str, text: str) -> Alert:
    contact, decision = course.contact, course.decision
    task = Alert(
        id="",
        contact=contact.id,
        trigger=rule,
        team=team,
        text=text,
        created=course.now,
        updated=course.now,
        score_tenths=contact.tenths,
        reasons=reasons(course),
        version=course.plan.book.version,
        kind="task",
    )
    contact.alerts[f"task {course.entry_id} {len(decision.alerts)}"] = task
    decision.alerts.append(task)
    return task


def _over(alert: Alert, now: Millis) -> bool:
    return alert.status in _OVER and now >= alert.created + DAY


def _changed(decision: Decision, alert: Alert, now: Millis) -> None:
    alert.revision += 1
    alert.updated = max(alert.updated, now)
    if not any(alert is other for other in decision.alerts):
        decision.alerts.append(alert)


def _text(course: Course, cause: Cause, text: str) -> str:
    template = course.plan.templates[text]
    if template.broken:
        _mishap(course, cause, template.broken)
        return text

    def events(name: str) -> Iterator[Event]:
        return (event for event in reversed(course.contact.tail) if event.name == name)

    try:
        return render(template, cause.facts(course), course.plan.book.attributes, events)
    except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as problem:
        _mishap(course, cause, type(problem).__name__)
        return cause.name


def _mishap(course: Course, cause: Cause, symbol: str) -> None:
    course.decision.mishaps.append(Mishap(rule=cause.name, kind="other", symbol=symbol, statement=cause.statement))


def reasons(course: Course) -> list[Reason]:
    """The strongest parts of the score: rules with the most points first."""
    contact, plan = course.contact, course.plan
    parts = [
        Reason(rule=name, tenths=plan.book.scores[name].tenths) for name in contact.holds if name in plan.book.scores
    ]
    for name in contact.hits:
        hit = plan.hits.get(name)
        times = counted(contact, hit, course.where) if hit is not None else []
        if hit is not None and times:
            parts.append(Reason(rule=name, tenths=round(points(hit, times, course.now)), hits=len(times)))
    parts = [part for part in parts if part.tenths > 0]
    return sorted(parts, key=lambda part: (-part.tenths, part.rule))[:_REASONS]


def act(contact: Contact, entry: AlertActed) -> Decision:
    """Take what somebody did to an alert into the contact's state; the first claim in the log wins."""
    alert = next((alert for alert in contact.alerts.values() if alert.id == entry.alert), None)
    if alert is None:
        return Decision(changed=False, ignored="unknown alert")
    if alert.status in _OVER:
        return Decision(changed=False, ignored="stale")
    match entry.act:
        case "claim" if alert.owner and alert.owner != entry.by:
            return Decision(changed=False, ignored="lost claim")
        case "claim" if alert.owner and alert.status == "claimed":
            return Decision(changed=False, ignored="duplicate")
        case "release" if not alert.owner:
            return Decision(changed=False, ignored="stale")
        case "snooze" | "done" | "dismiss" if alert.owner not in ("", entry.by) and not entry.override:
            return Decision(changed=False, ignored="lost claim")
    _apply(alert, entry)
    if alert.status == "snoozed":
        contact.changes_at = min(alert.until, contact.changes_at or alert.until)
    decision = Decision()
    _changed(decision, alert, entry.time)
    return decision


def _apply(alert: Alert, entry: AlertActed) -> None:
    if not alert.owner and entry.act != "release":  # who puts it off, finishes or dismisses it takes it on by that
        alert.owner, alert.owner_name = entry.by, entry.by_name
        alert.claimed = alert.claimed or entry.time
    match entry.act:
        case "claim":
            alert.status, alert.owner, alert.owner_name, alert.until = "claimed", entry.by, entry.by_name, 0
            alert.claimed = alert.claimed or entry.time
        case "release":
            alert.status, alert.owner, alert.owner_name, alert.until = "open", "", "", 0
        case "snooze":
            alert.status, alert.until = "snoozed", entry.until
        case "done":
            alert.status, alert.outcome, alert.until = "done", entry.outcome, 0
        case "dismiss":
            alert.status, alert.outcome, alert.until = "dismissed", entry.outcome, 0


def wake(course: Course) -> None:
    """Reopen alerts whose snooze has ended, tell another team of those that nobody claimed; note when others end."""
    for alert in course.contact.alerts.values():
        if alert.escalates:
            _escalate(course, alert)
        if alert.status != "snoozed":
            continue
        if alert.until <= course.now:
            alert.status = "claimed" if alert.owner else "open"
            alert.until = 0
            _changed(course.decision, alert, course.now)
        else:
            course.moments.append(alert.until)


def _escalate(course: Course, alert: Alert) -> None:
    if alert.escalates > course.now:
        course.moments.append(alert.escalates)
        return
    alert.escalates = 0
    if alert.status == "open" and alert.otherwise not in (alert.team, *alert.also):
        alert.also.append(alert.otherwise)
        _changed(course.decision, alert, course.now)


def prune(contact: Contact, now: Millis) -> None:
    """Forget alerts that are over."""
    for key in [key for key, alert in contact.alerts.items() if _over(alert, now)]:
        del contact.alerts[key]


def unite(course: Course, theirs: dict[str, Any]) -> None:
    """Take over the alerts of a contact that was joined into this one.

    Of two for one trigger and team the older stays, with both counts; the other is closed as `joined`.
    """
    contact, now = course.contact, course.now
    for key, alert in theirs.items():
        alert.contact = contact.id
        if alert.kind == "task":
            while key in contact.alerts:
                key += "'"  # each task is one of its own
        ours = contact.alerts.get(key)
        if ours is None:
            contact.alerts[key] = alert
            _changed(course.decision, alert, now)
            continue
        older, younger = (ours, alert) if (ours.created, ours.id) <= (alert.created, alert.id) else (alert, ours)
        older.count += younger.count
        if older.status == "open" and younger.status == "claimed":
            older.status, older.owner, older.owner_name = "claimed", younger.owner, younger.owner_name
            older.claimed = younger.claimed
        contact.alerts[key] = older
        _changed(course.decision, older, now)
        if younger.status not in _OVER:
            younger.status, younger.outcome = "dismissed", "joined"
            _changed(course.decision, younger, now)
