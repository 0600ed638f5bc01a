"""Generated scenarios and stories: the engine and a plain interpreter agree on every message and its time."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from rules.contact import Contact, Event
from rules.decide import advance, bring_up_to_date, decide, occur
from rules.decision import Decision
from rules.entry import AttributesSet, ConsentRecorded, Entry, EventReceived, ListChanged
from rules.moment import instant
from rules.occurrence import Occurrence
from tests.rules.naive_clock import DAY
from tests.rules.naive_scenario import Sent, World
from tests.rules.scenario_stories import STARTS, Case, Told, cases
from tests.rules.story import MINUTE, book, copy_of
from tests.rules.written_scenario import Scenario, Send, Wait, relengthed, text_of

CONTACT = "c1"


class Engine:
    """The contact under the rulebook, woken at every moment that it asks for."""

    def __init__(self, scenarios: list[Scenario], zone: str) -> None:
        self.scenarios = scenarios
        self.book = book(text_of(scenarios))
        self.contact = Contact(id=CONTACT)
        self.zone = zone
        self.now = 0
        self.number = 0
        self.sent: list[Sent] = []

    def wait(self, until: int) -> None:
        woken = 0
        while self.contact.changes_at is not None and self.contact.changes_at <= until * MINUTE:
            self.now = -(-self.contact.changes_at // MINUTE)
            self._keep(advance(self.contact, self.book, self.now * MINUTE, **self._more()))
            woken += 1
            assert woken < 5_000, "time does not pass"
        self.now = until

    def take(self, entry: Entry) -> None:
        self._keep(decide(self.contact, entry, self.book, self.now * MINUTE, **self._more()))

    def publishes(self, scenarios: list[Scenario]) -> None:
        """Another text, and the contact brought under it; then what has become due by that, at once."""
        former, self.scenarios = self.book, scenarios
        self.book = book(text_of(scenarios), former.version + 1)
        now = self.now * MINUTE
        self._keep(bring_up_to_date(self.contact, [], self.book, now, former=former, **self._more()))
        self._keep(advance(self.contact, self.book, now, roused=True, **self._more()))

    def look(self) -> None:
        self._keep(advance(self.contact, self.book, self.now * MINUTE, **self._more()))

    def meet(self, occurrence: Occurrence) -> None:
        self._keep(occur(self.contact, occurrence, self.book, self.now * MINUTE, **self._more()))

    def _more(self) -> dict[str, Any]:
        self.number += 1
        return {"entry_id": str(self.number), "timezone": self.zone}

    def _keep(self, decision: Decision) -> None:
        for one in decision.sends:
            self.sent.append(Sent(self.now, one.message, one.due // MINUTE))
        self.contact = copy_of(self.contact)


def tell(engine: Engine, world: World, number: int, told: Told) -> None:
    """Let the same happen to both."""
    now, argument = engine.now, told.argument
    time = now * MINUTE
    match told.what:
        case "event":
            name, ago, more = argument
            engine.take(
                EventReceived(
                    name=name, time=(now - ago) * MINUTE, received=time, message_id=str(number), properties=more
                )
            )
            world.decide(now, lambda: world.happens(name, now - ago, more))
        case "level" | "plan":
            engine.take(AttributesSet(time=time, values={told.what: argument}))
            world.decide(now, lambda: world.sets(told.what, argument))
        case "ends":
            moment = None if argument is None else now + argument
            value = None if moment is None else instant(moment * MINUTE).isoformat()
            engine.take(AttributesSet(time=time, values={"ends": value}))
            world.decide(now, lambda: world.sets("ends", moment))
        case "edit":
            which, (length, unit) = argument
            changed = relengthed(engine.scenarios, which, length, unit)
            engine.publishes(changed)
            world.now = now
            world.edits(changed)
            world.decide(now)
        case "born":
            day = date(1996, 2, 29)
            if isinstance(argument, int):
                day = instant((now + argument * DAY) * MINUTE).date().replace(year=1996)
            engine.take(AttributesSet(time=time, values={"born": None if argument is None else day.isoformat()}))
            world.decide(now, lambda: world.sets("born", None if argument is None else (day.month, day.day)))
        case "zone":
            engine.take(
                EventReceived(
                    name="identify", time=time, received=time, message_id=str(number), silent=True, timezone=argument
                )
            )
            world.decide(now, lambda: world.moves(argument))
        case "consent":
            status = "granted" if argument else "withdrawn"
            engine.take(ConsentRecorded(time=time, purpose="letters", status=status))  # type: ignore[arg-type]
            world.decide(now, lambda: world.consents(argument))
        case "list":
            engine.take(ListChanged(time=time, list="late", member=argument))
            world.decide(now, lambda: world.lists(argument))
        case "broadcast":
            rules = tuple(
                name for name, one in engine.book.scenarios.items() if one.occasion.__class__.__name__ == "OnBroadcast"
            )
            engine.meet(
                Occurrence(id=f"b{number}", statement="scenario", rules=rules, event=Event("News", time, argument))
            )
            world.decide(now, lambda: world.broadcast("News", f"b{number}", argument))
        case _:
            engine.look()
            world.decide(now)


def agree(case: Case) -> None:
    """Tell both the same story: after each of its parts the same was sent, and the same runs wait until the same."""
    scenarios, zone, start, story = case
    engine, world = Engine(scenarios, zone), World(CONTACT, scenarios, zone)
    engine.now = world.now = start
    for number, told in enumerate([*story, Told(40 * DAY, False, "nothing")]):
        until = engine.now + told.gap
        if told.asleep:
            engine.now = world.now = until
        else:
            engine.wait(until)
            world.wait(until)
        _compare(engine, world, f"before {number} {told}", scenarios)
        tell(engine, world, number, told)
        _compare(engine, world, f"after {number} {told}", scenarios)


def _compare(engine: Engine, world: World, when: str, scenarios: list[Scenario]) -> None:
    shown = f"{when}, minute {engine.now}, at first under\n{text_of(scenarios)}"
    assert sorted(engine.sent) == sorted(world.sent), shown
    runs = sorted((run.scenario, (run.due or 0) / MINUTE) for run in engine.contact.runs)
    assert runs == sorted((run.scenario.name, run.due or 0) for run in world.runs), shown


quiet = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example)


@settings(max_examples=500, deadline=None, suppress_health_check=quiet)
@given(cases())
def test_engine_and_plain_interpreter_agree_on_every_message_and_its_time(case: Case) -> None:
    agree(case)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(20))  # Hypothesis remembers all that a test has tried
@settings(max_examples=1_000, deadline=None, suppress_health_check=quiet)
@given(case=cases())
def test_engine_and_plain_interpreter_agree_for_long(part: int, case: Case) -> None:
    agree(case)


@pytest.mark.parametrize("start", STARTS)
def test_they_agree_on_29_february_and_where_the_clocks_turn(start: tuple[str, int]) -> None:
    yearly = Scenario("s0", "year", "02:30", (Send("m1"), Wait(1, "day"), Send("m2"), Wait(1, "month"), Send("m3")))
    for born in ("leap", 1, 2):
        agree(([yearly], *start, [Told(0, False, "born", born), Told(3 * DAY, False, "nothing")]))
