"""Scenarios as plain records, and the texts that mean them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

Condition: TypeAlias = tuple[Any, ...]  # ("level", 3), ("and", one, other) …


@dataclass(frozen=True)
class Send:
    name: str


@dataclass(frozen=True)
class Wait:
    number: int
    unit: str


@dataclass(frozen=True)
class Until:
    time: str
    day: str = ""


@dataclass(frozen=True)
class UntilEnds:
    """`wait until contact.ends`"""


@dataclass(frozen=True)
class WaitFor:
    event: str
    number: int
    unit: str
    when: Condition | None = None


@dataclass(frozen=True)
class If:
    branches: tuple[tuple[Condition | None, tuple[Step, ...]], ...]


@dataclass(frozen=True)
class Split:
    label: str
    shares: tuple[tuple[int, str, tuple[Step, ...]], ...]


@dataclass(frozen=True)
class Act:
    """What is done to the contact: "add", "remove" (its list), "set" (its level), "convert", "start", "stop"."""

    what: str
    argument: Any = None


@dataclass(frozen=True)
class Stop:
    pass


Step: TypeAlias = Send | Wait | Until | UntilEnds | WaitFor | If | Split | Act | Stop


@dataclass(frozen=True)
class Rule:
    """`stop on`, `restart on`; `stop when` has no event."""

    event: str | None
    when: Condition | None


@dataclass(frozen=True)
class Scenario:
    """What it is entered on: "event", "list", "consent", "enter", "leave" or "broadcast" of a name, or each "year"."""

    name: str
    kind: str
    argument: str
    steps: tuple[Step, ...]
    when: Condition | None = None
    purpose: bool = False
    keyed: bool = False
    again: tuple[int, str] | None = None
    stops: tuple[Rule, ...] = ()
    restarts: tuple[Rule, ...] = ()


# --- their waits -----------------------------------------------------------------------------------------------------


def waits_in(steps: tuple[Step, ...]) -> Iterator[Wait | WaitFor]:
    """The steps with a length, in the order of the text."""
    for step in steps:
        match step:
            case Wait() | WaitFor():
                yield step
            case If(branches):
                for _, inner in branches:
                    yield from waits_in(inner)
            case Split(_, shares):
                for _, _, inner in shares:
                    yield from waits_in(inner)


def relengthed(scenarios: list[Scenario], which: int, number: int, unit: str) -> list[Scenario]:
    """The scenarios with another length of one of their waits; the same where there are none."""
    waits = [step for one in scenarios for step in waits_in(one.steps)]
    chosen = waits[which % len(waits)] if waits else None

    def changed(steps: tuple[Step, ...]) -> tuple[Step, ...]:
        return tuple(map(change, steps))

    def change(step: Step) -> Step:
        match step:
            case Wait() | WaitFor():
                return replace(step, number=number, unit=unit) if step is chosen else step
            case If(branches):
                return If(tuple((condition, changed(inner)) for condition, inner in branches))
            case Split(label, shares):
                return Split(label, tuple((percent, name, changed(inner)) for percent, name, inner in shares))
            case _:
                return step

    return [replace(one, steps=changed(one.steps)) for one in scenarios]


# --- their texts -----------------------------------------------------------------------------------------------------

HEAD = """attribute level: number
attribute plan: text
attribute ends: datetime
attribute born: date
purpose letters: "Yes, write to me.", via email
list late: "Late"
segment busy: count("A", t"P2D") >= 2
"""


def text_of(scenarios: list[Scenario]) -> str:
    return HEAD + "".join("\n".join(_lines(one)) + "\n" for one in scenarios)


def _lines(one: Scenario) -> Iterator[str]:
    entry = {
        "event": f'on "{one.argument}"',
        "broadcast": f'on broadcast "{one.argument}"',
        "list": "on list late",
        "consent": "on consent letters",
        "enter": "on enter busy",
        "leave": "on leave busy",
        "year": f"every year on contact.born at {one.argument}",
    }[one.kind]
    asked = "to" if one.kind == "broadcast" else "when"
    when = "" if one.when is None else f" {asked} {written(one.when)}"
    yield f"scenario {one.name}{' for letters' if one.purpose else ''}: {entry}{when}"
    if one.keyed:
        yield "  key event.k"
    if one.again:
        yield f"  again after {one.again[0]} {one.again[1]}s"
    for verb, rules in (("stop", one.stops), ("restart", one.restarts)):
        for rule in rules:
            event = "" if rule.event is None else f' on "{rule.event}"'
            yield f"  {verb}{event}" + ("" if rule.when is None else f" when {written(rule.when)}")
    yield from _block(one.steps, "  ")


def _block(steps: tuple[Step, ...], indent: str) -> Iterator[str]:
    for step in steps:
        match step:
            case If(branches):
                for number, (condition, inner) in enumerate(branches):
                    word = "else" if condition is None else f"{'if' if not number else 'else if'} {written(condition)}"
                    yield indent + word
                    yield from _block(inner, indent + "  ")
            case Split(label, shares):
                yield f"{indent}split @{label}"
                for percent, name, inner in shares:
                    yield f"{indent}  {percent}% {name}"
                    yield from _block(inner, indent + "    ")
            case _:
                yield indent + _line(step)


def _line(step: Step) -> str:
    match step:
        case Send(name):
            return f"send email {name}"
        case Wait(number, unit):
            return f"wait {number} {unit}s"
        case Until(time, day):
            return f"wait until {day} {time}".replace("  ", " ")
        case UntilEnds():
            return "wait until contact.ends"
        case WaitFor(event, number, unit, when):
            return f'wait for "{event}" up to {number} {unit}s' + ("" if when is None else f" when {written(when)}")
        case Act("add"):
            return "add to list late"
        case Act("remove"):
            return "remove from list late"
        case Act("set", level):
            return f"set contact.level = {level}"
        case Act("convert", name):
            return f'convert "{name}"'
        case Act(what, name):
            return f"{what} scenario {name}"
        case _:
            return "stop"


def written(condition: Condition) -> str:
    match condition:
        case ("and" | "or" as word, one, other):
            return f"({written(one)}) {word} ({written(other)})"
        case ("not", one):
            return f"not ({written(one)})"
        case ("level", number):
            return f"contact.level >= {number}"
        case ("plan", name):
            return f'contact.plan == "{name}"'
        case ("number", number):
            return f"event.n >= {number}"
        case ("entry", number):
            return f"entry.n >= {number}"
        case ("same",):
            return "event.k == entry.k"
        case ("arrived",):
            return "arrived"
        case ("count", event, number):
            return f'count("{event}") >= {number}'
        case ("recent", event, days, number):
            return f'count("{event}", t"P{days}D") >= {number}'
        case ("listed",):
            return 'in_list("late")'
        case ("busy",):
            return 'in_segment("busy")'
        case ("consented",):
            return 'consented("letters")'
    raise AssertionError(condition)
