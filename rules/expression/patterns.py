"""The node of a regular expression's comparison: RE2's pattern in the place of Python's."""

from __future__ import annotations

from typing import Any

from rule_engine import ast
from rule_engine.ast.base import LiteralExpressionBase

from rules.errors import EvaluationError
from rules.expression.regex import Pattern, compile_pattern
from rules.expression.values import coerce, mismatch

__all__ = ["Matching", "matches"]


class Matching(ast.FuzzyComparisonExpression):  # type: ignore[misc]  # rule-engine is not typed
    """`=~`, `=~~`, `!~`, `!~~`. Between literals it is folded by RE2, so that Python's own engine never runs."""

    def _compile_regex(self, regex: str) -> Any:
        return compile_pattern(regex)

    def reduce(self) -> Any:
        if not isinstance(self.left, LiteralExpressionBase) or not isinstance(self.right, LiteralExpressionBase):
            return self
        try:
            value = matches(self.left.evaluate(None), self.pattern, self.anchored, self.negated)
        except EvaluationError:
            return self  # it is met when the expression is evaluated
        return LiteralExpressionBase.from_value(self.context, value)

    @property
    def anchored(self) -> bool:
        """Whether the text must match from its beginning."""
        return bool(self.type.endswith("fzm"))

    @property
    def negated(self) -> bool:
        """Whether it holds where the text does not match."""
        return bool(self.type.startswith("ne"))

    @property
    def pattern(self) -> Pattern | None:
        """The compiled pattern; None where it is `null`."""
        return getattr(self, "_right", None)


def matches(
    value: Any, pattern: Pattern | None, anchored: bool, negated: bool, groups: list[Any] | None = None
) -> bool:
    """Whether a text matches; `groups`, if given, takes what its parentheses matched."""
    if value is not None and not isinstance(value, str):
        mismatch(value)
    if value is None or pattern is None:
        return (value is pattern) is not negated
    try:
        found = pattern.match(value) if anchored else pattern.search(value)
    except UnicodeError:
        raise EvaluationError("regex") from None
    if found is not None and groups is not None:
        groups[0] = coerce(found.groups())
    return (found is None) is negated
