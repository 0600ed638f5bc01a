"""A part of an expression as it is written: its text, the field or the function that it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from rule_engine import ast

from rules.expression.drafts import Draft
from rules.rulebook import Attribute

__all__ = ["View", "call_of", "every_part", "field_of"]


class View(msgspec.Struct, frozen=True):
    """An expression's text, and the attributes it may read."""

    text: str
    attributes: Mapping[str, Attribute]

    def of(self, draft: Draft) -> str:
        """The text of a part, with the blanks within it evened out."""
        return " ".join(self.text[draft.span[0] : draft.span[1]].split())


def every_part(draft: Draft) -> Iterator[Draft]:
    """The draft and all below it."""
    yield draft
    for part in draft.parts():
        yield from every_part(part)


def field_of(draft: Draft) -> tuple[str, str] | None:
    """(name, field) of `name.field` or `name["field"]`."""
    if draft.kind not in (ast.GetAttributeExpression, ast.GetItemExpression):
        return None
    owner, *rest = draft.parts()
    field = rest[0].args[1] if rest and rest[0].kind is ast.StringExpression else draft.args[2] if not rest else None
    if owner.kind is not ast.SymbolExpression or not isinstance(field, str):
        return None
    return owner.args[1], field


def call_of(draft: Draft) -> tuple[str, list[Draft]] | None:
    """(function, arguments) of a call."""
    if draft.kind is not ast.FunctionCallExpression:
        return None
    called, *arguments = draft.parts()
    return (called.args[1], arguments) if called.kind is ast.SymbolExpression else None
