"""What a person is told of an expression that cannot be compiled: where, what, and what may have been meant."""

from __future__ import annotations

from typing import Any

from rule_engine import DataType, ast, errors

from rules.errors import SyntaxProblem
from rules.expression.drafts import Draft, Unbuildable, Unparsable
from rules.expression.intrinsics import FORMS, Misused
from rules.expression.problems import Span, problem_at
from rules.expression.regex import BadPattern
from rules.near import nearest

__all__ = ["of_unbuildable", "of_unparsable", "of_unreadable"]

_TOKENS = {
    "LPAREN": "(", "RPAREN": ")", "LBRACKET": "[", "RBRACKET": "]", "LBRACE": "{", "RBRACE": "}",
    "COMMA": ",", "COLON": ":", "QMARK": "?", "ATTR": ".", "ATTR_SAFE": "&.", "COALESCE": "??",
    "EQ": "==", "NE": "!=", "EQ_FZM": "=~", "EQ_FZS": "=~~", "NE_FZM": "!~", "NE_FZS": "!~~",
    "GT": ">", "GE": ">=", "LT": "<", "LE": "<=", "AND": "and", "OR": "or", "NOT": "not", "IN": "in",
    "ADD": "+", "SUB": "-", "MUL": "*", "TDIV": "/", "FDIV": "//", "MOD": "%",
    "BWAND": "&", "BWOR": "|", "BWXOR": "^", "FOR": "for", "IF": "if",
}  # fmt: skip
_VALUES = frozenset({"STRING", "FLOAT", "SYMBOL", "TRUE", "FALSE", "NULL", "DATETIME", "TIMEDELTA", "BYTES"})
_UNNAMED = frozenset({"$end", "COMMENT", "POW", "BWLSH", "BWRSH", "FLOAT_INF", "FLOAT_NAN"})
_WRITTEN = {"=": "==", "&&": "and", "||": "or", "!": "not", "<>": "!="}
"""What people write who know another language."""
_SPOKEN = {"and": "and", "or": "or", "not": "not", "in": "in", "is": "==", "et": "and", "ou": "or", "non": "not"}
"""Operators that are words, in capitals, or as one says them."""

_KINDS = {
    DataType.STRING: "text",
    DataType.FLOAT: "a number",
    DataType.BOOLEAN: "yes/no",
    DataType.DATETIME: "a datetime",
    DataType.TIMEDELTA: "a duration",
    DataType.NULL: "null",
    DataType.BYTES: "bytes",
}


def of_unparsable(text: str, error: Unparsable) -> SyntaxProblem:
    """The text breaks the grammar."""
    start, end = error.span
    found = text[start:end]
    if error.reason == "illegal":
        return _illegal(text, start)
    if error.reason == "reserved":
        return _problem(text, error.span, f"{found} is a reserved word", "reserved")
    expected = _expected(error.expected)
    if not found:
        message = "the expression is empty" if not text.strip() else "the expression ends too early"
        return SyntaxProblem(problem_at(text, _end(text), message, code="ends early", expected=expected))
    if text[start - 1 : end] in _WRITTEN:
        return _foreign(text, start - 1, text[start - 1 : end])
    message = f"unexpected {found}" if len(found) <= 40 else "unexpected text"
    meant = _SPOKEN.get(found.lower())
    return _problem(text, error.span, message, "unexpected", suggestion=meant, expected=expected)


def _end(text: str) -> Span:
    last = len(text.rstrip())
    return last, last + 1


def _expected(tokens: tuple[str, ...]) -> tuple[str, ...]:
    named = [_TOKENS[token] for token in tokens if token in _TOKENS]
    if any(token in _VALUES for token in tokens):
        named = ["a value", *(name for name in named if name in "([{-" or name == "not")]
    if "$end" in tokens:
        named.append("the end")
    return tuple(named)


def _illegal(text: str, start: int) -> SyntaxProblem:
    character = text[start]
    if character in "\"'":
        return _problem(text, (start, len(text)), "a quote is not closed", "quote")
    for written in _WRITTEN:
        if text.startswith(written, start):
            return _foreign(text, start, written)
    return _problem(text, (start, start + 1), f"unexpected character {character}", "character")


def _foreign(text: str, start: int, written: str) -> SyntaxProblem:
    span = (start, start + len(written))
    return _problem(text, span, f"unknown operator {written}", "operator", suggestion=_WRITTEN[written])


