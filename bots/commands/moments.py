"""Moments and spans as people type them: `3h`, `2 jours`, `tomorrow 9:00`, `lundi 14h`, `2027-03-02 09:00`.

Clock times are those of a zone; a day without one means 9:00. A span of days, weeks or months keeps
the clock time, others are exact.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta, tzinfo
from typing import Final

from bots.commands.base import fold
from rules.actions import Duration
from rules.contact import Millis
from rules.local_time import after, moment_at, next_time
from rules.moment import instant, zone

__all__ = ["MORNING", "apart", "moment_of"]

MORNING: Final = "09:00"
_UNITS: Final = {
    "m": "minute", "min": "minute", "mins": "minute", "minute": "minute", "minutes": "minute",
    "h": "hour", "hr": "hour", "hour": "hour", "hours": "hour", "heure": "hour", "heures": "hour",
    "d": "day", "day": "day", "days": "day", "j": "day", "jour": "day", "jours": "day",
    "w": "week", "week": "week", "weeks": "week", "semaine": "week", "semaines": "week",
    "month": "month", "months": "month", "mois": "month",
}  # fmt: skip
_DAYS: Final = {
    "monday": "monday", "lundi": "monday", "tuesday": "tuesday", "mardi": "tuesday", "wednesday": "wednesday",
    "mercredi": "wednesday", "thursday": "thursday", "jeudi": "thursday", "friday": "friday", "vendredi": "friday",
    "saturday": "saturday", "samedi": "saturday", "sunday": "sunday", "dimanche": "sunday",
}  # fmt: skip
_TODAY: Final = frozenset({"today", "aujourd'hui", "aujourdhui"})
_TOMORROW: Final = frozenset({"tomorrow", "demain"})
_SPAN: Final = re.compile(r"(\d{1,4})\s*([a-z]+)")
_CLOCK: Final = re.compile(r"(\d{1,2})(?:[:h](\d\d)?)?")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_LONGEST: Final = 10_000  # of a unit


def moment_of(words: Sequence[str], now: Millis, timezone: str) -> Millis | None:
    """The moment that words name; None where they name none. It may be past."""
    said = [word for word in (fold(word).strip(",.") for word in words) if word not in ("at", "a", "in", "dans", "le")]
    if not said or len(said) > 4:
        return None
    where = zone(timezone)
    if (span := apart(said)) is not None:
        return after(now, span, where)
    first, *rest = said
    try:
        if first in _TODAY or first in _TOMORROW:
            day = instant(now).astimezone(where).date() + timedelta(days=int(first in _TOMORROW))
            return _on(day.isoformat(), rest, where)
        if first in _DAYS:
            clock = _clock(rest)
            return None if clock is None else next_time(now + 1, clock, _DAYS[first], where)
        if _DATE.fullmatch(first):
            return _on(first, rest, where)
        if not rest and (":" in first or "h" in first) and (clock := _clock(said)) is not None:
            return next_time(now + 1, clock, "", where)
    except ValueError:  # no such day
        return None
    return None


def apart(words: Sequence[str]) -> Duration | None:
    """The span that words name: `3h`, `2 jours`; None where they name none."""
    found = _SPAN.fullmatch(fold(" ".join(words)))
    unit = _UNITS.get(found.group(2)) if found else None
    if found is None or unit is None or not 0 < int(found.group(1)) <= _LONGEST:
        return None
    return Duration(int(found.group(1)), unit)  # type: ignore[arg-type]


def _on(day: str, rest: Sequence[str], where: tzinfo) -> Millis | None:
    clock = _clock(rest)
    return None if clock is None else moment_at(f"{day} {clock}", where)


def _clock(words: Sequence[str]) -> str | None:
    """`9:00`, `9h`, `14h30`, or nothing for the morning; None where it is none."""
    if not words:
        return MORNING
    found = _CLOCK.fullmatch(words[0]) if len(words) == 1 else None
    if found is None or int(found.group(1)) > 23 or int(found.group(2) or 0) > 59:
        return None
    return f"{int(found.group(1)):02}:{found.group(2) or '00'}"
