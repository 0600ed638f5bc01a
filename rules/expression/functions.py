"""Functions as values: rule-engine's `$` functions and methods, and how a call is checked.

Only a `Function` can be called. Whatever else is callable and is found in the facts is refused.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from rule_engine import DataType
from rule_engine.parser.utilities import parse_datetime, parse_float, parse_timedelta

from rules.errors import EvaluationError
from rules.expression.values import coerce, is_whole

__all__ = ["BUILTINS", "REFUSED_BUILTINS", "Function", "call", "callable_of"]


class Function:
    """A function that an expression may call."""

    __slots__ = ("function", "name")

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.function = function
        self.name = name

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)


def _only_ours(function: Any) -> Function:
    if not isinstance(function, Function):
        raise EvaluationError("function")
    return function


def _filter(function: Any, values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(filter(_only_ours(function), values))


def _map(function: Any, values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(map(_only_ours(function), values))


def _parse_datetime(text: str) -> datetime.datetime:
    moment: datetime.datetime = parse_datetime(text, datetime.UTC)
    return moment


def _split(text: str, separator: str | None = None, most: Any = None) -> tuple[str, ...]:
    if most is None:
        return tuple(text.split(sep=separator))
    if not (is_whole(most) and most >= 0):
        raise EvaluationError("function", "split")
    return tuple(text.split(sep=separator, maxsplit=int(most)))


BUILTINS: dict[str, Any] = {
    "e": Decimal(repr(math.e)),
    "pi": Decimal(repr(math.pi)),
    "abs": Function(abs, "abs"),
    "all": Function(all, "all"),
    "any": Function(any, "any"),
    "filter": Function(_filter, "filter"),
    "map": Function(_map, "map"),
    "max": Function(max, "max"),
    "min": Function(min, "min"),
    "parse_datetime": Function(_parse_datetime, "parse_datetime"),
    "parse_float": Function(parse_float, "parse_float"),
    "parse_timedelta": Function(parse_timedelta, "parse_timedelta"),
    "split": Function(_split, "split"),
    "sum": Function(sum, "sum"),
}

REFUSED_BUILTINS = {
    "now": "use now: it is the same throughout a decision",
    "today": "use now.date: it is the same throughout a decision",
    "random": "a decision must come out the same each time",
    "range": "it could fill the memory",
}


def callable_of(function: Any) -> Function:
    """A function that may be called, as it is."""
    if not isinstance(function, Function):
        raise EvaluationError("missing" if function is None else "function")
    return function


def call(function: Function, definition: Any, arguments: tuple[Any, ...]) -> Any:
    """The result of a call, checked against the function's type. Raises `EvaluationError`."""
    if definition is not None:
        check_arguments(definition, arguments)
    try:
        result = function(*arguments)
    except EvaluationError:
        raise
    except Exception:
        kind = "missing" if None in arguments else "function"
        raise EvaluationError(kind, function.name) from None  # type: ignore[arg-type]
    result = coerce(result)
    try:
        actual = DataType.from_value(result)
    except TypeError:
        raise EvaluationError("function", function.name) from None
    if definition is not None and not DataType.is_compatible(actual, definition.return_type):
        raise EvaluationError("function", function.name)
    return result


def check_arguments(definition: Any, arguments: tuple[Any, ...]) -> None:
    """Refuse arguments that the function's type does not allow."""
    name = definition.value_name or ""
    least = definition.minimum_arguments
    if least is not DataType.UNDEFINED and len(arguments) < least:
        raise EvaluationError("function", name)
    if definition.argument_types is DataType.UNDEFINED:
        return
    if len(arguments) > len(definition.argument_types):
        raise EvaluationError("function", name)
    for argument, expected in zip(arguments, definition.argument_types, strict=False):
        if not DataType.is_compatible(DataType.from_value(argument), expected):
            raise EvaluationError("missing" if argument is None else "function", name)
