"""Local time: gaps, overlaps, 29 February, and a plain walk through every minute that knows no better."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import accumulate
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.actions import Duration
from rules.local_time import after, every, moment_at, next_time, quiet_until, yearly
from rules.moment import instant, millis

PARIS, NEW_YORK = ZoneInfo("Europe/Paris"), ZoneInfo("America/New_York")
LORD_HOWE, APIA = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MINUTE = 60_000


def utc(text: str) -> int:
    return millis(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("since", "number", "unit", "where", "expected"),
    [
        ("2027-03-27T11:00", 3, "hour", PARIS, "2027-03-27T14:00"),
        ("2027-03-27T11:00", 24, "hour", PARIS, "2027-03-28T11:00"),  # one o'clock in summer, noon before
        ("2027-03-27T11:00", 1, "day", PARIS, "2027-03-28T10:00"),  # noon and noon
        ("2027-10-30T10:00", 1, "day", PARIS, "2027-10-31T11:00"),
        ("2027-03-27T01:30", 1, "day", PARIS, "2027-03-28T01:00"),  # 02:30 does not exist: 03:00 summer time
        ("2027-10-30T00:30", 1, "day", PARIS, "2027-10-31T00:30"),  # 02:30 is twice: the first
        ("2027-03-07T07:30", 1, "week", NEW_YORK, "2027-03-14T07:00"),
        ("2027-10-01T15:40", 1, "day", LORD_HOWE, "2027-10-02T15:30"),  # 02:10; half an hour is left out there
        ("2027-01-31T08:00", 1, "month", PARIS, "2027-02-28T08:00"),
        ("2028-01-31T08:00", 1, "month", PARIS, "2028-02-29T08:00"),
        ("2027-11-30T08:00", 3, "month", PARIS, "2028-02-29T08:00"),
        ("2027-01-15T08:00", 36, "month", PARIS, "2030-01-15T08:00"),
        ("2027-01-31T08:00", 6, "month", PARIS, "2027-07-31T07:00"),
        ("2011-12-29T20:00", 1, "day", APIA, "2011-12-30T10:00"),  # Samoa had no 30 December
    ],
)
def test_days_keep_the_clock_time_and_hours_are_exact(
    since: str, number: int, unit: str, where: ZoneInfo, expected: str
) -> None:
    assert after(utc(since), Duration(number, unit), where) == utc(expected)  # type: ignore[arg-type]


def test_a_late_second_is_kept_over_days() -> None:
    assert after(utc("2027-05-01T10:00") + 12_345, Duration(2, "day"), PARIS) == utc("2027-05-03T10:00") + 12_345


@pytest.mark.parametrize(
    ("text", "where", "expected"),
    [
        ("2027-03-20 10:00", PARIS, "2027-03-20T09:00"),
        ("2027-03-28 02:30", PARIS, "2027-03-28T01:00"),
        ("2027-10-31 02:30", PARIS, "2027-10-31T00:30"),
        ("2027-11-07 01:30", NEW_YORK, "2027-11-07T05:30"),
        ("2027-10-03 02:10", LORD_HOWE, "2027-10-02T15:30"),
        ("2027-04-04 01:45", LORD_HOWE, "2027-04-03T14:45"),
        ("2011-12-30 09:00", APIA, "2011-12-30T10:00"),
    ],
)
def test_a_local_moment_of_a_gap_is_its_end_and_of_an_overlap_the_first(
    text: str, where: ZoneInfo, expected: str
) -> None:
    assert moment_at(text, where) == utc(expected)


def test_the_next_time_is_now_or_later_and_every_time_is_later() -> None:
    nine = utc("2027-06-07T07:00")  # a Monday
    assert next_time(nine, "09:00", "", PARIS) == nine
    assert next_time(nine + 1, "09:00", "", PARIS) == nine + 24 * 60 * MINUTE
    assert next_time(nine + 1, "09:00", "monday", PARIS) == nine + 7 * 24 * 60 * MINUTE
    assert every("monday", "09:00", PARIS, nine) == nine + 7 * 24 * 60 * MINUTE
    assert every("day", "09:00", PARIS, nine) == nine + 24 * 60 * MINUTE
    assert every("sunday", "09:00", PARIS, nine) == utc("2027-06-13T07:00")


def test_a_time_in_an_overlap_comes_once() -> None:
    first = utc("2027-10-31T00:30")
    assert every("day", "02:30", PARIS, first - 1) == first
    assert every("day", "02:30", PARIS, first) == utc("2027-11-01T01:30")


def test_an_anniversary_of_29_february_is_kept_on_the_28th() -> None:
    born, moment, seen = date(2000, 2, 29), utc("2026-06-01T00:00"), []
    for _ in range(3):
        moment = yearly(born, "09:00", PARIS, moment)
        seen.append(instant(moment).isoformat())
    assert seen == ["2027-02-28T08:00:00+00:00", "2028-02-29T08:00:00+00:00", "2029-02-28T08:00:00+00:00"]


def test_an_anniversary_of_today_is_taken_once() -> None:
    born = date(1980, 1, 1)
    first = yearly(born, "00:30", APIA, utc("2026-12-30T00:00"))
    assert instant(first).astimezone(APIA).isoformat() == "2027-01-01T00:30:00+13:00"
    assert yearly(born, "00:30", APIA, first) == utc("2027-12-31T11:30")


@pytest.mark.parametrize(
    ("now", "start", "end", "until"),
    [
        ("2027-06-07T19:30", "21:00", "08:00", "2027-06-08T06:00"),
        ("2027-06-07T19:00", "21:00", "08:00", "2027-06-08T06:00"),
        ("2027-06-07T18:59", "21:00", "08:00", None),
        ("2027-06-08T06:00", "21:00", "08:00", None),
        ("2027-06-08T05:59", "21:00", "08:00", "2027-06-08T06:00"),
        ("2027-06-08T10:30", "12:00", "14:00", "2027-06-08T12:00"),
        ("2027-06-08T12:00", "12:00", "14:00", None),
        ("2027-06-08T10:30", "12:00", "12:00", None),
        ("2027-10-31T00:45", "21:00", "02:30", None),  # the first 02:30 has been
        ("2027-10-31T01:15", "21:00", "02:30", None),  # 02:15 again: quiet hours do not begin anew
        ("2027-03-28T00:59", "01:30", "02:30", "2027-03-28T01:00"),
        ("2027-03-28T01:00", "02:15", "02:45", None),  # both fall into the gap
    ],
)
def test_quiet_hours_last_until_their_end_over_midnight_too(now: str, start: str, end: str, until: str | None) -> None:
    assert quiet_until(utc(now), start, end, PARIS) == (None if until is None else utc(until))


# --- against a walk through the minutes ---------------------------------------------------------------------------

TURNS = [
    (PARIS, "2027-03-28T01:00"),
    (PARIS, "2027-10-31T01:00"),
    (NEW_YORK, "2027-03-14T07:00"),
    (NEW_YORK, "2027-11-07T06:00"),
    (LORD_HOWE, "2027-04-03T15:00"),
    (LORD_HOWE, "2027-10-02T15:30"),
    (APIA, "2011-12-30T10:00"),
    (PARIS, "2027-06-15T12:00"),
]
turns = st.sampled_from(TURNS)
near = st.integers(-30 * 60, 30 * 60)  # minutes from a turn of the clocks
clocks = st.builds(lambda hour, minute: f"{hour:02}:{minute:02}", st.integers(0, 23), st.integers(0, 59))
small = settings(max_examples=100, deadline=None)


@cache
def walk(where: ZoneInfo, turn: str) -> tuple[int, list[datetime]]:
    """Each minute of the weeks around a turn: the latest that the clock on the wall has shown until then."""
    start = utc(turn) - 13 * 1440 * MINUTE
    shown = (instant(start + minute * MINUTE).astimezone(where).replace(tzinfo=None) for minute in range(26 * 1440))
    return start, list(accumulate(shown, max))


def walked(local: datetime, turn: tuple[ZoneInfo, str]) -> int:
    """The first minute at which the clock on the wall shows a time or a later one."""
    start, latest = walk(*turn)
    return start + bisect_left(latest, local) * MINUTE


def walked_times(clock: str, turn: tuple[ZoneInfo, str], around: int, day: str = "") -> list[int]:
    """Every moment, within nine days of another, at which it becomes HH:MM."""
    local = instant(around).astimezone(turn[0]).replace(tzinfo=None)
    times = [datetime.combine(local + timedelta(days=days), time.fromisoformat(clock)) for days in range(-2, 9)]
    return [walked(each, turn) for each in times if not day or DAYS[each.weekday()] == day]


@small
@given(turns, near, st.integers(1, 3))
def test_days_later_is_what_a_walk_finds(turn: tuple[ZoneInfo, str], minutes: int, days: int) -> None:
    where, since = turn[0], utc(turn[1]) + minutes * MINUTE
    local = instant(since).astimezone(where).replace(tzinfo=None, fold=0) + timedelta(days=days)
    assert after(since, Duration(days, "day"), where) == walked(local, turn)


@small
@given(turns, near, clocks, st.sampled_from(("", *DAYS)))
def test_the_next_time_is_what_a_walk_finds(turn: tuple[ZoneInfo, str], minutes: int, clock: str, day: str) -> None:
    where, now = turn[0], utc(turn[1]) + minutes * MINUTE
    times = walked_times(clock, turn, now, day)
    assert next_time(now, clock, day, where) == min(each for each in times if each >= now)
    later = [each for each in times if each > now]
    assert not later or every(day or "day", clock, where, now) == min(later)


@small
@given(turns, near, clocks, clocks)
def test_quiet_hours_are_what_a_walk_finds(turn: tuple[ZoneInfo, str], minutes: int, start: str, end: str) -> None:
    where, now = turn[0], utc(turn[1]) + minutes * MINUTE
    began = max(each for each in walked_times(start, turn, now) if each <= now)
    over = min(each for each in walked_times(end, turn, now) if each >= began)
    assert quiet_until(now, start, end, where) == (over if over > now else None)
