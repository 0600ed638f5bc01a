"""Which hits count, and what they are worth."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.contact import Millis
from rules.moment import calendar_period, millis
from rules.rulebook import AtMost, Duration
from rules.score import highest_score, score_at, within
from rules.threshold import thresholds
from tests.rules.story import DAY, HOUR, MINUTE, START, Story

PARIS = ZoneInfo("Europe/Paris")


def local(text: str, zone: ZoneInfo = PARIS) -> Millis:
    return millis(datetime.fromisoformat(text).replace(tzinfo=zone))


@pytest.mark.parametrize(
    ("per", "times", "counted"),
    [
        # the day of 23 hours: 2026-03-29 in Paris
        ("day", ["2026-03-28T23:59", "2026-03-29T00:00", "2026-03-29T23:59", "2026-03-30T00:00"], [0, 1, 3]),
        # the day of 25 hours: 2026-10-25
        ("day", ["2026-10-25T00:00", "2026-10-25T23:59", "2026-10-26T00:00"], [0, 2]),
        # ISO weeks: Monday to Sunday, also over the turn of the year
        ("week", ["2026-12-27T23:59", "2026-12-28T00:00", "2027-01-03T23:59", "2027-01-04T00:00"], [0, 1, 3]),
        ("month", ["2026-01-31T23:59", "2026-02-01T00:00", "2026-02-28T23:59", "2026-03-01T00:00"], [0, 1, 3]),
        ("ever", ["2026-01-31T23:59", "2026-02-01T00:00"], [0]),
    ],
)
def test_a_calendar_cap_counts_by_the_local_calendar(per: str, times: list[str], counted: list[int]) -> None:
    moments = [local(time) for time in times]
    kept = within(AtMost(number=1, per=per), moments, PARIS)  # type: ignore[arg-type]
    assert kept == [moments[place] for place in counted]


def test_a_rolling_cap_is_filled_in_order_by_hits_that_count() -> None:
    cap = AtMost(number=1, per=Duration(2, "day"))
    times = [START + days * DAY for days in (0, 1, 2, 3, 4)]
    assert within(cap, times, PARIS) == [times[0], times[2], times[4]]


@given(st.lists(st.integers(0, 4 * 365 * DAY), max_size=50), st.sampled_from(["day", "week", "month"]))
def test_periods_are_those_of_the_calendar(spans: list[int], unit: str) -> None:
    for zone in (PARIS, ZoneInfo("America/St_Johns"), ZoneInfo("Pacific/Apia")):
        for span in spans:
            one, other = START + span, START + span + 7 * HOUR
            days = [datetime.fromtimestamp(moment / 1000, zone).date() for moment in (one, other)]
            same = {
                "day": days[0] == days[1],
                "week": days[0].isocalendar()[:2] == days[1].isocalendar()[:2],
                "month": (days[0].year, days[0].month) == (days[1].year, days[1].month),
            }[unit]
            equal = calendar_period(one, unit, zone) == calendar_period(other, unit, zone)  # type: ignore[arg-type]
            assert equal == same


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.integers(0, 20 * DAY), min_size=1, max_size=40, unique=True),
    st.sampled_from(
        ["at most 2 per day", "at most 1 per week", "at most 3 per month", "at most 2 per 3 days", "at most 4 ever", ""]
    ),
    st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Kathmandu", "UTC"]),
)
def test_a_capped_score_is_the_same_in_any_order_of_arrival(spans: list[int], cap: str, zone: str) -> None:
    start = local("2026-03-20T22:30")
    rules = f'score s: +3 on "Visit" {cap}\n'
    scores = []
    for order in (spans, sorted(spans), sorted(spans, reverse=True)):
        story = Story(rules, timezone=zone)
        story.now = start + 30 * DAY
        for span in order:
            story.happens("Visit", start + span)
        scores.append(story.score)
    assert len(set(scores)) == 1


def test_a_score_halves_and_is_rounded_half_even_to_a_tenth() -> None:
    story = Story('score s: +10 on "Visit" halves every 1 day\n')
    story.happens("Visit")
    values = [score_at(story.contact, story.book, START + days * DAY) for days in range(7)]
    assert values == [100, 50, 25, 12, 6, 3, 2]  # 12.5 → 12, 6.25 → 6, 3.125 → 3, 1.5625 → 2


def test_a_score_that_lasts_is_gone_to_the_millisecond() -> None:
    story = Story('score s: +10 on "Visit" lasts 2 days\nsegment warm: contact.score >= 10\n')
    story.happens("Visit")
    assert story.waits(2 * DAY - 1) == []
    (decision,) = story.waits(1)
    assert decision.left == ["warm"]
    assert story.score == 0


def test_a_fading_score_leaves_its_segment_when_it_falls_below_with_few_wakings() -> None:
    story = Story('score s: +100 on "Visit" halves every 30 days\nsegment warm: contact.score >= 80\n')
    story.happens("Visit")
    decisions = story.waits(20 * DAY)
    assert [decision.left for decision in decisions if decision.left] == [["warm"]]
    assert len(decisions) <= 4
    left = story.contact
    assert "warm" not in left.segments
    assert score_at(left, story.book, story.now) < 800


def test_a_fading_penalty_lets_a_contact_into_a_segment_with_no_event() -> None:
    story = Story(
        """
