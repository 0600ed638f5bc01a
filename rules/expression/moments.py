"""When the value of an expression can change with no event: windows, `now`, whole days since.

Every way in which an expression depends on time is one `Source`; the next moment of the expression is the earliest of
theirs. Each is never late; being early costs one more evaluation.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from rule_engine import ast

from rules.errors import SyntaxProblem
from rules.expression.drafts import Draft
from rules.expression.intrinsics import Intrinsic
from rules.expression.problems import refusal
from rules.expression.reads import FunctionUse

__all__ = ["Moments", "find_moments"]

Facts = Mapping[str, Any]
Source = Callable[[Facts, datetime.datetime], datetime.datetime | None]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_TICK = datetime.timedelta(milliseconds=1)
_HOUR = datetime.timedelta(hours=1)
_DAY = datetime.timedelta(days=1)
_CALENDAR = {
    "hour": _HOUR,
    "date": _DAY,
    "day": _DAY,
    "weekday": _DAY,
    "month": _DAY,
    "year": _DAY,
}
"""Parts of `now`, and how often one can change at most: days and hours begin together in UTC."""
_FIXED = frozenset({"zone_name"})


class Moments:
    """The sources of change of one expression."""

    __slots__ = ("sources",)

    def __init__(self, sources: tuple[Source, ...]) -> None:
        self.sources = sources

    def next(self, facts: Facts, now: datetime.datetime) -> datetime.datetime | None:
        """The earliest next moment; None if the value stays as it is."""
        first: datetime.datetime | None = None
        for source in self.sources:
            moment = source(facts, now)
            if moment is not None and (first is None or moment < first):
                first = moment
        return first


def find_moments(
    text: str, draft: Draft, node: Any, *, followed: bool, function_of: Callable[[Any], Callable[[Facts], Any]]
) -> Moments:
    """All sources of change below `node`. Where its value is followed, a use of `now` without closed form is refused.

    `function_of` compiles a part of the expression on its own.
    """
    finder = _Finder(function_of)
    finder.visit(node)
    if finder.unknown and followed:
        raise _unclear(text, draft)
    return Moments(tuple(finder.sources))


def _unclear(text: str, draft: Draft) -> SyntaxProblem:
    pending = [draft]
    while pending:
        one = pending.pop()
        if one.kind is ast.SymbolExpression and one.args[1] == "now":
            draft = one
            break
        pending.extend(reversed(one.parts()))
    message = (
        'now can be compared (contact.created > now - t"P7D") or asked for its hour, weekday, day, date, month, year'
    )
    return refusal(text, draft.span, message, "now")


class _Finder:
    def __init__(self, function_of: Callable[[Any], Callable[[Facts], Any]]) -> None:
        self.function_of = function_of
        self.sources: list[Source] = []
        self.unknown = False
        self._windows: set[FunctionUse] = set()
        self._steps: set[datetime.timedelta] = set()

    def visit(self, node: Any) -> None:
        """Find the sources below a node."""
        if isinstance(node, Intrinsic):
            self.intrinsic(node)
        elif isinstance(node, ast.GetAttributeExpression) and is_now(node.object):
            self.calendar(node.name)
        elif isinstance(node, ast.GetAttributeExpression) and is_contact(node.object):
            if node.name == "age":
                self.every(_DAY)
        elif isinstance(node, (ast.ComparisonExpression, ast.ArithmeticComparisonExpression)) and self.comparison(node):
            return
        elif is_now(node):
            self.tick()
        else:
            for part in parts(node):
                self.visit(part)

    def tick(self) -> None:
        """A use of `now` without a closed form: it may change at any moment."""
        self.unknown = True
        self.sources.append(lambda facts, now: now + _TICK)

    def every(self, step: datetime.timedelta) -> None:
        if step not in self._steps:
            self._steps.add(step)
            self.sources.append(lambda facts, now: now + step - (now - _EPOCH) % step)

    def calendar(self, name: str) -> None:
        if name in _CALENDAR:
            self.every(_CALENDAR[name])
        elif name not in _FIXED:
            self.tick()

    def intrinsic(self, node: Intrinsic) -> None:
        use = node.use
        if node.name == "days_since":
            self.days(node.arguments[0])
        elif use is not None and use.window_ms is not None and use not in self._windows:
            self._windows.add(use)
            self.sources.append(_window(use))

    def days(self, argument: Any) -> None:
        """`days_since(x)` changes each whole day after x, counted from x."""
        if mentions_now(argument):
            self.visit(argument)
            self.tick()
            return
        self.visit(argument)
        then = self.function_of(argument)
        self.sources.append(lambda facts, now: _next_day(then, facts, now))

    def comparison(self, node: Any) -> bool:
        """`x > now - t"P1D"` and the like: the sides move with the clock or stand, and change order where they meet."""
        if not (mentions_now(node.left) or mentions_now(node.right)):
            return False
        left, right = slope(node.left), slope(node.right)
        if left is None or right is None:
            return False
        for side in (node.left, node.right):
            for part in moving_parts(side):
                self.visit(part)
        if left == right:
            return True
        first, second = self.function_of(node.left), self.function_of(node.right)
        direction = left - right
        self.sources.append(lambda facts, now: _meeting(first, second, direction, facts, now))
        return True


def parts(node: Any) -> list[Any]:
    """The nodes directly below a built node."""
    found: list[Any] = []
    for name in ("left", "right", "object", "container", "item", "member", "start", "stop", "condition", "case_true",
                 "case_false", "iterable", "result", "function", "arguments"):  # fmt: skip
        part = getattr(node, name, None)
        found += part if isinstance(part, (tuple, list)) else [part] if part is not None else []
    if isinstance(node, (ast.ArrayExpression, ast.SetExpression)):
        found += node.value
    elif isinstance(node, ast.MappingExpression):
        found += [side for pair in node.value for side in pair]
    return found


def is_now(node: Any) -> bool:
    return isinstance(node, ast.SymbolExpression) and node.name == "now" and not node.scope


def is_contact(node: Any) -> bool:
    return isinstance(node, ast.SymbolExpression) and node.name == "contact" and not node.scope


def mentions_now(node: Any) -> bool:
    return is_now(node) or any(mentions_now(part) for part in parts(node))


def slope(node: Any) -> int | None:
    """How a value moves with the clock: `now - x` by 1, `x - now` by -1, what stands still by 0; None: otherwise."""
    if is_now(node):
        return 1
    if not mentions_now(node):
        return 0
    if isinstance(node, (ast.AddExpression, ast.SubtractExpression)):
        left, right = slope(node.left), slope(node.right)
        if left is None or right is None:
            return None
        total = left + right if isinstance(node, ast.AddExpression) else left - right
        return total if total in (-1, 0, 1) else None
    if isinstance(node, ast.UnaryExpression) and node.type == "uminus":
        inner = slope(node.right)
        return None if inner is None else -inner
    return None


def moving_parts(node: Any) -> list[Any]:
    """The parts of a sum that do not name `now`: they may have sources of their own."""
    if is_now(node):
        return []
    if not mentions_now(node):
        return [node]
    return [found for part in parts(node) for found in moving_parts(part)]


def _window(use: FunctionUse) -> Source:
    def source(facts: Facts, now: datetime.datetime) -> datetime.datetime | None:
        moment = facts["history"].next_expiry(use.event, use.window_ms, use.property, use.value, use.has_value)
        return None if moment is None else _EPOCH + moment * _TICK

    return source


def _next_day(then: Callable[[Facts], Any], facts: Facts, now: datetime.datetime) -> datetime.datetime | None:
    try:
        moment: datetime.datetime = then(facts)
        return now + _DAY - (now - moment) % _DAY
    except Exception:
        return None


def _meeting(
    first: Callable[[Facts], Any],
    second: Callable[[Facts], Any],
    direction: int,
    facts: Facts,
    now: datetime.datetime,
) -> datetime.datetime | None:
    """When two values meet of which the difference grows by `direction` with the clock."""
    try:
        apart: datetime.timedelta = (first(facts) - second(facts)) * -direction
        if apart > datetime.timedelta():
            return now + apart
        return now + _TICK if not apart else None
    except Exception:
        return None
