"""What in an expression is allowed but hardly meant: parts that are never true, missing values that decide silently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
import rule_engine
from rule_engine import ast

from rules.expression.drafts import Draft, Unparsable, parse
from rules.never import never
from rules.rulebook import Attribute
from rules.written import View, call_of, every_part, field_of

__all__ = ["Doubt", "doubts"]

_ALWAYS_THERE = ("score", "created", "last_seen")
_OF_EVERY_EVENT = ("name", "time", "source", "properties")
_ARITHMETIC = (
    ast.AddExpression,
    ast.SubtractExpression,
    ast.ArithmeticExpression,
)


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
    view = View(text, attributes)
    found = list(_both_missing(view, root, keyed)) + list(_silenced(view, root))
    if never(view, root):
        message = "this can never be true"
        found.append(Doubt(start=root.span[0], end=root.span[1], message=message, code="never true"))
    return found


# --- `event.x == entry.x`, both missing ---


def _both_missing(view: View, root: Draft, keyed: frozenset[str]) -> Iterator[Doubt]:
    for draft in every_part(root):
        if draft.kind is not ast.ComparisonExpression or draft.args[1] != "EQ":
            continue
        fields = dict(field for part in draft.parts() if (field := field_of(part)) is not None)
        if (
            set(fields) != {"event", "entry"}
            or fields["entry"] in keyed
            or fields["entry"] in ("name", "time", "source")
        ):
            continue
        event = next(view.of(part) for part in draft.parts() if (field_of(part) or ("",))[0] == "event")
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


def _silenced(view: View, root: Draft) -> Iterator[Doubt]:
    """Parts of an `or` that another part follows and that meet an error where a value is missing."""
    for draft in every_part(root):
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


def _risky(view: View, draft: Draft, before: list[str]) -> Draft | None:
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


def _conjuncts(view: View, draft: Draft) -> list[str]:
    if draft.kind is ast.LogicExpression and draft.args[1] == "AND":
        return [one for part in draft.parts() for one in _conjuncts(view, part)]
    return [view.of(draft)]


def _nullable(view: View, draft: Draft) -> list[Draft]:
    """Values in an operand that may be missing."""
    if (field := field_of(draft)) is not None:
        name, attribute = field
        if name == "contact":
            return [] if attribute in _ALWAYS_THERE else [draft]
        return [draft] if name in ("event", "entry") and attribute not in _OF_EVERY_EVENT else []
    if (call := call_of(draft)) is not None:
        if call[0] in ("last", "first"):
            return [draft]
        return _nullable(view, call[1][0]) if call[0] == "days_since" and call[1] else []
    if issubclass(draft.kind, _ARITHMETIC):
        return [leaf for part in draft.parts() for leaf in _nullable(view, part)]
    return []


def _guarded(view: View, leaf: Draft, before: list[str]) -> bool:
    written = view.of(leaf)
    call = call_of(leaf)
    counted = f"count({view.of(call[1][0])}" if call and call[1] else None
    return any(
        one in (written, f"{written} != null", f"null != {written}")
        or (counted is not None and one.startswith(counted))
        for one in before
    )


def _safe_form(view: View, risky: Draft) -> str:
    """`last("E") > now - t"D"` as a count; anything else with a look at what may be missing."""
    left, right = risky.parts()
    call = call_of(left)
    if call and call[0] == "last" and risky.args[1] in ("GT", "GE") and right.kind is ast.SubtractExpression:
        now, length = right.parts()
        if view.of(now) == "now" and length.kind is ast.TimedeltaExpression:
            return (
                f"count({view.of(call[1][0])}, {view.text[right.span[0] : right.span[1]].split('-', 1)[1].strip()}) > 0"
            )
    leaves = dict.fromkeys(view.of(leaf) for part in risky.parts() for leaf in _nullable(view, part))
    return f"({' and '.join(f'{leaf} != null' for leaf in leaves)} and {view.of(risky)})"
