"""The rule language: text, facts and `now` in, values out. No I/O, no clock."""

from __future__ import annotations

from rules.check import parse_rulebook
from rules.errors import EvaluationError, RuleError, RuleErrors
from rules.expression import compile_expression

__all__ = ["EvaluationError", "RuleError", "RuleErrors", "compile_expression", "parse_rulebook"]
