"""What follows from what happened: triggers fire, scenarios are entered, runs go on, to a fixed point."""

from __future__ import annotations

from collections.abc import Mapping

from rules.contact import Contact, Event
from rules.course import Course
from rules.occurrence import Occurrence
from rules.plan import Occasion
from rules.rulebook import Rulebook, Scenario, Trigger
from rules.scenario import enter, look_after, meet
from rules.segment import settle
from rules.trigger import fire_if_due

__all__ = ["TAKEN", "follow_consequences", "has_taken", "rule_of"]

TAKEN = 4  # ids of occurrences that a contact remembers of each rule


def follow_consequences(course: Course) -> None:
    """Settle what changed and follow the consequences; each trigger fires, each scenario is entered at most once."""
    settle(course)
    course.muted = False  # what is muted is settled; what runs do from here on is not late
    contact, occasions = course.contact, course.occasions
    if contact.runs:
        look_after(course)
    if not occasions:
        return
    while occasions:
        place = 0
        while place < len(occasions):
            occasion, event = occasions[place]
            place += 1
            _react(course, occasion, event)
        occasions.clear()
        if contact.runs:
            look_after(course)
    course.speak_of(None)


def _react(course: Course, occasion: Occasion, event: Event | None) -> None:
    plan, (kind, name) = course.plan, occasion
    meets = event is not None and kind in ("event", "late") and bool(course.contact.runs) and name in plan.met
    if not (meets or occasion in plan.reacting or kind in ("start", "occurrence")):
        return
    if plan.ageing and not course.rescored:
        course.dirty.append(plan.score)
        settle(course)
    if kind == "occurrence":
        _occur_to(course, name, dict(course.occurrences)[name])
        return
    course.speak_of(event)
    if meets and event is not None:
        meet(course, event, late=kind == "late")
    for trigger in plan.triggers.get(occasion, ()):
        if fire_if_due(course, trigger, event):
            settle(course)
    if kind == "start":
        _start(course, plan.scenarios[name].scenario, event)
    for scenario in plan.entries.get(occasion, ()):
        course.speak_of(event)
        enter(course, scenario, event or Event(name, course.now, {}))
        settle(course)


def _start(course: Course, scenario: Scenario, origin: Event | None) -> None:
    """`start scenario`: with the entry of the run, or the event of the trigger, that starts it."""
    enter(course, scenario, origin or Event(scenario.name, course.now, {}), asked=False)
    settle(course)


def _occur_to(course: Course, key: str, occurrence: Occurrence) -> None:
    """Let a rule take an occurrence, once."""
    rule = rule_of(course.plan.book, key)
    if rule is None or has_taken(course.contact, key, occurrence.id):
        return
    event = None if occurrence.dated else occurrence.event
    course.speak_of(event)
    if isinstance(rule, Trigger):
        taken = fire_if_due(course, rule, event, min(occurrence.event.time, course.now))
    else:
        taken = enter(course, rule, occurrence.event, occurrence=True)
    if taken:
        _take(course.contact, key, occurrence.id)
    settle(course)


def rule_of(book: Rulebook, key: str) -> Trigger | Scenario | None:
    """The rule of a key such as "scenario/birthday"; None where there is none, or it is paused."""
    statement, _, name = key.partition("/")
    rules: Mapping[str, Trigger | Scenario] = book.triggers if statement == "trigger" else book.scenarios
    return None if name in book.paused else rules.get(name)


def has_taken(contact: Contact, key: str, occurrence: str) -> bool:
    """Whether a rule has taken an occurrence already."""
    return occurrence in contact.occurred.get(key, "").split("\n")


def _take(contact: Contact, key: str, occurrence: str) -> None:
    known = contact.occurred.get(key)
    taken = [occurrence] if known is None else [*known.split("\n"), occurrence]
    contact.occurred[key] = "\n".join(taken[-TAKEN:])
