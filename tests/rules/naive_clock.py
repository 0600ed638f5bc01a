"""A clock on a wall in a time zone, walked to minute by minute; times are whole minutes since 1970-01-01T00:00Z."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 1440


@cache
def _offset(zone: str, quarter: int) -> int:
    moment = EPOCH + timedelta(minutes=15 * quarter)
    return int(moment.astimezone(ZoneInfo(zone)).utcoffset().total_seconds()) // 60  # type: ignore[union-attr]


def shown(minute: int, zone: str) -> int:
    """What the clock on the wall shows, as minutes since 1970-01-01T00:00 there."""
    return minute + _offset(zone, minute // 15)


def first_shown(local: int, zone: str) -> int:
    """The first minute at which the clock on the wall shows a time or a later one."""
    minute = (local - 15 * 60) // 15 * 15
    while shown(minute + 14, zone) < local:
        minute += 15
    while shown(minute, zone) < local:
        minute += 1
    return minute


def later(since: int, number: int, unit: str, zone: str) -> int:
    if unit in ("minute", "hour"):
        return since + number * (60 if unit == "hour" else 1)
    local = shown(since, zone)
    if unit != "month":
        return first_shown(local + number * DAY * (7 if unit == "week" else 1), zone)
    then = EPOCH + timedelta(minutes=local)
    months = then.year * 12 + then.month - 1 + number
    day = then.day
    while True:
        try:
            moved = then.replace(year=months // 12, month=months % 12 + 1, day=day)
            return first_shown((moved - EPOCH) // timedelta(minutes=1), zone)
        except ValueError:
            day -= 1


def next_clock(now: int, time: str, day: str, zone: str) -> int:
    hour, minute = map(int, time.split(":"))
    date = shown(now, zone) // DAY - 1
    while True:
        if not day or DAYS[(date + 3) % 7] == day:  # 1970-01-01 was a Thursday
            found = first_shown(date * DAY + hour * 60 + minute, zone)
            if found >= now:
                return found
        date += 1


def next_anniversary(born: tuple[int, int], time: str, after: int, zone: str) -> tuple[int, str]:
    """The first minute after another at which it is HH:MM on a day of the year, and that day."""
    hour, minute = map(int, time.split(":"))
    year = 1969 + after // (365 * DAY)
    while True:
        leap = year % 4 == 0  # as far as we go
        day = datetime(year, born[0], 28 if born == (2, 29) and not leap else born[1], hour, minute, tzinfo=UTC)
        found = first_shown((day - EPOCH) // timedelta(minutes=1), zone)
        if found > after:
            return found, f"{day:%Y-%m-%d}"
        year += 1
