"""What the generated Python may name."""

from __future__ import annotations

import datetime
from collections import OrderedDict
from decimal import Decimal
from typing import Any

from rules.expression import runtime, values
from rules.expression.attributes import attribute, attribute_safe
from rules.expression.functions import call, callable_of
from rules.expression.patterns import matches

__all__ = ["NAMESPACE"]

_BUILTINS = (KeyError, TypeError, bool, float, int, len, set, str, type)

NAMESPACE: dict[str, Any] = {
    **{name: getattr(values, name) for name in values.__all__},
    **{name: getattr(runtime, name) for name in runtime.__all__},
    **{known.__name__: known for known in _BUILTINS},
    "Decimal": Decimal,
    "LISTS": frozenset({list, tuple}),
    "OrderedDict": OrderedDict,
    "PLAIN": frozenset({int, str, Decimal, datetime.timedelta}),
    "SIZED": frozenset({str, list, tuple}),
    "attribute": attribute,
    "attribute_safe": attribute_safe,
    "call": call,
    "callable_of": callable_of,
    "datetime": datetime.datetime,
    "groups": None,
    "matches": matches,
    "timedelta": datetime.timedelta,
    "__builtins__": {},
}
