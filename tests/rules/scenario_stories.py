"""Generated scenarios, and stories that are told to a contact under them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from hypothesis import strategies as st

from tests.rules.naive_clock import DAY
from tests.rules.written_scenario import (
    Act,
    Condition,
    If,
    Rule,
    Scenario,
    Send,
    Split,
    Step,
    Stop,
    Until,
    UntilEnds,
    Wait,
    WaitFor,
)

__all__ = ["STARTS", "Case", "Told", "cases"]

ZONES = ("UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe")
STARTS = tuple(  # a zone, and a day before the clocks turn there, or before 29 February
    (zone, (date(*day) - date(1970, 1, 1)).days * DAY + 8 * 60)
    for zone, day in (
        ("Europe/Paris", (2026, 10, 24)),
        ("America/New_York", (2026, 10, 31)),
        ("Australia/Lord_Howe", (2026, 4, 3)),
        ("Europe/Paris", (2026, 3, 27)),
        ("America/New_York", (2026, 3, 6)),
        ("Australia/Lord_Howe", (2026, 10, 2)),
        ("UTC", (2028, 2, 27)),
        ("Europe/Paris", (2027, 2, 26)),
    )
)


@dataclass(frozen=True)
class Told:
    """What happens `gap` minutes after the one before. `asleep`: nobody looks after time until then."""

    gap: int
    asleep: bool
    what: str
    argument: Any = None


Case: TypeAlias = tuple[list[Scenario], str, int, list[Told]]

lengths = st.sampled_from(
    [(1, "minute"), (90, "minute"), (1, "hour"), (3, "hour"), (24, "hour"), (1, "day"), (2, "day"), (3, "day"),
     (1, "week"), (1, "month")]
)  # fmt: skip
clocks = st.sampled_from(["02:30", "09:00", "01:30", "02:15", "01:45", "00:00", "23:45"])
weekdays = st.sampled_from(["", "", "", "monday", "sunday"])
names = st.sampled_from(("A", "A", "A", "B", "B", "C", "Converted"))


def conditions(event: bool, run: bool, arrived: bool) -> st.SearchStrategy[Condition]:
    """Conditions that may be asked where there is an event, a run, a `wait for` before."""
    plain: list[st.SearchStrategy[Condition]] = [
        st.tuples(st.just("level"), st.integers(0, 4)),
        st.tuples(st.just("plan"), st.sampled_from(["free", "pro"])),
        st.tuples(st.just("count"), names, st.integers(0, 3)),
        st.tuples(st.just("recent"), names, st.sampled_from([1, 3]), st.integers(1, 2)),
        st.sampled_from([("listed",), ("busy",), ("consented",)]),
    ]
    if event:
        plain.append(st.tuples(st.just("number"), st.integers(0, 4)))
    if run:
        plain.append(st.tuples(st.just("entry"), st.integers(0, 4)))
    if event and run:
        plain += [st.just(("same",))] * 2
    if arrived:
        plain += [st.just(("arrived",))] * 3
    one = st.one_of(plain)
    return st.one_of(
        one,
        one,
        st.tuples(st.just("not"), one),
        st.tuples(st.sampled_from(["and", "or"]), one, one),
    )


CONDITIONS = {
    (event, run, arrived): conditions(event, run, arrived)
    for event in (False, True) for run in (False, True) for arrived in (False, True)
}  # fmt: skip


class Writer:
    """Draws scenarios: which names there are, which messages were named already."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.messages = 0
        self.splits = 0
        self.spoken = False  # the entry of the scenario is an event
        self.number = draw(st.integers(1, 3))

    def scenario(self, number: int) -> Scenario:
        draw = self.draw
        kind = draw(
            st.sampled_from(["event"] * 9 + ["list", "list", "consent", "enter", "leave", "broadcast", "year", "year"])
        )
        argument = {"event": draw(names), "broadcast": "News", "list": "late", "consent": "letters"}.get(kind, "busy")
        argument = draw(clocks) if kind == "year" else argument
        spoken = kind in ("event", "broadcast")
        needed = kind == "broadcast"
        asked = draw(CONDITIONS[spoken, False, False]) if needed or draw(st.integers(0, 3)) == 3 else None
        self.spoken = spoken
        steps, _ = self.block(number, 0, False)
        return Scenario(
            name=f"s{number}",
            kind=kind,
            argument=argument,
            steps=steps,
            when=asked,
            purpose=draw(st.integers(0, 2)) == 2,
            keyed=spoken and draw(st.integers(0, 2)) == 2,
            again=draw(st.one_of(lengths, st.none())),
            stops=self.rules("stop"),
            restarts=self.rules("restart"),
        )

    def rules(self, verb: str) -> tuple[Rule, ...]:
        draw = self.draw
        if draw(st.integers(0, 3)) < 3:
            return ()
        if verb == "stop" and draw(st.booleans()):
            return (Rule(None, draw(CONDITIONS[False, self.spoken, False])),)
        return (Rule(draw(names), self.at_meeting()),)

    def at_meeting(self) -> Condition | None:
        """The `when` of an event that a run meets."""
        return self.draw(st.one_of(st.none(), CONDITIONS[True, self.spoken, False]))

    def block(self, scenario: int, depth: int, arrived: bool) -> tuple[tuple[Step, ...], bool]:
        """Steps, and whether a `wait for` may stand before what comes behind them."""
        steps: list[Step] = []
        for _ in range(self.draw(st.integers(2, 5) if not depth else st.integers(1, 2))):
            step, arrived = self.step(scenario, depth, arrived)
            steps.append(step)
        return tuple(steps), arrived

    def step(self, scenario: int, depth: int, arrived: bool) -> tuple[Step, bool]:
        draw = self.draw
        kinds = ["send"] * 4 + ["wait"] * 3 + ["until"] * 2 + ["for"] * 2 + ["ends", "act"]
        kind = draw(st.sampled_from(kinds + (["if", "if", "split"] if depth < 2 else [])))
        match kind:
            case "wait":
                return Wait(*draw(lengths)), arrived
            case "until":
                return Until(draw(clocks), draw(weekdays)), arrived
            case "ends":
                return UntilEnds(), arrived
            case "for":
                return WaitFor(draw(names), *draw(lengths), self.at_meeting()), True
            case "act":
                return self.act(scenario), arrived
            case "if":
                return self.choice(scenario, depth, arrived)
            case "split":
                return self.split(scenario, depth, arrived)
            case _:
                self.messages += 1
                return Send(f"m{self.messages}"), arrived

    def act(self, scenario: int) -> Act:
        what = self.draw(st.sampled_from(["add", "remove", "set", "convert", "start", "stop"]))
        others = [f"s{number}" for number in range(self.number) if number != scenario]
        if what == "start" and others:
            return Act("start", self.draw(st.sampled_from(others)))
        if what in ("start", "stop"):
            return Act("stop", self.draw(st.sampled_from([f"s{number}" for number in range(self.number)])))
        argument = {"set": self.draw(st.integers(0, 4)), "convert": "Sale"}.get(what)
        return Act(what, argument)

    def choice(self, scenario: int, depth: int, arrived: bool) -> tuple[Step, bool]:
        draw = self.draw
        branches: list[tuple[Condition | None, tuple[Step, ...]]] = []
        later = arrived
        for _ in range(draw(st.integers(1, 2))):
            steps, after = self.block(scenario, depth + 1, arrived)
            branches.append((draw(CONDITIONS[False, self.spoken, arrived]), steps))
            later = later or after
        if draw(st.booleans()):
            steps, after = self.block(scenario, depth + 1, arrived)
            branches.append((None, steps))
            later = later or after
        elif draw(st.booleans()):
            condition, steps = branches[-1]
            branches[-1] = (condition, (*steps, Stop()))
        return If(tuple(branches)), later

    def split(self, scenario: int, depth: int, arrived: bool) -> tuple[Step, bool]:
        self.splits += 1
        label, later = f"split{self.splits}", arrived
        shares = []
        for percent, name in ((30, "one"), (70, "other")):
            steps, after = self.block(scenario, depth + 1, arrived)
            shares.append((percent, name, steps))
            later = later or after
        return Split(label, tuple(shares)), later


