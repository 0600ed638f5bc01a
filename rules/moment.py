"""Moments: whole milliseconds to aware datetimes and back, time zones, calendar days, weeks and months."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from rules.contact import Millis

__all__ = [
    "DAY",
    "EARLIEST",
    "Calendar",
    "age",
    "calendar_period",
    "instant",
    "known_zone",
    "millis",
    "next_birthday",
    "zone",
]

DAY = 86_400_000
Calendar: TypeAlias = Literal["day", "week", "month"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_PERIODS_KEPT = 1000
_periods: dict[tuple[Calendar, tzinfo], tuple[Millis, Millis]] = {}  # the period last asked for


# A time before this one is a mistake of who tells it: nobody's customers did anything yet. Calendars, time zones and
# windows can be reckoned with whatever is later.
EARLIEST: Millis = -2_208_988_800_000  # 1900-01-01


def instant(moment: Millis) -> datetime:
    """The aware UTC datetime of a moment in milliseconds, exactly."""
    return _EPOCH + timedelta(milliseconds=moment)


def millis(moment: datetime) -> Millis:
    """The milliseconds of an aware datetime, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


@lru_cache(maxsize=1024)
def known_zone(name: str) -> tzinfo | None:
    """The time zone of an IANA name, or None where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError; odd paths raise the others
        return None


def zone(name: object, default: str = "UTC") -> tzinfo:
    """A contact's time zone, or the installation's where the contact has none that is known."""
    found = known_zone(name) if isinstance(name, str) and name else None
    return found or known_zone(default) or UTC


def calendar_period(moment: Millis, unit: Calendar, where: tzinfo) -> Millis:
    """The beginning of the local day, ISO week or month of a moment: equal beginnings are the same period."""
    known = _periods.get((unit, where))
    if known is not None and known[0] <= moment < known[1]:
        return known[0]
    day = instant(moment).astimezone(where).date()
    if unit == "week":
        day -= timedelta(days=day.weekday())
    elif unit == "month":
        day = day.replace(day=1)
    start, end = _midnight(day, where), _midnight(_next(day, unit), where)
    if len(_periods) >= _PERIODS_KEPT:
        _periods.clear()
    _periods[unit, where] = (start, end)
    return start


def _next(day: date, unit: Calendar) -> date:
    if unit == "month":
        return (day + timedelta(days=31)).replace(day=1)
    return day + timedelta(days=7 if unit == "week" else 1)


def _midnight(day: date, where: tzinfo) -> Millis:
    return millis(datetime(day.year, day.month, day.day, tzinfo=where))


def age(birthday: datetime, now: datetime) -> int:
    """Whole years since a birthday; one of 29 February counts from the 28th in other years."""
    return now.year - birthday.year - (1 if now < _anniversary(birthday, now.year) else 0)


def next_birthday(birthday: datetime, now: datetime) -> datetime:
    """The next moment at which `age` grows."""
    this_year = _anniversary(birthday, now.year)
    return this_year if this_year > now else _anniversary(birthday, now.year + 1)


def _anniversary(birthday: datetime, year: int) -> datetime:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    day = 28 if birthday.month == 2 and birthday.day == 29 and not leap else birthday.day
    return datetime(year, birthday.month, day, tzinfo=UTC)
