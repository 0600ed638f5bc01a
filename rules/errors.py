"""The errors of rules/.

RuleError                     anything wrong with a rule
├── SyntaxProblem             one mistake in a text, with its place     (raised alone by compile_expression)
├── RuleErrors                all mistakes of a text, in order of place (raised by parse_rulebook)
└── EvaluationError           an expression met an error on these facts (carries its kind, never a value)
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["EvaluationError", "Problem", "RuleError", "RuleErrors", "SyntaxProblem"]


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One mistake, or one warning, in a text: where it is, what it is, and what may have been meant.

    `line` and `column` count from 1; `length` is the number of characters the caret marks underline.
    `message` is a sentence in English; `code` and `arguments` name it for translation.
    """

    line: int
    column: int
    message: str
    length: int = 1
    suggestion: str | None = None
    excerpt: str = ""
    expected: tuple[str, ...] = ()
    code: str = ""
    arguments: dict[str, str] = msgspec.field(default_factory=dict)
    caret: int = 0  # the column in the excerpt, where that is not the whole line; 0: `column`

    def __str__(self) -> str:
        meant = f" — did you mean {self.suggestion}?" if self.suggestion else ""
        return f"line {self.line}, column {self.column}: {self.message}{meant}{self.pointed()}"

    def pointed(self) -> str:
        """The line that it is in with carets under it, each on a new line and indented; "" where it is not known."""
        if not self.excerpt:
            return ""
        return f"\n    {self.excerpt}\n    {' ' * ((self.caret or self.column) - 1)}{'^' * self.length}"


class RuleError(Exception):
    """Something is wrong with a rule."""


class SyntaxProblem(RuleError):
    """A text is not a valid expression or statement."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class RuleErrors(RuleError):
    """A rulebook has mistakes; `problems` lists all of them in order of place, `warnings` what else was seen."""

    def __init__(self, problems: list[Problem], warnings: list[Problem] | None = None) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
        self.warnings = warnings or []


class EvaluationError(RuleError):
    """An expression met an error on these facts: it does not match.

    `kind` is "missing" where a missing value (null) was used where a value is needed, else "type", "lookup",
    "arithmetic", "function", "regex" or "other"; `symbol` is the name concerned, never a value.
    """

    def __init__(
        self, kind: Literal["missing", "type", "lookup", "arithmetic", "function", "regex", "other"], symbol: str = ""
    ) -> None:
        super().__init__(f"{kind}: {symbol}" if symbol else kind)
        self.kind = kind
        self.symbol = symbol
