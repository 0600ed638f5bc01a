"""Places in an expression's text, and the problem shown there."""

from __future__ import annotations

from rules.errors import Problem, SyntaxProblem

__all__ = ["Span", "problem_at", "refusal"]

Span = tuple[int, int]
"""Start and end, as offsets into the text."""


def problem_at(
    text: str,
    span: Span,
    message: str,
    *,
    code: str = "",
    suggestion: str | None = None,
    expected: tuple[str, ...] = (),
    arguments: dict[str, str] | None = None,
) -> Problem:
    """The problem at `span` of `text`, with line and column counted from 1."""
    start = max(0, min(span[0], len(text)))
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    excerpt = text[line_start : line_end if line_end >= 0 else len(text)]
    end = min(max(span[1], start + 1), line_start + len(excerpt)) if excerpt else start + 1
    if len(excerpt) > 200:
        excerpt = ""  # a caret far to the right of a long line helps nobody
    return Problem(
        line=text.count("\n", 0, start) + 1,
        column=start - line_start + 1,
        length=max(1, end - start),
        message=message,
        suggestion=suggestion,
        excerpt=excerpt,
        expected=expected,
        code=code,
        arguments=arguments or {},
    )


def refusal(text: str, span: Span, message: str, code: str, **more: str) -> SyntaxProblem:
    """A `SyntaxProblem` for something that is refused on purpose, with its reason."""
    return SyntaxProblem(problem_at(text, span, message, code=code, arguments=more))
