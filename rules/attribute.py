"""A contact's attributes: typed values, what they were before, and what an expression reads of them.

`Contact.former` holds for each attribute (and `list:NAME`, for membership of a list) the values it had before, as
(until, value) in order of time, so that a condition can be evaluated with the values of the moment of an event.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from rules.contact import Contact, Millis, Value
from rules.rulebook import Attribute

__all__ = ["Misfit", "fit", "plain", "put", "read", "value_at"]

_FORMER_KEPT = 50  # changes kept per attribute; older moments see the oldest value that is known
_NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?")
_YES = {"yes": True, "true": True, "oui": True, "no": False, "false": False, "non": False}


class Misfit(Exception):
    """A value does not fit the type of its attribute; the reason never holds the value."""


def fit(attribute: Attribute, value: Value) -> Value:
    """The value as the attribute stores it; raises Misfit with the reason."""
    match attribute.type:
        case "text":
            if isinstance(value, str):
                return value
            raise Misfit("not a text")
        case "number":
            return _number(value)
        case "yes/no":
            if isinstance(value, bool):
                return value
            if isinstance(value, str) and value.strip().lower() in _YES:
                return _YES[value.strip().lower()]
            raise Misfit("neither yes nor no")
        case "date":
            return _datetime(value, "not a date").date().isoformat()
        case "datetime":
            return _utc(_datetime(value, "not a date and time")).isoformat()
        case "list of text":
            if isinstance(value, list) and all(isinstance(item, str) for item in value):
                return value
            raise Misfit("not a list of texts")
        case "one of":
            if isinstance(value, str) and value in attribute.options:
                return value
            raise Misfit("none of the values it may have")


def _number(value: Value) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        text = value.strip()
        return float(text) if "." in text else int(text)
    raise Misfit("not a number")


def _datetime(value: Value, reason: str) -> datetime:
    if not isinstance(value, str):
        raise Misfit(reason)
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        raise Misfit(reason) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the first and the last hours of what has a date have none in UTC
        raise Misfit("not a date and time") from None


def read(attribute: Attribute, value: Value) -> Any:
    """A stored value as an expression sees it: Decimal, aware datetime, text, boolean, tuple of text, or None.

    A value stored under an older declaration that does not fit the present one reads as None.
    """
    if value is None:
        return None
    kind = attribute.type
    if kind == "text" or kind == "one of":
        return value if isinstance(value, str) else None
    if kind == "yes/no":
        return value if isinstance(value, bool) else None
    try:
        stored = fit(attribute, value)
    except Misfit:
        return None
    match kind:
        case "number":
            return Decimal(str(stored))
        case "date":
            day = date.fromisoformat(stored)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        case "datetime":
            return datetime.fromisoformat(stored)
        case _:
            return tuple(stored)


def plain(value: Any) -> Value:
    """A value of an expression as an attribute takes it: the JSON value that `read` reads as this one."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def put(contact: Contact, name: str, value: Value, time: Millis, current: Value) -> bool:
    """Record that `name` got `value` at `time`; True when that changes the current value.

    A value that is older than the last one is remembered in its place and leaves the current one as it is. Of a value
    that is set again and again the first and the last time are known.
    """
    former = contact.former.get(name)
    if former is None:
        former = contact.former[name] = []
    if former and time < former[-1][0]:
        place = bisect_right(former, time, key=lambda change: change[0])
        until, held = former[place]
        if not _same(held, value):
            former[place : place + 1] = [(time, held), (until, value)]
        return False
    if not _same(current, value):
        former.append((time, current))
    elif len(former) > 1 and _same(former[-1][1], current):
        former[-1] = (time, current)
    elif not former or time > former[-1][0]:
        former.append((time, current))
    if len(former) > _FORMER_KEPT:
        del former[0]
    return not _same(current, value)


def _same(one: Value, other: Value) -> bool:
    return bool(one == other) and type(one) is type(other)


def value_at(contact: Contact, name: str, time: Millis, current: Value) -> Value:
    """The value that `name` had at `time`."""
    former = contact.former.get(name)
    if former is None or time >= former[-1][0]:
        return current
    return former[bisect_right(former, time, key=lambda change: change[0])][1]
