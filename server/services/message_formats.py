"""Dates, numbers and amounts as the locale of a message writes them: the filters `date`, `number`, `money`."""

from __future__ import annotations

import functools
from datetime import date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

from rules.message import Formats

__all__ = ["formats_of"]

_FORMS: Final = ("short", "medium", "long", "full")


@functools.lru_cache(maxsize=256)
def formats_of(locale: str, where: tzinfo) -> Formats:
    """What writes values in a locale, in a contact's time zone. It raises ValueError for what is no such value."""
    written = _locale(locale)

    def formatted(kind: str, value: Any, option: Any) -> str:
        match kind:
            case "date":
                return format_date(_day(value, where), option if option in _FORMS else "long", locale=written)
            case "money":
                return format_currency(_amount(value), str(option), locale=written)
            case _ if option is None:
                return format_decimal(_amount(value), locale=written)
            case _:
                places = "." + "0" * min(int(option), 9) if int(option) > 0 else ""
                return format_decimal(_amount(value), format=f"#,##0{places}", locale=written)

    return formatted


def _locale(tag: str) -> Locale:
    try:
        return Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")


def _day(value: Any, where: tzinfo) -> date:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        midnight = (value.hour, value.minute, value.second) == (0, 0, 0)  # a date has no zone to be moved to
        return value.date() if value.tzinfo is None or midnight else value.astimezone(where).date()
    if isinstance(value, date):
        return value
    raise ValueError("not a date")


def _amount(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise ValueError("not a number")
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError("not a number") from None
