"""The attributes that values have: `.length`, `.as_lower`, `.date`, … as rule-engine defines them."""

from __future__ import annotations

import ast as python
import binascii
import collections.abc
import datetime
import functools
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from rule_engine import DataType
from rule_engine.parser import Parser

from rules.errors import EvaluationError
from rules.expression.functions import Function
from rules.expression.values import coerce, is_whole, mismatch, whole

__all__ = ["ATTRIBUTES", "attribute", "attribute_safe"]

_number = re.compile("^(" + Parser.get_token_regex("FLOAT") + ")$")


def _decode(value: bytes, encoding: str) -> str:
    encoding = encoding.lower()
    if encoding in ("base16", "hex"):
        return binascii.b2a_hex(value).decode()
    if encoding == "base64":
        return binascii.b2a_base64(value).decode().strip()
    return value.decode(encoding)


def _encode(value: str, encoding: str) -> bytes:
    encoding = encoding.lower()
    if encoding in ("base16", "hex"):
        return binascii.a2b_hex(value.encode())
    if encoding == "base64":
        return binascii.a2b_base64(value.encode())
    return value.encode(encoding)


def _starts_with(value: Any, prefix: Any) -> bool:
    return bool(value[: len(prefix)] == prefix)


def _ends_with(value: Any, suffix: Any) -> bool:
    return bool(value[len(value) - len(suffix) :] == suffix)


def _number_of(text: str) -> Any:
    text = text.strip()
    if re.match(r"-?inf", text):
        return Decimal(text)
    if _number.match(text) is None:
        return Decimal("nan")
    return python.literal_eval(text)


def _whole_number(value: Any) -> Any:
    if not is_whole(value):
        mismatch(value)
    return value


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value.is_nan():
        return "nan"
    if value.is_infinite():
        return "-inf" if value.is_signed() else "inf"
    return str(value)


def _rounded(rounding: Callable[[Any], int], value: Decimal) -> Any:
    return value if value.is_nan() or value.is_infinite() else whole(rounding, value)


def _method(name: str, function: Callable[..., Any], argument: Any) -> Callable[[Any], Any]:
    def bind(value: Any) -> Any:
        return Function(functools.partial(function, value), name)

    return bind


def _zone_name(value: datetime.datetime) -> str:
    name = value.tzname()
    if name is None:
        raise EvaluationError("type", "zone_name")
    return name


_SIZED: dict[str, Callable[[Any], Any]] = {"is_empty": lambda value: len(value) == 0, "length": len}
_SEQUENCE: dict[str, Callable[[Any], Any]] = _SIZED | {
    "ends_with": _method("ends_with", _ends_with, None),
    "starts_with": _method("starts_with", _starts_with, None),
    "to_ary": tuple,
    "to_set": set,
}

ATTRIBUTES: dict[type, dict[str, Callable[[Any], Any]]] = {
    bytes: _SEQUENCE | {"decode": _method("decode", _decode, str)},
    datetime.datetime: {
        "date": lambda value: value.replace(hour=0, minute=0, second=0, microsecond=0),
        "day": lambda value: value.day,
        "hour": lambda value: value.hour,
        "microsecond": lambda value: value.microsecond,
        "millisecond": lambda value: value.microsecond / 1000,
        "minute": lambda value: value.minute,
        "month": lambda value: value.month,
        "second": lambda value: value.second,
        "to_epoch": lambda value: value.timestamp(),
        "weekday": lambda value: value.strftime("%A"),
        "year": lambda value: value.year,
        "zone_name": _zone_name,
    },
    Decimal: {
        "ceiling": functools.partial(_rounded, math.ceil),
        "floor": functools.partial(_rounded, math.floor),
        "is_nan": math.isnan,
        "to_flt": lambda value: value,
        "to_int": _whole_number,
        "to_str": _text_of,
    },
    dict: _SIZED | {"keys": lambda value: tuple(value.keys()), "values": lambda value: tuple(value.values())},
    set: _SIZED | {"to_ary": tuple, "to_set": set},
    str: _SEQUENCE
    | {
        "as_lower": str.lower,
        "as_upper": str.upper,
        "encode": _method("encode", _encode, str),
        "to_flt": _number_of,
        "to_int": lambda value: _whole_number(coerce(_number_of(value))),
        "to_str": _text_of,
    },
    tuple: _SEQUENCE,
    datetime.timedelta: {
        "days": lambda value: value.days,
        "microseconds": lambda value: value.microseconds,
        "seconds": lambda value: value.seconds,
        "total_seconds": lambda value: value.total_seconds(),
    },
}
"""By Python type, as values are after coercion."""

RESULTS = {"keys": DataType.ARRAY, "values": DataType.ARRAY}


def _table(value: Any) -> dict[str, Callable[[Any], Any]]:
    found = ATTRIBUTES.get(type(value))
    if found is not None:
        return found
    if isinstance(value, bool):
        return {}
    for kind, table in ATTRIBUTES.items():
        if isinstance(value, kind):
            return table
    if isinstance(value, collections.abc.Mapping):
        return ATTRIBUTES[dict]
    return {}


def attribute(value: Any, name: str) -> Any:
    """`value.name`; the value may be raw. A mapping's own attribute, else its item, else null."""
    if isinstance(value, collections.abc.Mapping):
        own = ATTRIBUTES[dict].get(name)
        if own is not None:
            plain = all(type(key) is str for key in value)
            return coerce(own(value if plain else coerce(value)))
        if name not in value and not all(isinstance(key, str) for key in value):
            raise EvaluationError("type", name)  # rule-engine fails on such keys when it looks for a name like this one
        return coerce(value.get(name))
    value = coerce(value)
    function = _table(value).get(name)
    return None if function is None else coerce(function(value))


def attribute_safe(value: Any, name: str) -> Any:
    """`value&.name`: null where the value is null."""
    return None if value is None else attribute(value, name)
