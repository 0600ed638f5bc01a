"""Scenarios followed plainly, to hold the engine against: a run is a generator.

Nothing here is shared with `rules`. A world is one contact; its times are whole minutes since 1970-01-01T00:00Z.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from tests.rules.naive_clock import DAY, later, next_anniversary, next_clock
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
    waits_in,
)


class MissingError(Exception):
    """A value is not there: the whole expression does not match."""


@dataclass
class Happening:
    name: str
    minute: int
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass
class Waiting:
    step: Wait | Until | UntilEnds | WaitFor
    since: int


@dataclass(eq=False)
class Run:
    scenario: Scenario
    key: Any
    entry: Happening
    started: int
    born: int = 0  # the decision that it was started by
    alive: bool = True
    arrived: bool | None = None
    due: int | None = None  # of what it is waiting for
    meant: int = 0  # when what it does now was due
    waiting: Waiting | None = None
    way: Iterator[Waiting] | None = None


@dataclass(frozen=True, order=True)
class Sent:
    minute: int
    message: str
    due: int


class World:
    """One contact under some scenarios."""

    def __init__(self, contact: str, scenarios: list[Scenario], zone: str = "UTC") -> None:
        self.contact = contact
        self.scenarios = {one.name: one for one in scenarios}
        self.zone = zone
        self.now = 0
        self.attributes: dict[str, Any] = {}
        self.listed = False
        self.consented = False
        self.busy = False
        self.events: list[Happening] = []
        self.runs: list[Run] = []
        self.ran: dict[tuple[str, Any], int] = {}
        self.taken: set[tuple[str, str]] = set()
        self.sent: list[Sent] = []
        self.queue: list[tuple[str, str, Happening | None]] = []
        self.entered: set[tuple[str, Any]] = set()
        self.decisions = 0
        self.looked = 0  # when the last decision was made
        self.lengths: dict[int, Wait | WaitFor] = {}  # of waits whose length was changed, by the first of them

    # --- what may come from outside ---

    def wait(self, until: int) -> None:
        """Time passes, and everything is looked after at its minute."""
        while (moment := self._next_moment()) is not None and moment <= until:
            self.decide(moment)
        self.now = until

    def decide(self, now: int, change: Callable[[], None] | None = None) -> None:
        """One decision: first what time alone has brought, then a change; what follows from both."""
        self.now = now
        self.decisions += 1
        self.entered = set()
        self._celebrate(self.looked)
        self.looked = now
        self._settle()
        self._follow()
        if change is not None:
            change()
        self._follow()

    def happens(self, name: str, minute: int, properties: dict[str, Any]) -> None:
        """An event; one that comes more than a day after its time starts nothing."""
        event = Happening(name, minute, properties)
        late = self.now - minute > DAY
        self.queue.append(("late" if late else "event", name, event))
        self.events.append(event)
        self._settle(silent=late)

    def sets(self, name: str, value: Any) -> None:
        self.attributes[name] = value

    def moves(self, zone: str) -> None:
        self.zone = zone

    def consents(self, granted: bool) -> None:
        if granted and not self.consented:
            self.queue.append(("consent", "letters", None))
        self.consented = granted

    def lists(self, member: bool) -> None:
        if member and not self.listed:
            self.queue.append(("list", "late", None))
        self.listed = member

    def broadcast(self, name: str, ident: str, properties: dict[str, Any]) -> None:
        for scenario in self.scenarios.values():
            if scenario.kind == "broadcast" and scenario.argument == name and (scenario.name, ident) not in self.taken:
                entry = Happening(name, self.now, properties)
                if self._enter(scenario, entry, entry, occurrence=True):
                    self.taken.add((scenario.name, ident))

    def edits(self, scenarios: list[Scenario]) -> None:
        """Another text, whose waits alone are of another length: they count from when they began."""
        ways = {one.name: list(waits_in(one.steps)) for one in self.scenarios.values()}
        self._settle(silent=True)
        for one in scenarios:
            for old, new in zip(ways[one.name], waits_in(one.steps), strict=True):
                if self.lengths.get(id(old), old) != new:
                    self.lengths[id(old)] = new
                    self._wait_anew(old)

    def _wait_anew(self, step: Wait | WaitFor) -> None:
        for run in self.runs:
            if run.waiting is not None and run.waiting.step is step:
                run.due = self._due(run.waiting)

    # --- what follows ---

    def _next_moment(self) -> int | None:
        moments = [run.due for run in self.runs if run.due is not None]
        moments += [event.minute + days * DAY for event in self.events for days in (1, 2, 3)]
        moments += [moment for _, moment, _ in self._anniversaries(self.now)]
        return min((moment for moment in moments if moment > self.now), default=None)

    def _anniversaries(self, after: int) -> Iterator[tuple[Scenario, int, str]]:
        born = self.attributes.get("born")
        for scenario in self.scenarios.values():
            if scenario.kind == "year" and born is not None:
                yield scenario, *next_anniversary(born, scenario.argument, after, self.zone)

    def _celebrate(self, since: int) -> None:
        """What comes every year, and came since the last decision, comes once a day of the year."""
        for scenario, moment, day in self._anniversaries(since):
            if moment <= self.now:
                self.queue.append(("year", f"{scenario.name} {day}", Happening(scenario.name, moment)))

    def _settle(self, silent: bool = False) -> None:
        busy = self.holds(("recent", "A", 2, 2))
        if busy != self.busy:
            self.busy = busy
            if not silent:
                self.queue.append(("enter" if busy else "leave", "busy", None))

    def _follow(self) -> None:
        self._look_after()
        while self.queue:
            while self.queue:
                kind, name, event = self.queue.pop(0)
                if kind in ("event", "late"):
                    assert event is not None
                    self._meet(event, late=kind == "late")
                if kind == "year":
                    assert event is not None
                    scenario = self.scenarios[event.name]
                    if (name, "") not in self.taken and self._enter(scenario, event, None, occurrence=True):
                        self.taken.add((name, ""))
                elif kind == "start":
                    assert event is not None
                    self._enter(self.scenarios[name], event, event, asked=False)
                else:
                    for scenario in self.scenarios.values():
                        if (scenario.kind, scenario.argument) == (kind, name):
                            self._enter(scenario, event or Happening(name, self.now), event)
            self._look_after()

    def _look_after(self) -> None:
        for run in self.runs.copy():
            if not self._over(run) and run.waiting is not None and (run.due is None or run.due > self.now):
                run.due = self._due(run.waiting)
        due = sorted(
            (run for run in self.runs if run.due is not None and run.due <= self.now), key=lambda run: run.due or 0
        )
        for run in due:
            if run.alive and not self._over(run):
                if run.waiting is not None and isinstance(run.waiting.step, WaitFor):
                    run.arrived = False
                self._go_on(run, run.due or 0)

    def _due(self, waiting: Waiting) -> int:
        """When a run goes on by itself; now, where there is nothing to wait for (any more)."""
        match self.lengths.get(id(waiting.step), waiting.step):
            case Wait(number, unit) | WaitFor(_, number, unit):
                due = later(waiting.since, number, unit, self.zone)
            case Until(time, day):
                due = next_clock(waiting.since, time, day, self.zone)
            case UntilEnds():
                due = self.attributes.get("ends") or self.now
        return max(due, self.now)

    def _over(self, run: Run) -> bool:
        if run.scenario.purpose and not self.consented:
            self._end(run)
        for rule in run.scenario.stops:
            if rule.event is None and self.holds(rule.when, run):
                self._end(run)
        return not run.alive

    def _meet(self, event: Happening, late: bool) -> None:
        waiting = [(run, run.waiting) for run in self.runs if run.waiting is not None]
        present = self.runs.copy()
        for run in present:
            if not (late and run.started > event.minute) and self._any(run.scenario.stops, run, event):
                self._end(run)
        for run in present:
            again = run.born < self.decisions  # nothing starts twice by its own consequences
            if run.alive and not late and again and self._any(run.scenario.restarts, run, event):
                self._end(run)
                self._start(run.scenario, run.key, run.entry, self.now)
        for run, wait in waiting:
            step = wait.step
            if not isinstance(step, WaitFor) or step.event != event.name or run.waiting is not wait or not run.alive:
                continue
            if not (late and wait.since > event.minute) and self.holds(step.when, run, event):
                run.arrived = True
                self._go_on(run, self.now)

    def _any(self, rules: tuple[Rule, ...], run: Run, event: Happening) -> bool:
        return any(rule.event == event.name and self.holds(rule.when, run, event) for rule in rules)

    def _enter(
        self,
        scenario: Scenario,
        entry: Happening,
        event: Happening | None,
        *,
        asked: bool = True,
        occurrence: bool = False,
    ) -> bool:
        if scenario.purpose and not self.consented:
            return False
        if asked and not self.holds(scenario.when, None, event):
            return False
        key = entry.properties.get("k") if scenario.keyed else ""
        if key is None or (scenario.name, key) in self.entered:
            return False
        last = self.ran.get((scenario.name, key))
        running = any(run.scenario is scenario and run.key == key for run in self.runs)
        if scenario.again:
            if running or (last is not None and later(last, *scenario.again, self.zone) > self.now):
                return False
        elif not occurrence and (running if scenario.kind in ("broadcast", "year") else last is not None):
            return False
        self.entered.add((scenario.name, key))
        self._start(scenario, key, entry, min(entry.minute, self.now) if occurrence else self.now)
        return True

    def _start(self, scenario: Scenario, key: Any, entry: Happening, meant: int) -> None:
        run = Run(scenario, key, entry, self.now, self.decisions)
        run.way = self._walk(run, scenario.steps)
        self.runs.append(run)
        self.ran[scenario.name, key] = self.now
        if not self._over(run):
            self._go_on(run, meant)

    def _end(self, run: Run) -> None:
        run.alive = False
        self.runs = [one for one in self.runs if one is not run]

    def _go_on(self, run: Run, meant: int) -> None:
        assert run.way is not None
        run.meant, run.waiting, run.due = meant, None, None
        for waiting in run.way:
            due = self._due(waiting)
            if due > self.now:
                run.waiting, run.due = waiting, due
                return
        if run.alive:
            self._end(run)

    def _walk(self, run: Run, steps: tuple[Step, ...]) -> Iterator[Waiting]:
        for step in steps:
            self._settle()
            match step:
                case Send(name):
                    self.sent.append(Sent(self.now, name, run.meant))
                case Wait() | Until() | UntilEnds():
                    yield Waiting(step, self.now)
                case WaitFor():
                    run.arrived = None
                    yield Waiting(step, self.now)
                case If(branches):
                    for condition, inner in branches:
                        if self.holds(condition, run):
                            yield from self._walk(run, inner)
                            break
                case Split():
                    yield from self._walk(run, self._share(run.scenario, step))
                case Stop():
                    self._end(run)
                case Act(what, argument):
                    self._act(run, what, argument)
            if not run.alive:
                return

    def _share(self, scenario: Scenario, split: Split) -> tuple[Step, ...]:
        digest = sha256(f"{scenario.name}\0{self.contact}\0{split.label}".encode()).digest()
        point = int.from_bytes(digest[:8], "big") * 100 // 2**64
        for percent, _, steps in split.shares:
            if point < percent:
                return steps
            point -= percent
        raise AssertionError

    def _act(self, run: Run, what: str, argument: Any) -> None:
        match what:
            case "add" | "remove":
                self.lists(what == "add")
            case "set":
                self.attributes["level"] = argument
            case "convert":
                event = Happening("Converted", self.now, {})
                self.events.append(event)
                self.queue.append(("event", "Converted", event))
            case "start":
                self.queue.append(("start", argument, run.entry))
            case _:
                for other in self.runs.copy():
                    if other.scenario.name == argument:
                        self._end(other)

    # --- conditions ---

    def holds(self, condition: Condition | None, run: Run | None = None, event: Happening | None = None) -> bool:
        try:
            return condition is None or bool(self._value(condition, run, event))
        except MissingError:
            return False

    def _value(self, condition: Condition, run: Run | None, event: Happening | None) -> Any:
        match condition:
            case ("and", one, other):
                return self._value(one, run, event) and self._value(other, run, event)
            case ("or", one, other):
                return self._value(one, run, event) or self._value(other, run, event)
            case ("not", one):
                return not self._value(one, run, event)
            case ("level", number):
                return _there(self.attributes.get("level")) >= number
            case ("plan", name):
                return self.attributes.get("plan") == name
            case ("number", number):
                return _there(_there(event).properties.get("n")) >= number
            case ("entry", number):
                return _there(_there(run).entry.properties.get("n")) >= number
            case ("same",):
                return _there(event).properties.get("k") == _there(run).entry.properties.get("k")
            case ("arrived",):
                return _there(run).arrived
            case ("count", name, number):
                return sum(one.name == name for one in self.events) >= number
            case ("recent", name, days, number):
                since = self.now - days * DAY
                return sum(one.name == name and since < one.minute <= self.now for one in self.events) >= number
            case ("listed",):
                return self.listed
            case ("busy",):
                return self.busy
            case ("consented",):
                return self.consented
        raise AssertionError(condition)


def _there(value: Any) -> Any:
    if value is None:
        raise MissingError
    return value
