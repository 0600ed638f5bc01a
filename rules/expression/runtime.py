"""What compiled expressions call beside the operators: comprehensions, declared fields, questions about time."""

from __future__ import annotations

import collections
import collections.abc
import datetime
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from rules.errors import EvaluationError
from rules.expression.attributes import attribute
from rules.expression.values import mismatch

__all__ = ["NOTHING", "comprehend", "days_since", "fetch", "mapping", "measured", "refused"]

_DAY = datetime.timedelta(days=1)
_iterable = (tuple, set, collections.abc.Mapping)


class _Nothing:
    """Stands for the properties of an event that the facts do not have."""

    def get(self, name: str) -> Any:
        raise EvaluationError("missing", name)


NOTHING = _Nothing()


def fetch(accessor: Callable[[Any, str], Any], owner: Any, name: str) -> Any:
    """A declared field, raw; null where the owner does not have it."""
    try:
        return accessor(owner, name)
    except (AttributeError, KeyError):
        return None


def comprehend(values: Any, result: Callable[[Any], Any], condition: Callable[[Any], Any] | None) -> tuple[Any, ...]:
    """`[result for x in values if condition]`."""
    if not isinstance(values, _iterable):
        mismatch(values)
    return tuple([result(value) for value in values if condition is None or condition(value)])


def mapping(pairs: Iterable[tuple[Any, Callable[[], Any]]]) -> collections.OrderedDict[Any, Any]:
    """A mapping literal; of a key that is there twice only the last value is evaluated."""
    found: collections.OrderedDict[Any, Any] = collections.OrderedDict()
    for key, value in pairs:
        if isinstance(key, (dict, set)):
            raise EvaluationError("type")
        found[key] = value
    for key, value in found.items():
        found[key] = value()
    return found


def days_since(then: Any, now: datetime.datetime) -> int:
    """Whole days from `then` to `now`, rounded down."""
    if not isinstance(then, datetime.datetime):
        mismatch(then)
    return (now - then) // _DAY


def measured(value: Any) -> Any:
    """`value.length`, of a value that Python does not simply measure."""
    return attribute(value, "length")


def refused(value: Any) -> NoReturn:
    """A number that Python orders and rule-engine does not."""
    raise EvaluationError("type" if isinstance(value, bool) else "arithmetic")
