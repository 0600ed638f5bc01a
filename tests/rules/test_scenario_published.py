"""Publishing while runs wait, over generated scenarios and stories: what did not change goes on as if nothing was."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.decide import advance, bring_up_to_date
from rules.renewal import Renewal
from rules.run import waits_at
from tests.rules.naive_scenario import World
from tests.rules.story import book
from tests.rules.test_scenario_against_naive import MINUTE, Case, Engine, cases, quiet, tell
from tests.rules.written_scenario import text_of

MORE = 'segment often: count("A", t"P1D") > 2\nscore some: +3 on "B" halves every 2 days\n'
WAYS = ("recompute", "live", "not known before")


class Publisher(Engine):
    """An engine under which new versions are published."""

    def publish(self, text: str, way: str) -> None:
        former, self.book = self.book, book(text, self.book.version + 1)
        known = None if way == "not known before" else former
        more = {**self._more(), "former": known}
        if way == "live":
            self._keep(advance(self.contact, self.book, self.now * MINUTE, **more))
            return
        if known is not None and Renewal(former, self.book, self.now * MINUTE).stays(self.contact):
            return
        self._keep(bring_up_to_date(self.contact, [], self.book, self.now * MINUTE, **more))
        self._keep(advance(self.contact, self.book, self.now * MINUTE, **self._more(), roused=True))  # a timer's part


def follow(engine: Engine, case: Case, publishing: dict[int, str], text: str) -> list[Any]:
    """Tell a story, publishing before some of its parts; where the runs are after each."""
    scenarios, zone, start, story = case
    story = [told for told in story if told.what != "edit"]  # what is published is the text as it was
    world = World("c", scenarios, zone)  # only because `tell` tells both
    engine.now = world.now = start
    found = []
    for number, told in enumerate(story):
        until = engine.now + told.gap
        engine.wait(until)
        world.now = until
        if number in publishing and isinstance(engine, Publisher):
            engine.publish(text, publishing[number])
        tell(engine, world, number, told)
        found.append([(run.scenario, run.place, run.due, run.arrived) for run in engine.contact.runs])
    engine.wait(engine.now + 40 * 1440)
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=quiet)
@given(cases(), st.dictionaries(st.integers(1, 8), st.sampled_from(WAYS), min_size=1, max_size=3))
def test_what_a_new_text_does_not_change_goes_on_as_if_nothing_was(case: Case, publishing: dict[int, str]) -> None:
    scenarios, zone, _, _ = case
    plain, published = Engine(scenarios, zone), Publisher(scenarios, zone)
    expected = follow(plain, case, {}, "")
    assert follow(published, case, publishing, text_of(scenarios) + MORE) == expected
    assert published.sent == plain.sent


@settings(max_examples=25, deadline=None, suppress_health_check=quiet)
@given(cases(), cases(), st.integers(1, 8))
def test_a_new_text_reaches_runs_alike_by_recompute_and_by_the_next_event(case: Case, other: Case, at: int) -> None:
    scenarios, zone, _, _ = case
    text = text_of(other[0])
    one, two = Publisher(scenarios, zone), Publisher(scenarios, zone)
    assert follow(one, case, {at: "recompute"}, text) == follow(two, case, {at: "live"}, text)
    assert one.sent == two.sent
    for engine in (one, two):
        for run in engine.contact.runs:
            assert waits_at(engine.book.scenarios[run.scenario], run.place) is not None
