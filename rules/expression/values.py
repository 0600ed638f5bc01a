"""What the operators of an expression do to values: rule-engine's meaning, one function each.

Compiled expressions call these where the types are not known beforehand. Values arrive coerced (numbers as Decimal,
lists as tuples, mappings as OrderedDict, datetimes aware) except where a function says that it takes raw ones.
"""

from __future__ import annotations

import collections
import collections.abc
import datetime
import math
import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal, NoReturn

from rule_engine import DataType

from rules.errors import EvaluationError

__all__ = [
    "add",
    "bitlike",
    "bitwise",
    "coerce",
    "contains",
    "divide",
    "equal",
    "fail",
    "floor_divide",
    "ge",
    "gt",
    "is_whole",
    "item",
    "le",
    "lt",
    "modulo",
    "multiply",
    "negate",
    "numeric",
    "present",
    "slice_of",
    "subtract",
    "typed",
]

LARGEST_EXPONENT = 10_000
"""Numbers beyond 10^10000 are not turned into whole ones: that takes seconds (a stated difference)."""

_EXACT = frozenset({str, Decimal, bool, type(None), bytes, datetime.timedelta})
_sequences = (list, range, tuple)


def fail(
    kind: Literal["missing", "type", "lookup", "arithmetic", "function", "regex", "other"], symbol: str = ""
) -> NoReturn:
    """Raise an `EvaluationError`, inside an expression."""
    raise EvaluationError(kind, symbol)


def mismatch(*values: Any) -> NoReturn:
    """A value of the wrong type: "missing" where one of them is null."""
    raise EvaluationError("missing" if any(value is None for value in values) else "type")


def coerce(value: Any) -> Any:
    """A plain Python value as the expression language has it: its `coerce_value`, and UTC where no zone is."""
    kind = type(value)
    if kind in _EXACT:
        return value
    if isinstance(value, datetime.date):
        value = _coerce(value)
        return value if value.tzinfo is not None else value.replace(tzinfo=datetime.UTC)
    return _coerce(value)


def _coerce(value: Any) -> Any:
    kind = type(value)
    if kind in _EXACT:
        return value
    if kind is int:
        return Decimal(value)
    if kind is float:
        return Decimal(repr(value))
    if isinstance(value, _sequences):
        return tuple([_coerce(member) for member in value])
    if isinstance(value, dict):
        return collections.OrderedDict((_coerce(key), _coerce(member)) for key, member in value.items())
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime(value.year, value.month, value.day)  # noqa: DTZ001  rule-engine zones only the outermost
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Decimal(int(value)) if isinstance(value, int) else Decimal(repr(value))
    return value


def typed(value: Any, definition: Any, name: str) -> Any:
    """A coerced value of a name with a declared type: itself, or an error where it is of another type. Null passes."""
    if value is None:
        return None
    kind = DataType.from_value(value)
    expected = DataType.NULLABLE.unwrap(definition)
    if DataType.is_compatible(kind, expected):
        if expected.is_scalar:
            return value
        wanted = expected.value_type
        if wanted == DataType.UNDEFINED or kind.value_type == DataType.UNDEFINED:
            return value
        nullable = DataType.is_type(wanted, DataType.NULLABLE)
        if wanted != DataType.NULL and not nullable and any(member is None for member in value):
            raise EvaluationError("type", name)
        if DataType.is_compatible(wanted, kind.value_type):
            return value
    raise EvaluationError("type", name)


