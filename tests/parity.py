"""Compares `compile_expression` with rule-engine itself, which is the reference of what an expression means."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import rule_engine
from rule_engine import errors

from rules.errors import EvaluationError, SyntaxProblem
from rules.expression import compile_expression

__all__ = ["Outcome", "difference", "ours", "reference"]

ON_PURPOSE = frozenset({"refused", "builtin", "nested", "regex", "too deep", "too long", "too many", "number", "now"})
"""Codes of problems for what is refused on purpose, though rule-engine takes it."""

_KINDS: list[tuple[type[BaseException], set[str]]] = [
    (errors.LookupError, {"lookup"}),
    (errors.ArithmeticError, {"arithmetic"}),
    (errors.FunctionCallError, {"function", "missing", "arithmetic"}),
    (errors.EvaluationError, {"type", "missing", "function", "arithmetic"}),
    (ArithmeticError, {"arithmetic", "function"}),
]

_TRIES = 50  # of rule-engine, where it does not always give the same


class Outcome(NamedTuple):
    """What came of an expression: "value", "error" (when evaluated) or "refused" (when checked), and of what kind."""

    status: str
    value: Any = None
    error: BaseException | None = None


def reference(text: str, facts: Any, types: Mapping[str, Any] | None = None) -> Outcome:
    """What rule-engine makes of it."""
    context = rule_engine.Context(
        resolver=rule_engine.resolve_item, type_resolver=types, default_value=None, default_timezone="utc"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            rule = rule_engine.Rule(text, context)
        except Exception as error:
            return Outcome("refused", error=error)
        try:
            return Outcome("value", rule.evaluate(facts))
        except Exception as error:
            return Outcome("error", error=error)


def ours(text: str, facts: Any, types: Mapping[str, Any] | None = None) -> Outcome:
    """What Relance makes of it. Anything but a `RuleError` escapes, and fails the test."""
    try:
        expression = compile_expression(text, types)
    except SyntaxProblem as error:
        return Outcome("refused", error=error)
    try:
        value = expression.evaluate(facts)
    except EvaluationError as error:
        assert not expression.matches(facts)
        return Outcome("error", error=error)
    assert expression.matches(facts) is bool(value)
    return Outcome("value", value)


def difference(text: str, facts: Any, types: Mapping[str, Any] | None = None) -> str | None:
    """How the two differ on one case; None where they agree, or where ours refuses it on purpose.

    Of a set, rule-engine takes any member first, of `{1, 1.0}` either: there it may take a few tries to agree.
    """
    mine = ours(text, facts, types)
    if isinstance(mine.error, SyntaxProblem) and mine.error.problem.code in ON_PURPOSE:
        return None
    found = None
    for _ in range(_TRIES if "{" in text else 1):
        found = _compared(text, facts, mine, reference(text, facts, types))
        if found is None:
            break
    return found


def _compared(text: str, facts: Any, mine: Outcome, theirs: Outcome) -> str | None:
    shown = f"{text!r} over {facts!r}: rule-engine {_shown(theirs)}, ours {_shown(mine)}"
    if mine.status != theirs.status:
        return shown
    if mine.status == "value":
        return None if same(mine.value, theirs.value) else shown
    if isinstance(mine.error, EvaluationError) and "{" not in text:
        for error, kinds in _KINDS:
            if isinstance(theirs.error, error):
                return None if mine.error.kind in kinds else f"{shown} (kind {mine.error.kind})"
    return None


def _shown(outcome: Outcome) -> str:
    return f"{outcome.status} {outcome.value!r} {outcome.error!r}"


def same(one: Any, other: Any) -> bool:
    """Equality of values as the expression language has them: of one type, deeply, NaN equal to itself."""
    if callable(one) or callable(other):
        return callable(one) and callable(other)
    if type(one) is not type(other):
        return False
    if isinstance(one, Decimal):
        return str(one) == str(other)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, set):
        return sorted(map(repr, one)) == sorted(map(repr, other)) or one == other
    if isinstance(one, Mapping):
        return len(one) == len(other) and all(
            same(a, b) and same(one[a], other[b]) for a, b in zip(one, other, strict=True)
        )
    if isinstance(one, datetime.datetime):
        return one == other and one.utcoffset() == other.utcoffset() and one.tzname() == other.tzname()
    return bool(one == other)
