"""What in an expression is allowed but hardly meant: parts that are never true, missing values that decide silently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
import rule_engine
from rule_engine import ast

from rules.expression.drafts import Draft, Unparsable, parse
from rules.rulebook import Attribute

__all__ = ["Doubt", "doubts"]

_ALWAYS_THERE = ("score", "created", "last_seen")
_OF_EVERY_EVENT = ("name", "time", "source", "properties")
_ARITHMETIC = (
    ast.AddExpression,
    ast.SubtractExpression,
    ast.ArithmeticExpression,
)
_FLIPPED = {"GT": "LT", "GE": "LE", "LT": "GT", "LE": "GE", "EQ": "EQ", "NE": "NE"}


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """A warning about a part of an expression, as offsets in its text."""

    start: int
    end: int
    message: str
    code: str
    suggestion: str | None = None


def doubts(text: str, attributes: Mapping[str, Attribute], keyed: frozenset[str] = frozenset()) -> list[Doubt]:
    """The doubts about an expression that compiles; `keyed` are entry properties that are never missing here."""
    context = rule_engine.Context(resolver=rule_engine.resolve_item, default_value=None, default_timezone="utc")
    try:
        root = parse(text, context)
    except (Unparsable, rule_engine.EngineError):
        return []
    view = _View(text, attributes)
    found = list(_both_missing(view, root, keyed)) + list(_silenced(view, root))
    if _never(view, root):
        message = "this can never be true"
        found.append(Doubt(start=root.span[0], end=root.span[1], message=message, code="never true"))
    return found


class _View(msgspec.Struct, frozen=True):
    """An expression's text, and the attributes it may read."""

    text: str
    attributes: Mapping[str, Attribute]

    def of(self, draft: Draft) -> str:
        """The text of a part, with the blanks within it evened out."""
        return " ".join(self.text[draft.span[0] : draft.span[1]].split())


def _all(draft: Draft) -> Iterator[Draft]:
    yield draft
    for part in draft.parts():
        yield from _all(part)


def _field(draft: Draft) -> tuple[str, str] | None:
    """(name, field) of `name.field` or `name["field"]`."""
    if draft.kind not in (ast.GetAttributeExpression, ast.GetItemExpression):
        return None
    owner, *rest = draft.parts()
    field = rest[0].args[1] if rest and rest[0].kind is ast.StringExpression else draft.args[2] if not rest else None
    if owner.kind is not ast.SymbolExpression or not isinstance(field, str):
        return None
    return owner.args[1], field


def _call(draft: Draft) -> tuple[str, list[Draft]] | None:
    """(function, arguments) of a call."""
    if draft.kind is not ast.FunctionCallExpression:
        return None
    called, *arguments = draft.parts()
    return (called.args[1], arguments) if called.kind is ast.SymbolExpression else None


# --- `event.x == entry.x`, both missing ---


def _both_missing(view: _View, root: Draft, keyed: frozenset[str]) -> Iterator[Doubt]:
    for draft in _all(root):
        if draft.kind is not ast.ComparisonExpression or draft.args[1] != "EQ":
            continue
        fields = dict(field for part in draft.parts() if (field := _field(part)) is not None)
        if (
            set(fields) != {"event", "entry"}
            or fields["entry"] in keyed
            or fields["entry"] in ("name", "time", "source")
        ):
            continue
        event = next(view.of(part) for part in draft.parts() if (_field(part) or ("",))[0] == "event")
        if f"{event} != null" in view.of(root):
            continue
        yield Doubt(
            start=draft.span[0],
            end=draft.span[1],
            message="this is also true where both are missing",
            code="both missing",
            suggestion=f"{event} != null and {view.of(draft)}",
        )


# --- a missing value in one part of an `or` ---


def _silenced(view: _View, root: Draft) -> Iterator[Doubt]:
    """Parts of an `or` that another part follows and that meet an error where a value is missing."""
    for draft in _all(root):
        if draft.kind is not ast.LogicExpression or draft.args[1] != "OR":
            continue
        left = draft.parts()[0]
        if left.kind is ast.LogicExpression and left.args[1] == "OR":
            left = left.parts()[1]  # the parts before it are told of where they stand
        if (risky := _risky(view, left, [])) is not None:
            suggestion = _safe_form(view, risky)
            yield Doubt(
                start=risky.span[0],
                end=risky.span[1],
                message="where a value is missing here, the other part of the `or` is not looked at",
                code="silenced",
                suggestion=suggestion,
            )


def _risky(view: _View, draft: Draft, before: list[str]) -> Draft | None:
    """The first comparison that meets an error on a missing value; `before` are conditions that hold there."""
    if draft.kind is ast.LogicExpression:
        left, right = draft.parts()
        held = [*before, *_conjuncts(view, left)] if draft.args[1] == "AND" else before
        return _risky(view, left, before) or _risky(view, right, held)
    if draft.kind is ast.UnaryExpression:
        return _risky(view, draft.parts()[0], before)
    if draft.kind is ast.ArithmeticComparisonExpression:
        missing = [leaf for part in draft.parts() for leaf in _nullable(view, part)]
        if any(not _guarded(view, leaf, before) for leaf in missing):
            return draft
    return None


