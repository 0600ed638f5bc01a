"""Row 16: each hostile rule of the tests, from its text to its refusal, or to an evaluation that does not match."""

from __future__ import annotations

from contextlib import suppress
from time import perf_counter

from rules import EvaluationError, RuleError, compile_expression
from tests.bench.table import Measured, Row
from tests.rules.test_expression_safety import BAD_RULES, FACTS

_REPEATS = 5
_TARGET = 100.0  # milliseconds


def run() -> Row:
    """The slowest of all, each by its median."""
    compile_expression("warm > 1 and s =~ 'up'")
    slowest = max((_cost(text) for text in BAD_RULES), key=lambda cost: cost.median)
    return Row(
        16,
        f"the slowest of {len(BAD_RULES)} hostile rules",
        slowest.text("ms", 1),
        target=f"< {_TARGET:.0f} ms",
        met=slowest.median < _TARGET,
    )


def _cost(text: str) -> Measured:
    cost = Measured()
    for _ in range(_REPEATS):
        begun = perf_counter()
        with suppress(RuleError, EvaluationError):
            compile_expression(text).evaluate(FACTS)
        cost.values.append((perf_counter() - begun) * 1000)
    return cost
