"""The node of a regular expression's comparison: RE2's pattern in the place of Python's."""

from __future__ import annotations

from typing import Any

from rule_engine import ast

from rules.errors import EvaluationError
from rules.expression.regex import Pattern, compile_pattern
from rules.expression.values import coerce, mismatch

__all__ = ["Matching", "matches"]


class Matching(ast.FuzzyComparisonExpression):  # type: ignore[misc]  # rule-engine is not typed
    """`=~`, `=~~`, `!~`, `!~~`. Never folded, so that Python's own engine never runs."""

    def _compile_regex(self, regex: str) -> Any:
        return compile_pattern(regex)

    def reduce(self) -> Matching:
        return self

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
