"""`compile_expression`: text in, a Python function out, with what it reads and when it can change."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import rule_engine
from rule_engine import errors

from rules.errors import EvaluationError, SyntaxProblem
from rules.expression.access import HANDLERS as ACCESS
from rules.expression.comparisons import HANDLERS as COMPARISONS
from rules.expression.compiler import Compiler, coerced
from rules.expression.diagnosis import of_unbuildable, of_unparsable, of_unreadable
from rules.expression.drafts import Draft, Unbuildable, Unparsable, parse
from rules.expression.limits import check_built, check_draft, check_text
from rules.expression.moments import Moments, find_moments
from rules.expression.namespace import NAMESPACE
from rules.expression.operators import HANDLERS as OPERATORS
from rules.expression.problems import refusal
from rules.expression.reads import Reads
from rules.expression.schema import kind_of, resolver_of

__all__ = ["EVALUATION_FAULTS", "Expression", "compile_expression", "fault"]

EVALUATION_FAULTS = (
    EvaluationError,
    errors.EngineError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""All that `Expression.run` may raise; `fault` turns each into an `EvaluationError`."""

_numbers = itertools.count(1)


def fault(error: Exception) -> EvaluationError:
    """The `EvaluationError` that one of `EVALUATION_FAULTS` stands for; it never carries a value."""
    match error:
        case EvaluationError():
            return error
        case TypeError() | AttributeError() if "NoneType" in str(error):
            return EvaluationError("missing")
        case TypeError() | AttributeError():
            return EvaluationError("type")
        case ArithmeticError():
            return EvaluationError("arithmetic")
        case LookupError():
            return EvaluationError("lookup")
    return EvaluationError("other")


class Expression:
    """A compiled expression.

    `run` is the bare function, facts → value, for the hot path: it raises any of `EVALUATION_FAULTS`. `source` is its
    Python. `reads` says what it depends on, `kind` of what type the value is, as far as it is known beforehand.
    """

    __slots__ = ("_moments", "kind", "reads", "run", "source", "text")

    def __init__(
        self, text: str, source: str, run: Callable[[Mapping[str, Any]], Any], reads: Reads, moments: Moments,
        kind: str | None,
    ) -> None:  # fmt: skip
        self.text = text
        self.source = source
        self.run = run
        self.reads = reads
        self._moments = moments
        self.kind = kind

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(self, facts: Mapping[str, Any]) -> Any:
        """The value, as rule-engine gives it. Raises `EvaluationError`."""
        try:
            return self.run(facts)
        except EVALUATION_FAULTS as error:
            raise fault(error) from None

    def matches(self, facts: Mapping[str, Any]) -> bool:
        """Whether the value is true; an expression that meets an error does not match."""
        try:
            return bool(self.run(facts))
        except EVALUATION_FAULTS:
            return False

    def changes_at(self, facts: Mapping[str, Any], now: datetime.datetime) -> datetime.datetime | None:
        """The next moment at which the value can change with no event: never late, perhaps early; None if never."""
        return self._moments.next(facts, now)


def compile_expression(text: str, types: Mapping[str, Any] | None = None, *, once: bool = False) -> Expression:
    """Compile a rule-engine expression.

    `types` maps names to types, nested: `{"contact": {"country": "text"}}`, with the rulebook's types or
    `rule_engine.DataType`s. None: untyped names, missing ones being null. Where they are given, a use of `now` of which
    `changes_at` could not tell when it changes the value is refused, unless it is asked `once`, when something happens.
    Raises `SyntaxProblem` for whatever is wrong with the text, with its place.
    """
    check_text(text)
    names = frozenset(types or ())
    resolver = resolver_of(types) if types is not None else None
    context = rule_engine.Context(
        resolver=rule_engine.resolve_item, type_resolver=resolver, default_value=None, default_timezone="utc"
    )
    try:
        draft = _drafted(text, context)
        check_draft(text, draft, names)
        node = _built(text, draft)
        check_built(text, draft)
        return _compiled(text, draft, node, followed=types is not None and not once)
    except RecursionError:
        raise refusal(text, (0, 1), "this expression is too deep", "too deep") from None


def _drafted(text: str, context: Any) -> Draft:
    try:
        return parse(text, context)
    except Unparsable as error:
        raise of_unparsable(text, error) from None
    except RecursionError:
        raise
    except Exception as error:
        raise of_unreadable(text, error) from None


def _built(text: str, draft: Draft) -> Any:
    try:
        return draft.build()
    except Unbuildable as failure:
        if isinstance(failure.error, (RecursionError, SyntaxProblem)):
            raise failure.error from None
        raise of_unbuildable(text, failure) from None


def function_of(node: Any) -> tuple[Callable[[Mapping[str, Any]], Any], str, Compiler]:
    """The function of a built node, its source, and the compiler that knows what it reads."""
    compiler = Compiler(ACCESS | COMPARISONS | OPERATORS)
    source = _source(compiler, _result(compiler, node))
    space: dict[str, Any] = {**NAMESPACE, **compiler.constants}
    exec(compile(source, f"<expression {next(_numbers)}>", "exec"), space)  # noqa: S102  made by Compiler alone
    return space["expression"], source, compiler


def _compiled(text: str, draft: Draft, node: Any, *, followed: bool) -> Expression:
    run, source, compiler = function_of(node)
    moments = find_moments(text, draft, node, followed=followed, function_of=lambda part: function_of(part)[0])
    return Expression(text, source, run, compiler.reads.build(), moments, kind_of(node.result_type))


def _result(compiler: Compiler, node: Any) -> str:
    """The value of the whole, coerced; yes/no needs no call for it."""
    code = compiler.value(node)
    if code.shape != "raw":
        return coerced(code).text
    first, again = compiler.held(code)
    return f"({again} if type({first}) is bool else coerce({again}))"


def _source(compiler: Compiler, body: str) -> str:
    lines = ["def expression(facts):"]
    for name, local in compiler.roots.items():
        lines += _read(local, f"facts[{name!r}]", "None")
    for name, local in compiler.occurrences.items():
        lines += _read(local, f"{name}_['properties']", "NOTHING")
    if compiler.uses_groups:
        lines.append("    groups = [None]")
    return "\n".join([*lines, f"    return {body}", ""])


def _read(local: str, place: str, otherwise: str) -> list[str]:
    return [
        "    try:",
        f"        {local} = {place}",
        "    except (KeyError, TypeError):",
        f"        {local} = {otherwise}",
    ]