properties = st.builds(
    lambda key, number: {name: value for name, value in (("k", key), ("n", number)) if value is not None},
    st.sampled_from(["x", "x", "y", None]),
    st.sampled_from([5, 3, 2, 1, None]),
)
gaps = st.one_of(
    st.sampled_from([1, 60, 180, 720, DAY, 2 * DAY, 0, 30, 7 * DAY, 35 * DAY]),
    st.integers(0, 300),
    st.integers(0, 4 * DAY),
)
agos = st.sampled_from([0] * 9 + [5, DAY, DAY + 1, 2 * DAY])
kinds = st.sampled_from(
    ["event"] * 16
    + ["list"] * 3
    + ["broadcast"] * 2
    + ["zone"] * 2
    + ["edit"] * 3
    + ["born", "consent", "level", "plan", "ends", "nothing"]
)
arguments: dict[str, st.SearchStrategy[Any]] = {
    "list": st.sampled_from([True, True, False]),
    "broadcast": properties,
    "zone": st.sampled_from(ZONES),
    "consent": st.sampled_from([True, False]),
    "level": st.integers(0, 5),
    "plan": st.sampled_from(["free", "pro", None]),
    "ends": st.one_of(st.integers(-DAY, 5 * DAY), st.none()),
    "nothing": st.none(),
    "edit": st.tuples(st.integers(0, 5), lengths),
    "born": st.sampled_from([0, 1, 2, "leap", -1, 3, None]),
}
beginnings = st.sampled_from(
    [
        [Told(0, False, "consent", True), Told(0, False, "level", 3), Told(0, False, "ends", 2 * DAY)],
        [Told(0, False, "consent", True), Told(0, False, "born", 1)],
        [Told(0, False, "consent", True), Told(0, False, "born", "leap")],
        [Told(0, False, "consent", True), Told(0, False, "ends", DAY), Told(0, False, "list", True)],
        [Told(0, False, "level", 1)],
    ]
)


def told(draw: st.DrawFn, heard: list[str]) -> Told:
    """The next thing of a story; events are mostly such as something hears."""
    kind = draw(kinds)
    if kind == "event":
        name = draw(st.sampled_from(heard)) if heard and draw(st.integers(0, 4)) < 4 else draw(names)
        return Told(draw(gaps), draw(st.integers(0, 3)) == 3, kind, (name, draw(agos), draw(properties)))
    asleep = kind != "edit" and draw(st.integers(0, 3)) == 3  # what a recompute finds changed by time, it tells nobody
    return Told(draw(gaps), asleep, kind, draw(arguments[kind]))


def heard_by(scenario: Scenario) -> list[str]:
    found = [scenario.argument] * 3 if scenario.kind == "event" else []
    found += ["A", "A"] if scenario.kind in ("enter", "leave") else []
    found += [rule.event for rule in (*scenario.stops, *scenario.restarts) if rule.event is not None]
    return found + [step.event for step in scenario.steps if isinstance(step, WaitFor)]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    writer = Writer(draw)
    scenarios = [writer.scenario(number) for number in range(writer.number)]
    heard = [name for one in scenarios for name in heard_by(one)]
    story = [*draw(beginnings), *(told(draw, heard) for _ in range(draw(st.integers(6, 14))))]
    return (scenarios, *draw(st.sampled_from(STARTS)), story)