def is_number(value: Any) -> bool:
    return isinstance(value, (Decimal, float, int)) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Whether a value is a whole, finite number."""
    if not is_number(value) or not math.isfinite(value):
        return False
    return bool(whole(math.floor, value) == value)


def whole(rounding: Callable[[Any], int], value: Any) -> int:
    """`value` rounded to a whole number, unless it is absurdly large."""
    if isinstance(value, Decimal) and value.adjusted() > LARGEST_EXPONENT:
        raise EvaluationError("arithmetic")
    return rounding(value)


def numeric(value: Any) -> Any:
    """A number, as it is: rule-engine refuses a first operand before it looks at the second."""
    if not is_number(value):
        mismatch(value)
    return value


def bitlike(value: Any) -> Any:
    """A natural number or a set, as it is."""
    if not isinstance(value, set) and not (is_whole(value) and value >= 0):
        mismatch(value)
    return value


def present(value: Any) -> Any:
    """A value that is not null, as it is."""
    if value is None:
        raise EvaluationError("missing")
    return value


def add(left: Any, right: Any) -> Any:
    if isinstance(left, datetime.datetime):
        good = isinstance(right, datetime.timedelta)
    elif isinstance(left, datetime.timedelta):
        good = isinstance(right, (datetime.timedelta, datetime.datetime))
    elif isinstance(left, bytes) or isinstance(right, bytes):
        # rule-engine checks the first operand only; Python refuses the rest
        good = isinstance(left, bytes)
    elif isinstance(left, str) or isinstance(right, str):
        good = isinstance(left, str)
    else:
        good = is_number(left) and is_number(right)
    if not good:
        mismatch(left, right)
    return left + right


def subtract(left: Any, right: Any) -> Any:
    if isinstance(left, datetime.datetime):
        good = isinstance(right, (datetime.datetime, datetime.timedelta))
    elif isinstance(left, datetime.timedelta):
        good = isinstance(right, datetime.timedelta)
    else:
        good = is_number(left) and is_number(right)
    if not good:
        mismatch(left, right)
    return left - right


def _arithmetic(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def compute(left: Any, right: Any) -> Any:
        if not (is_number(left) and is_number(right)):
            mismatch(left, right)
        try:
            return operation(left, right)
        except ArithmeticError:
            raise EvaluationError("arithmetic") from None

    return compute


multiply = _arithmetic(operator.mul)
divide = _arithmetic(operator.truediv)
floor_divide = _arithmetic(operator.floordiv)
modulo = _arithmetic(operator.mod)


def negate(value: Any) -> Any:
    if not is_number(value) and not isinstance(value, datetime.timedelta):
        mismatch(value)
    return -value


def bitwise(operation: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """`&`, `|`, `^` of natural numbers, or of sets."""
    if is_number(left):
        if not (is_whole(left) and left >= 0 and is_whole(right) and right >= 0):
            mismatch(left, right)
        return Decimal(operation(int(left), int(right)))
    if isinstance(left, set) and isinstance(right, set):
        return operation(left, right)
    mismatch(left, right)


def equal(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


def _ordered(operation: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    or_equal = operation in (operator.ge, operator.le)

    def compare(left: Any, right: Any) -> bool:
        if left is None and right is None:
            return or_equal
        if isinstance(left, tuple) and isinstance(right, tuple):
            return arrays(left, right)
        if type(left) is not type(right):
            mismatch(left, right)
        return operation(left, right)

    def arrays(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
        for one, other in zip(left, right, strict=False):
            if differ(one, other):
                return compare(one, other)
        if len(left) != len(right):
            return operation(len(left), len(right))
        return or_equal

    return compare


def differ(left: Any, right: Any) -> bool:
    """Inequality as ordering arrays has it: unlike `!=`, values of two types are an error."""
    if left is None and right is None:
        return False
    if isinstance(left, tuple) and isinstance(right, tuple):
        for one, other in zip(left, right, strict=False):
            if differ(one, other):
                return True
        return len(left) != len(right)
    if type(left) is not type(right):
        mismatch(left, right)
    return bool(left != right)


ge = _ordered(operator.ge)
gt = _ordered(operator.gt)
le = _ordered(operator.le)
lt = _ordered(operator.lt)


def contains(container: Any, member: Any) -> bool:
    if isinstance(container, (str, bytes)) and type(member) is not type(container):
        mismatch(container, member)
    if container is None:
        raise EvaluationError("missing")
    return member in container


def item(container: Any, index: Any, safe: bool = False) -> Any:
    """`container[index]`; the container may be raw. Safe: null for a missing item."""
    if container is None:
        raise EvaluationError("missing")
    if isinstance(container, (bytes, str, *_sequences)):
        if not is_whole(index):
            mismatch(index)
        index = int(index)
    elif type(index) is not str or not isinstance(container, collections.abc.Mapping):
        container = coerce(container)
    try:
        value = operator.getitem(container, index)
    except (IndexError, KeyError):
        if safe:
            return None
        raise EvaluationError("lookup") from None
    return coerce(value)


def slice_of(container: Any, start: Any, stop: Any) -> Any:
    """`container[start:stop]`."""
    if container is None:
        raise EvaluationError("missing")
    bounds = []
    for bound in (start, stop):
        if bound is not None and not is_whole(bound):
            mismatch(bound)
        bounds.append(None if bound is None else int(bound))
    return _coerce(operator.getitem(container, slice(*bounds)))