def _conjuncts(view: _View, draft: Draft) -> list[str]:
    if draft.kind is ast.LogicExpression and draft.args[1] == "AND":
        return [one for part in draft.parts() for one in _conjuncts(view, part)]
    return [view.of(draft)]


def _nullable(view: _View, draft: Draft) -> list[Draft]:
    """Values in an operand that may be missing."""
    if (field := _field(draft)) is not None:
        name, attribute = field
        if name == "contact":
            return [] if attribute in _ALWAYS_THERE else [draft]
        return [draft] if name in ("event", "entry") and attribute not in _OF_EVERY_EVENT else []
    if (call := _call(draft)) is not None:
        if call[0] in ("last", "first"):
            return [draft]
        return _nullable(view, call[1][0]) if call[0] == "days_since" and call[1] else []
    if issubclass(draft.kind, _ARITHMETIC):
        return [leaf for part in draft.parts() for leaf in _nullable(view, part)]
    return []


def _guarded(view: _View, leaf: Draft, before: list[str]) -> bool:
    written = view.of(leaf)
    call = _call(leaf)
    counted = f"count({view.of(call[1][0])}" if call and call[1] else None
    return any(
        one in (written, f"{written} != null", f"null != {written}")
        or (counted is not None and one.startswith(counted))
        for one in before
    )


def _safe_form(view: _View, risky: Draft) -> str:
    """`last("E") > now - t"D"` as a count; anything else with a look at what may be missing."""
    left, right = risky.parts()
    call = _call(left)
    if call and call[0] == "last" and risky.args[1] in ("GT", "GE") and right.kind is ast.SubtractExpression:
        now, length = right.parts()
        if view.of(now) == "now" and length.kind is ast.TimedeltaExpression:
            return (
                f"count({view.of(call[1][0])}, {view.text[right.span[0] : right.span[1]].split('-', 1)[1].strip()}) > 0"
            )
    leaves = dict.fromkeys(view.of(leaf) for part in risky.parts() for leaf in _nullable(view, part))
    return f"({' and '.join(f'{leaf} != null' for leaf in leaves)} and {view.of(risky)})"


# --- never true ---


def _never(view: _View, draft: Draft) -> bool:
    """Whether a condition cannot be true, as far as its literals tell."""
    if draft.kind is ast.BooleanExpression:
        return draft.args[1] is False
    if draft.kind is ast.LogicExpression and draft.args[1] == "OR":
        return all(_never(view, part) for part in draft.parts())
    parts = list(_flat(draft))
    if len(parts) > 1 and any(_never(view, part) for part in parts):
        return True
    return _contradict(view, parts)


def _flat(draft: Draft) -> Iterator[Draft]:
    if draft.kind is ast.LogicExpression and draft.args[1] == "AND":
        for part in draft.parts():
            yield from _flat(part)
    else:
        yield draft


def _contradict(view: _View, parts: list[Draft]) -> bool:
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
    """The value of a text, a number or a yes/no; None where it is something else."""
    if draft.kind is ast.FloatExpression:
        try:
            return Decimal(draft.args[1])
        except (InvalidOperation, TypeError, ValueError):
            return None
    if draft.kind is ast.UnaryExpression and draft.args[1] == "UMINUS":
        value = _literal(draft.parts()[0])
        return -value if isinstance(value, Decimal) else None
    return draft.args[1] if draft.kind in (ast.StringExpression, ast.BooleanExpression) else None


class _Range:
    """What a thing can still be: one of some values, a number between bounds."""

    def __init__(self, options: list[Any] | None = None, low: Decimal | None = None) -> None:
        self.options = options
        self.low, self.low_open = low, False
        self.high: Decimal | None = None
        self.high_open = False

    def narrow(self, operator: str, values: list[Any]) -> None:
        value = values[0]
        if operator in ("EQ", "IN"):
            self.options = [one for one in values if self.options is None or one in self.options]
        elif operator == "NE" and self.options is not None:
            self.options = [one for one in self.options if one != value]
        elif operator in ("GT", "GE") and isinstance(value, Decimal) and (self.low is None or value >= self.low):
            self.low_open = operator == "GT" or (value == self.low and self.low_open)
            self.low = value
        elif operator in ("LT", "LE") and isinstance(value, Decimal) and (self.high is None or value <= self.high):
            self.high_open = operator == "LT" or (value == self.high and self.high_open)
            self.high = value

    def empty(self) -> bool:
        if self.options is not None:
            return not any(self._within(one) for one in self.options)
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    def _within(self, value: Any) -> bool:
        if not isinstance(value, Decimal):
            return True
        above = self.low is None or value > self.low or (value == self.low and not self.low_open)
        below = self.high is None or value < self.high or (value == self.high and not self.high_open)
        return above and below


def _range_of(view: _View, thing: Draft) -> _Range:
    """What is known beforehand: the choices of a `one of`, that a count is not negative."""
    field, call = _field(thing), _call(thing)
    if (value := _literal(thing)) is not None:
        return _Range([value])
    if field is not None and field[0] == "contact":
        declared = view.attributes.get(field[1])
        return _Range(list(declared.options) if declared is not None and declared.type == "one of" else None)
    if call is not None and call[0] == "count":
        return _Range(low=Decimal(0))
    return _Range()