team sales: slack "#hot"
score plus: +10 on "Visit"
score minus: -20 on "Ignored" halves every 1 day
segment warm: contact.score >= 5
trigger back: on enter warm
  alert sales "Back"
"""
    )
    story.happens("Visit")
    story.happens("Ignored")
    assert story.segments == set()
    decisions = story.waits(3 * DAY)
    assert [alert.text for decision in decisions for alert in decision.alerts] == ["Back"]
    assert story.segments == {"warm"}
    assert highest_score(story.contact, story.book, story.now) >= 100


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 3 * DAY), st.sampled_from(["Up", "Down", "Brief", "Flat"])), max_size=12),
    st.integers(MINUTE, 10 * DAY),
)
def test_a_segment_by_score_is_right_while_parts_rise_and_fall(told: list[tuple[int, str]], rest: int) -> None:
    story = Story(
        'score up: +10 on "Up" halves every 1 day\nscore down: -7 on "Down" halves every 2 days\n'
        'score brief: +4 on "Brief" lasts 5 hours\nscore flat: +2 on "Flat"\n'
        "segment low: contact.score < 3\nsegment exact: contact.score == 2\nsegment high: contact.score > 12.55\n"
    )
    for span, name in told:
        story.waits(span)
        story.happens(name)
    story.waits(rest)
    tenths = score_at(story.contact, story.book, story.now)
    # a second's grace where parts rise and fall together: the truth is to the second
    before = score_at(story.contact, story.book, story.now - 1000) if rest > 1000 else tenths
    if tenths != before:
        return
    expected = {
        name
        for name, true in (("low", tenths < 30), ("exact", tenths == 20), ("high", tenths > 125.5))
        if true and (told or name == "none")
    }
    assert story.segments == expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("contact.score >= 80", (800.0,)),
        ('contact.score >= 80 and contact.score < 12.55 or count("contact.score") > 3', (125.5, 800.0)),
        ("contact.score + 1 > 3", None),
        ("contact.score * 2 > 3", None),
        ("1 - contact.score > 3", None),
        ("contact.score > contact.size", None),
        ("contact.score > 3 + contact.size", None),
        ("contact.score in [1, 2]", None),
    ],
)
def test_thresholds_are_found_where_the_score_is_compared_with_a_number(
    text: str, found: tuple[float, ...] | None
) -> None:
    assert thresholds(text) == found


def test_while_scores_follow_what_they_read() -> None:
    story = Story(
        'attribute size: number\nlist vip: "VIP"\nscore big: +5 while contact.size > 3\n'
        'score vip: +2 while in_list("vip")\nscore busy: -1 while count("Visit", t"PT1H") > 0\n'
    )
    seen = []
    for act in (
        lambda: story.learns(size=4),
        lambda: story.listed("vip"),
        lambda: story.happens("Visit"),
        lambda: story.waits(60 * MINUTE),
        lambda: story.learns(size=3),
        lambda: story.listed("vip", False),
    ):
        story.now += 1
        act()
        seen.append(story.score)
    assert seen == [5, 7, 6, 7, 2, 0]


def test_the_values_of_the_moment_of_the_event_decide() -> None:
    story = Story('attribute country: text\nscore s: +1 on "Visit" when contact.country == "FR"\n')
    story.learns(country="FR")
    story.now += HOUR
    story.happens("Visit")
    story.now += HOUR
    story.learns(country="DE")
    story.now += HOUR
    story.happens("Visit")
    assert story.score == 1
    story.happens("Visit", START + HOUR + timedelta(minutes=5) // timedelta(milliseconds=1))
    assert story.score == 2
    assert story.recomputed().score_changed is False
