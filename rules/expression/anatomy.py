"""An expression taken apart: each part that has a value of its own, ready to be worked out, for `why`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import rule_engine
from rule_engine import ast
from rule_engine.ast.base import LiteralExpressionBase

from rules.expression.compiled import function_of
from rules.expression.drafts import Draft, parse
from rules.expression.intrinsics import Intrinsic
from rules.expression.limits import check_draft, check_text
from rules.expression.reads import Reads
from rules.expression.schema import resolver_of

__all__ = ["Piece", "take_apart"]

Kind: TypeAlias = Literal["and", "or", "not", "test", "value"]

_ROOTS = ("contact", "event", "entry")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an expression: a chain of `and` or `or`, a `not`, another test, or a value that is compared.

    `run` works it out as `Expression.run` does. `parts` are the pieces that it is made of, in the order of the text;
    literals are none.
    """

    text: str
    kind: Kind
    run: Callable[[Mapping[str, Any]], Any]
    reads: Reads
    parts: tuple[Piece, ...]


def take_apart(text: str, types: Mapping[str, Any]) -> Piece:
    """The pieces of an expression that is known to compile with these types."""
    check_text(text)
    context = rule_engine.Context(
        resolver=rule_engine.resolve_item,
        type_resolver=resolver_of(types),
        default_value=None,
        default_timezone="utc",
    )
    draft = parse(text, context)
    check_draft(text, draft, frozenset(types))
    draft.build()
    return _piece(text, draft)


def _piece(text: str, draft: Draft) -> Piece:
    run, _, compiler = function_of(draft.built)
    kind = _kind(draft)
    parts = tuple(_piece(text, part) for part in _parts(draft, kind))
    return Piece(_shown(text, draft), kind, run, compiler.reads.build(), parts)


def _shown(text: str, draft: Draft) -> str:
    return text[slice(*draft.span)].strip()


def _kind(draft: Draft) -> Kind:
    if issubclass(draft.kind, ast.LogicExpression):
        return "and" if draft.args[1].lower() == "and" else "or"
    if issubclass(draft.kind, ast.UnaryExpression) and draft.args[1].lower() == "not":
        return "not"
    if draft.built.result_type == rule_engine.DataType.BOOLEAN:
        return "test"
    return "value"


def _parts(draft: Draft, kind: Kind) -> Iterator[Draft]:
    """The drafts below one that are worth a line; a chain of `and` or of `or` is one level."""
    if draft.kind is Intrinsic and draft.args[1] != "days_since":
        return
    if issubclass(draft.kind, ast.ComprehensionExpression) or _is_field(draft):
        return
    for part in sorted(draft.parts(), key=lambda one: one.span):
        if part.built is None or isinstance(part.built, LiteralExpressionBase):
            continue
        if issubclass(part.kind, ast.SymbolExpression) and (part.args[1] in _ROOTS or part.kwargs.get("scope")):
            continue  # the whole contact or event; a built-in function
        if kind in ("and", "or") and _kind(part) == kind:
            yield from _parts(part, kind)
        else:
            yield part


def _is_field(draft: Draft) -> bool:
    """Whether it is `contact.X`, `event.X` or `event.properties.X`: what is within says nothing more."""
    if not issubclass(draft.kind, ast.GetAttributeExpression | ast.GetItemExpression):
        return False
    [inner, *_] = draft.parts()
    if issubclass(inner.kind, ast.GetAttributeExpression) and inner.args[2] == "properties":
        [inner, *_] = inner.parts()
    return issubclass(inner.kind, ast.SymbolExpression) and inner.args[1] in _ROOTS
