"""The functions of a rulebook: `count`, `total`, `first`, `last`, `in_segment`, `days_since`, …

They are no functions of rule-engine's: a call of one becomes an `Intrinsic` node before the tree is built. Its names
and windows are literals, so that what it reads is known once it is compiled.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

from rule_engine import DataType, ast
from rule_engine.ast.base import ExpressionBase, LiteralExpressionBase

from rules.expression.reads import FunctionUse

__all__ = ["FORMS", "Intrinsic", "Misused"]

FORMS = {
    "count": "count(EVENT [, WINDOW [, PROPERTY, VALUE]])",
    "total": "total(EVENT, PROPERTY [, WINDOW])",
    "first": "first(EVENT)",
    "last": "last(EVENT)",
    "in_segment": "in_segment(NAME)",
    "in_list": "in_list(NAME)",
    "consented": "consented(PURPOSE)",
    "received": "received(MESSAGE)",
    "opened": "opened(MESSAGE)",
    "clicked": "clicked(MESSAGE)",
    "days_since": "days_since(DATETIME)",
}
"""Every function, and the form of its call."""

_RESULTS: dict[str, Any] = {
    "count": DataType.FLOAT,
    "total": DataType.FLOAT,
    "first": DataType.UNDEFINED,  # a datetime or null: rule-engine would refuse to order a nullable one
    "last": DataType.UNDEFINED,
    "days_since": DataType.FLOAT,
}

_MESSAGE_EVENTS = {"received": "Email Sent", "opened": "Email Opened", "clicked": "Email Link Clicked"}
_READ = {"in_segment": "segments", "in_list": "lists", "consented": "purposes"}


class Misused(Exception):
    """A function is called with arguments it does not take; the message is for people."""

    def __init__(self, message: str, argument: int | None = None) -> None:
        super().__init__(message)
        self.argument = argument


class Intrinsic(ExpressionBase):  # type: ignore[misc]  # rule-engine is not typed
    """A call of a rulebook's function. Never folded: it depends on the contact."""

    def __init__(self, context: Any, name: str, arguments: tuple[Any, ...]) -> None:
        self.context = context
        self.name = name
        self.arguments = arguments
        self.result_type = _RESULTS.get(name, DataType.BOOLEAN)
        self.use = _use(name, arguments)

    @classmethod
    def build(cls, context: Any, name: str, arguments: Any) -> Intrinsic:
        return cls(context, name, tuple(argument.build() for argument in arguments))

    @property
    def read(self) -> str | None:
        """The field of `Reads` that its literal name belongs to."""
        return "messages" if self.name in _MESSAGE_EVENTS else _READ.get(self.name)

    @property
    def subject(self) -> str:
        """The name of the segment, list, purpose or message it is about."""
        return str(self.arguments[0].value)


def _use(name: str, arguments: tuple[Any, ...]) -> FunctionUse | None:
    """What the call asks of the history; None for functions that ask it nothing. Raises `Misused`."""
    given = len(arguments)
    allowed = {"count": (1, 2, 4), "total": (2, 3)}.get(name, (1,))
    if given not in allowed:
        raise Misused(f"{name} is written {FORMS[name]}")
    if name == "days_since":
        kind = DataType.NULLABLE.unwrap(arguments[0].result_type)
        if kind not in (DataType.DATETIME, DataType.UNDEFINED, DataType.NULL):
            raise Misused("days_since takes a date or a datetime", 0)
        return None
    subject = _text(arguments, 0, name)
    match name:
        case "count" if given == 4:
            return FunctionUse(
                "count", subject, _window(arguments, 1), _text(arguments, 2, name), _json(arguments, 3), True
            )
        case "count":
            return FunctionUse("count", subject, _window(arguments, 1))
        case "total":
            return FunctionUse("total", subject, _window(arguments, 2), _text(arguments, 1, name))
        case "first":
            return FunctionUse("first", subject)
        case "last":
            return FunctionUse("last", subject)
        case "received" | "opened" | "clicked":
            return FunctionUse("count", _MESSAGE_EVENTS[name], None, "message", subject, True)
    return None


def _text(arguments: tuple[Any, ...], place: int, name: str) -> str:
    argument = arguments[place]
    if not isinstance(argument, ast.StringExpression):
        raise Misused(f"the {_ORDINALS[place]} argument of {name} must be a text in quotes", place)
    return str(argument.value)


def _window(arguments: tuple[Any, ...], place: int) -> int | None:
    if len(arguments) <= place or isinstance(arguments[place], ast.NullExpression):
        return None
    argument = arguments[place]
    if not isinstance(argument, ast.TimedeltaExpression):
        raise Misused('the window must be a duration such as t"P7D" or t"PT2H", or null', place)
    milliseconds = argument.value // datetime.timedelta(milliseconds=1)
    if milliseconds <= 0:
        raise Misused("the window must be longer than nothing", place)
    return int(milliseconds)


def _json(arguments: tuple[Any, ...], place: int) -> Any:
    """A literal value as an event's JSON has it."""
    argument = arguments[place]
    if not isinstance(argument, LiteralExpressionBase) or argument.result_type.is_compound:
        raise Misused("the value that a property is compared with must be a literal", place)
    value = argument.value
    if isinstance(value, Decimal):
        if value == value.to_integral_value() and value.adjusted() < 18:
            return int(value)
        return float(value) if Decimal(repr(float(value))) == value else value
    if value is None or isinstance(value, (str, bool)):
        return value
    raise Misused("a property is compared with a text, a number, true, false or null", place)


_ORDINALS = ("first", "second", "third", "fourth")