def of_unreadable(text: str, error: Exception) -> SyntaxProblem:
    """A literal is malformed: rule-engine knows its text, not its place."""
    value = getattr(error, "value", None)
    start = text.find(value) if isinstance(value, str) and value else 0
    span = (max(start, 0), max(start, 0) + (len(value) if isinstance(value, str) else 1))
    return _problem(text, span, _literal_message(error), "literal")


def of_unbuildable(text: str, failure: Unbuildable) -> SyntaxProblem:
    """A node does not pass rule-engine's checks, or computes to an error."""
    error, draft = failure.error, failure.draft
    match error:
        case Misused():
            at = draft.args[2][error.argument].span if error.argument is not None else draft.span
            return _problem(text, at, str(error), "function", expected=(FORMS[draft.args[1]],))
        case BadPattern():
            return _problem(text, draft.args[3].span, str(error), "regex")
        case errors.SymbolResolutionError():
            return _unknown_name(text, draft, error)
        case errors.AttributeResolutionError():
            return _unknown_attribute(text, draft, error)
        case errors.SyntaxError():
            return _problem(text, draft.span, _literal_message(error), "literal")
        case errors.FunctionCallError():
            return _problem(text, draft.span, _plain(error.message), "function")
        case errors.ArithmeticError() | ArithmeticError():
            return _problem(text, draft.span, "this cannot be computed", "arithmetic")
        case errors.EvaluationError():
            return _problem(text, draft.span, _mismatch(draft, error), "type")
    return _problem(text, draft.span, "this cannot be computed", "other")


def _unknown_name(text: str, draft: Draft, error: errors.SymbolResolutionError) -> SyntaxProblem:
    name = error.symbol_name
    if name in FORMS:
        return _problem(text, draft.focus, f"{name} is a function", "function", expected=(FORMS[name],))
    return _problem(text, draft.focus, f"unknown name {name}", "unknown name", suggestion=error.suggestion)


def _unknown_attribute(text: str, draft: Draft, error: errors.AttributeResolutionError) -> SyntaxProblem:
    owner = draft.args[1]
    name = error.attribute_name
    kind = owner.built.result_type if owner.built is not None else None
    options: list[str] = list(getattr(DataType.NULLABLE.unwrap(kind), "attributes", {})) if kind is not None else []
    suggestion = nearest(name, options or filter(None, [error.suggestion]))
    written = text[owner.span[0] : draft.focus[1]]
    full = written if len(written) <= 80 and "\n" not in written else name
    return _problem(text, draft.focus, f"unknown attribute {full}", "unknown attribute", suggestion=suggestion)


def _literal_message(error: Exception) -> str:
    match error:
        case errors.DatetimeSyntaxError():
            return 'not a date; write d"2026-01-31" or d"2026-01-31T09:00"'
        case errors.TimedeltaSyntaxError():
            return 'not a duration; write t"P7D" for days, t"PT2H" for hours (no months or years)'
        case errors.FloatSyntaxError():
            return "not a number"
        case errors.BytesSyntaxError() | errors.StringSyntaxError():
            return "not a text: a backslash stands before a character that it cannot stand before"
    return "this cannot be read"


def _mismatch(draft: Draft, error: errors.EvaluationError) -> str:
    kinds = [_kind(part) for part in draft.parts()[:2]]
    if issubclass(draft.kind, ast.ComparisonExpression) and len(kinds) == 2 and all(kinds):
        return f"{kinds[0]} cannot be compared with {kinds[1]}"
    if issubclass(draft.kind, ast.binary.base.BinaryExpressionBase) and len(kinds) == 2 and all(kinds):
        return f"{kinds[0]} and {kinds[1]} do not go together here"
    return _plain(error.message)


def _kind(part: Draft) -> str | None:
    kind: Any = part.built.result_type if part.built is not None else None
    if kind is None or kind == DataType.UNDEFINED:
        return None
    kind = DataType.NULLABLE.unwrap(kind)
    for known, name in _KINDS.items():
        if kind == known:
            return name
    for family, name in ((DataType.ARRAY, "a list"), (DataType.SET, "a set"), (DataType.MAPPING, "a mapping")):
        if DataType.is_type(kind, family):
            return name
    return None


def _plain(message: str) -> str:
    return message.replace("data type mismatch", "types do not fit") if message else "this cannot be computed"


def _problem(
    text: str, span: Span, message: str, code: str, *, suggestion: str | None = None, expected: tuple[str, ...] = ()
) -> SyntaxProblem:
    return SyntaxProblem(problem_at(text, span, message, code=code, suggestion=suggestion, expected=expected))
