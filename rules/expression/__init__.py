"""Expressions: rule-engine's language, parsed and type-checked by it, run as compiled Python."""

from __future__ import annotations

from rules.expression.compiled import EVALUATION_FAULTS, Expression, compile_expression, fault
from rules.expression.reads import FunctionUse, Reads
from rules.expression.schema import rulebook_types

__all__ = [
    "EVALUATION_FAULTS",
    "Expression",
    "FunctionUse",
    "Reads",
    "compile_expression",
    "fault",
    "rulebook_types",
]
