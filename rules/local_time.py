"""Local time: what a clock on a wall in a time zone shows, to moments and back to what is next.

A local time that does not exist (the clocks are put forward over it) is the first moment after the gap; one that
exists twice (they are put back) is the first of the two. Zones are IANA's, by `zoneinfo`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

from rules.actions import Duration
from rules.contact import Millis
from rules.moment import instant, millis

__all__ = ["after", "every", "moment_at", "next_time", "quiet_until", "yearly"]

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ONE_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


def after(since: Millis, duration: Duration, where: tzinfo) -> Millis:
    """The moment that is a duration later.

    Minutes and hours are exact; whole days, weeks and months keep the local clock time. A month later is the same day
    of the month, or its last where it has no such day.
    """
    if duration.unit in ("minute", "hour"):
        return since + duration.milliseconds
    local = instant(since).astimezone(where).replace(tzinfo=None, fold=0)
    if duration.unit == "month":
        return _moment(_months_later(local, duration.number), where)
    return _moment(local + duration.number * (7 if duration.unit == "week" else 1) * _ONE_DAY, where)


def next_time(now: Millis, clock: str, day: str, where: tzinfo) -> Millis:
    """The next moment, now or later, at which it is HH:MM, on a weekday such as "monday" or on any ("" or "day")."""
    at, weekday = time.fromisoformat(clock), _DAYS.index(day) if day in _DAYS else None
    today = (
        instant(now).astimezone(where).date() - _ONE_DAY
    )  # what a gap moves away from yesterday may be still to come
    while True:
        if weekday is None or today.weekday() == weekday:
            moment = _moment(datetime.combine(today, at), where)
            if moment >= now:
                return moment
        today += _ONE_DAY


def every(day: str, clock: str, where: tzinfo, after: Millis) -> Millis:
    """The first HH:MM of a weekday ("monday"), or of any day ("day"), that comes after a moment (not at it)."""
    return next_time(after + 1, clock, day, where)


def moment_at(text: str, where: tzinfo) -> Millis:
    """The moment at which it is "YYYY-MM-DD HH:MM"."""
    return _moment(datetime.fromisoformat(text), where)


def yearly(born: date, clock: str, where: tzinfo, after: Millis) -> Millis:
    """The first HH:MM of an anniversary after a moment; 29 February is kept on the 28th in other years."""
    at = time.fromisoformat(clock)
    year = instant(after).astimezone(where).year - 1
    while True:
        day = date(year, born.month, min(born.day, _days_in(year, born.month)))
        moment = _moment(datetime.combine(day, at), where)
        if moment > after:
            return moment
        year += 1


def quiet_until(now: Millis, start: str, end: str, where: tzinfo) -> Millis | None:
    """When quiet hours that hold now are over; None where none hold. They may go over midnight."""
    day = instant(now).astimezone(where).date() + _ONE_DAY
    while True:
        began, over = _quiet_hours(day, start, end, where)
        if began <= now:
            return over if over > now else None
        day -= _ONE_DAY


@lru_cache(maxsize=4096)
def _quiet_hours(day: date, start: str, end: str, where: tzinfo) -> tuple[Millis, Millis]:
    """The moments at which the quiet hours of a day begin and are over."""
    began = _moment(datetime.combine(day, time.fromisoformat(start)), where)
    return began, next_time(began, end, "", where)


def _moment(local: datetime, where: tzinfo) -> Millis:
    """The moment of a local time, which carries no zone."""
    naive = millis(local.replace(tzinfo=UTC))
    first, second = (_offset(local.replace(tzinfo=where, fold=fold)) for fold in (0, 1))
    if second <= first:
        return naive - first
    low, high = naive - second, naive - first  # the clocks are put forward in (low, high]
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(instant(middle).astimezone(where)) == second:
            high = middle
        else:
            low = middle
    return high


def _offset(moment: datetime) -> Millis:
    return (moment.utcoffset() or timedelta()) // _SECOND * 1000


def _months_later(local: datetime, number: int) -> datetime:
    years, month = divmod(local.month - 1 + number, 12)
    year = local.year + years
    return local.replace(year=year, month=month + 1, day=min(local.day, _days_in(year, month + 1)))


def _days_in(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - _ONE_DAY).day
