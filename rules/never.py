"""Conditions that can never be true, as far as their literals tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from rule_engine import ast
from rule_engine.parser.utilities import parse_datetime

from rules.expression.drafts import Draft
from rules.expression.schema import CONTACT
from rules.written import View, call_of, field_of

__all__ = ["never"]

_FLIPPED = {"GT": "LT", "GE": "LE", "LT": "GT", "LE": "GE", "EQ": "EQ", "NE": "NE"}


def never(view: View, draft: Draft) -> bool:
    """Whether a condition cannot be true, as far as its literals tell."""
    if draft.kind is ast.NullExpression:
        return True
    if (value := _literal(draft)) is not None:
        return not value
    if draft.kind is ast.UnaryExpression and draft.args[1] == "NOT":
        return bool(_literal(draft.parts()[0]))
    if draft.kind is ast.LogicExpression and draft.args[1] == "OR":
        return all(never(view, part) for part in draft.parts())
    parts = list(_flat(draft))
    if len(parts) > 1 and any(never(view, part) for part in parts):
        return True
    return _contradict(view, parts)


def _flat(draft: Draft) -> Iterator[Draft]:
    if draft.kind is ast.LogicExpression and draft.args[1] == "AND":
        for part in draft.parts():
            yield from _flat(part)
    else:
        yield draft


def _contradict(view: View, parts: list[Draft]) -> bool:
    """Whether comparisons of one thing with literals exclude each other."""
    ranges: dict[str, _Range] = {}
    for part in parts:
        for thing, operator, values in _tests(part):
            place = ranges.setdefault(view.of(thing), _range_of(view, thing))
            place.narrow(operator, values)
    return any(place.empty() for place in ranges.values())


def _tests(draft: Draft) -> Iterator[tuple[Draft, str, list[Any]]]:
    """(what, operator, literals) of a comparison with literals."""
    if draft.kind in (ast.ComparisonExpression, ast.ArithmeticComparisonExpression):
        left, right = draft.parts()
        if (value := _literal(right)) is not None:
            yield left, draft.args[1], [value]
        elif (value := _literal(left)) is not None:
            yield right, _FLIPPED.get(draft.args[1], ""), [value]
    elif draft.kind is ast.ContainsExpression:
        container, member = draft.parts()
        values = [_literal(part) for part in container.parts()]
        if container.kind is ast.ArrayExpression and None not in values:
            yield member, "IN", values


def _literal(draft: Draft) -> Any:
    """The value of a text, a number, a moment or a yes/no; None where it is something else."""
    if draft.kind is ast.FloatExpression:
        try:
            number = Decimal(draft.args[1])
        except (InvalidOperation, TypeError, ValueError):
            return None
        return None if number.is_nan() else number
    if draft.kind is ast.DatetimeExpression:
        return parse_datetime(draft.args[1], UTC)
    if draft.kind is ast.UnaryExpression and draft.args[1] == "UMINUS":
        value = _literal(draft.parts()[0])
        return -value if isinstance(value, Decimal) else None
    return draft.args[1] if draft.kind in (ast.StringExpression, ast.BooleanExpression) else None


class _Range:
    """What a thing can still be: one of some values, a number or a moment between bounds; `kind`: of what type."""

    def __init__(self, options: list[Any] | None = None, low: Decimal | None = None, kind: type | None = None) -> None:
        self.options = options
        self.kind = kind
        self.low: Any = low
        self.high: Any = None
        self.low_open = self.high_open = False
        self.excluded: list[Any] = []

    def narrow(self, operator: str, values: list[Any]) -> None:
        if operator in ("EQ", "IN"):
            fitting = [one for one in values if self.kind is None or type(one) is self.kind]
            self.options = [one for one in fitting if self.options is None or one in self.options]
            return
        [value] = values
        if operator == "NE":
            self.excluded.append(value)
        elif operator in ("GT", "GE") and _beyond(value, self.low, 1):
            self.low_open = operator == "GT" or (value == self.low and self.low_open)
            self.low = value
        elif operator in ("LT", "LE") and _beyond(value, self.high, -1):
            self.high_open = operator == "LT" or (value == self.high and self.high_open)
            self.high = value

    def empty(self) -> bool:
        if self.options is not None:
            return not any(self._within(one) and one not in self.excluded for one in self.options)
        if self.low is None or type(self.low) is not type(self.high):
            return False
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    def _within(self, value: Any) -> bool:
        above = type(self.low) is not type(value) or value > self.low or (value == self.low and not self.low_open)
        below = type(self.high) is not type(value) or value < self.high or (value == self.high and not self.high_open)
        return above and below


def _beyond(value: Any, bound: Any, sign: int) -> bool:
    """Whether a value is a bound as narrow as another."""
    if type(value) not in (Decimal, datetime):
        return False
    return bound is None or (type(bound) is type(value) and bool(value >= bound if sign > 0 else value <= bound))


_PYTHON: dict[str, type] = {
    "text": str,
    "one of": str,
    "number": Decimal,
    "yes/no": bool,
    "date": datetime,
    "datetime": datetime,
    "list of text": tuple,
}


def _range_of(view: View, thing: Draft) -> _Range:
    """What is known beforehand: its type, the choices of a `one of`, that a count is not negative."""
    field, call = field_of(thing), call_of(thing)
    if (value := _literal(thing)) is not None:
        return _Range([value])
    if field is not None and field[0] == "contact":
        declared = view.attributes.get(field[1])
        options = list(declared.options) if declared is not None and declared.type == "one of" else None
        named = declared.type if declared is not None else CONTACT.get(field[1], "")
        return _Range(options, kind=_PYTHON.get(named))
    if call is not None and call[0] == "count":
        return _Range(low=Decimal(0), kind=Decimal)
    return _Range()
