"""The exact indexes behind count, total, first and last."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.contact import Contact, Event, TimedIndex
from rules.decision import Decision
from rules.history import CAP, CHUNK, TAIL, History, Spec, add_to_index, index_key, insert_event, spill, total_key
from rules.moment import instant
from tests.rules.story import DAY, HOUR, START, Story, event, play

SPECS = (
    Spec(key="Visit", window=2 * HOUR),
    Spec(key=index_key("Visit", "page", "shoes"), property="page", token="sshoes", window=DAY),
    Spec(key=total_key("Visit", "amount"), property="amount", summed=True, window=HOUR),
)
KEPT = {spec.key: spec.window for spec in SPECS}


def _index(events: list[Event]) -> dict[str, TimedIndex]:
    index: dict[str, TimedIndex] = {}
    for one in events:
        add_to_index(index, SPECS, one)
    return index


def test_a_window_is_open_at_its_beginning_and_closed_at_its_end() -> None:
    index = _index([Event("Visit", START, {})])
    counts = [
        History(index, KEPT, now).count("Visit", HOUR) for now in (START, START + HOUR - 1, START + HOUR, START + DAY)
    ]
    assert counts == [1, 1, 0, 0]


def test_next_expiry_is_when_the_oldest_leaves() -> None:
    index = _index([Event("Visit", START, {"amount": 1}), Event("Visit", START + 5, {"amount": "no"})])
    history = History(index, KEPT, START + 5)
    assert history.next_expiry("Visit", HOUR) == START + HOUR
    assert History(index, KEPT, START + HOUR).next_expiry("Visit", HOUR) == START + HOUR + 5
    assert History(index, KEPT, START + HOUR + 5).next_expiry("Visit", HOUR) is None
    assert history.next_expiry("Visit", HOUR, "amount") == START + HOUR
    assert history.next_expiry("Visit", None) is None


def test_sums_are_exact_and_skip_what_is_no_number() -> None:
    amounts: list[Any] = [0.1, 0.2, "12", None, True, 3]
    index = _index([Event("Visit", START + place, {"amount": amount}) for place, amount in enumerate(amounts)])
    history = History(index, KEPT, START + 10)
    assert history.total("Visit", "amount") == Decimal("3.3")
    assert history.total("Visit", "amount", HOUR) == Decimal("3.3")


def test_first_and_last_know_late_events() -> None:
    index = _index([Event("Visit", START + 5, {}), Event("Visit", START, {}), Event("Visit", START + 3, {})])
    history = History(index, KEPT, START + 10)
    assert (history.first("Visit"), history.last("Visit")) == (instant(START), instant(START + 5))
    assert history.first("Nothing") is None


@pytest.mark.parametrize(
    ("value", "asked", "equal"),
    [
        ("shoes", "shoes", True),
        ("Shoes", "shoes", False),
        (19.9, Decimal("19.9"), True),
        (20.0, 20, True),
        (1, True, False),
        (0, False, False),
        (None, None, True),
        (-0.0, 0, True),
        (["a"], "a", False),
    ],
)
def test_values_are_counted_as_the_language_compares_them(value: Any, asked: Any, equal: bool) -> None:
    events = [Event("Visit", START, {"page": value})]
    history = History({}, {}, START, events)
    assert history.count("Visit", None, "page", asked, True) == int(equal)


def test_a_missing_property_is_not_a_null_one() -> None:
    assert History({}, {}, START, [Event("Visit", START, {})]).count("Visit", None, "page", None, True) == 0


happenings = st.lists(
    st.tuples(
        st.integers(0, 3 * DAY),
        st.sampled_from(["shoes", "hats", None, 3]),
        st.sampled_from([0.1, 2, -5, "x", 1e20]),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(happenings, st.integers(0, DAY))
def test_an_index_answers_as_the_events_do(told: list[tuple[int, Any, Any]], after: int) -> None:
    events = [Event("Visit", START + time, {"page": page, "amount": amount}) for time, page, amount in told]
    now = max((one.time for one in events), default=START) + after
    indexed, plain = History(_index(events), KEPT, now), History({}, {}, now, events)
    for window in (None, 1, HOUR // 2, HOUR, 2 * HOUR):
        assert indexed.count("Visit", window) == plain.count("Visit", window)
    for window in (None, HOUR, DAY):
        assert indexed.count("Visit", window, "page", "shoes", True) == plain.count(
            "Visit", window, "page", "shoes", True
        )
    for window in (None, HOUR):
        assert indexed.total("Visit", "amount", window) == plain.total("Visit", "amount", window)
    assert indexed.first("Visit") == plain.first("Visit")
    assert indexed.last("Visit") == plain.last("Visit")


def test_late_events_take_their_place_in_time() -> None:
    contact = Contact(id="c")
    for time in (5, 3, 9, 3, 1):
        insert_event(contact, Event("Visit", time, {}))
    assert [one.time for one in contact.tail] == [1, 3, 3, 5, 9]


def test_a_long_tail_spills_its_oldest_events_and_the_cap_drops_whole_chunks() -> None:
    contact, spilled, dropped = Contact(id="c"), 0, 0
    for time in range(3 * CAP):
        insert_event(contact, Event("Visit", time, {}))
        decision = Decision()
        spill(contact, decision)
        assert len(contact.tail) <= TAIL
        assert sum(contact.chunks) + len(contact.tail) <= CAP
        if decision.spill:
            assert [one.time for one in decision.spill] == list(range(spilled, spilled + CHUNK))
            spilled += CHUNK
        dropped += decision.drop
    assert dropped == spilled // CHUNK - len(contact.chunks)


def test_counts_over_all_time_outlive_the_history_also_under_a_new_rulebook() -> None:
    story = Story('segment a: count("Visit") >= 3000\nscore s: +0.1 on "Visit"\n')
    entries = [event("Visit", START + place, {}, received=START + DAY) for place in range(3000)]
    play(story, entries, START + DAY)
    assert story.segments == {"a"}
    assert len(story.past) + len(story.contact.tail) <= CAP
    story.publishes('segment a: count("Visit") >= 3000\nscore s: +0.2 on "Visit"\n')
    assert story.segments == {"a"}
    assert story.score == 600
