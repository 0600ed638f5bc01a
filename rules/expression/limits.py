"""What is refused before an expression is built: its size, and whatever could hang, escape or change with the clock."""

from __future__ import annotations

import re
from collections.abc import Container
from decimal import Decimal
from typing import Any

from rule_engine import ast
from rule_engine.parser.utilities import parse_float

from rules.errors import SyntaxProblem
from rules.expression.drafts import Draft
from rules.expression.functions import BUILTINS, REFUSED_BUILTINS
from rules.expression.intrinsics import FORMS, Intrinsic
from rules.expression.patterns import Matching
from rules.expression.problems import problem_at, refusal
from rules.expression.schema import is_occurrence
from rules.near import nearest

__all__ = ["DEEPEST", "LONGEST", "MOST_NODES", "check_built", "check_draft", "check_text"]

LONGEST = 2048
"""Bytes of UTF-8 in one expression."""
MOST_NODES = 100
DEEPEST = 20
_MOST_BRACKETS = 100
_LARGEST_EXPONENT = 1000

_ALLOWED = frozenset(
    {
        ast.AddExpression,
        ast.ArithmeticComparisonExpression,
        ast.ArithmeticExpression,
        ast.ArrayExpression,
        ast.BitwiseExpression,
        ast.BooleanExpression,
        ast.BytesExpression,
        ast.CoalesceExpression,
        ast.ComparisonExpression,
        ast.ComprehensionExpression,
        ast.ContainsExpression,
        ast.DatetimeExpression,
        ast.FloatExpression,
        ast.FunctionCallExpression,
        ast.FuzzyComparisonExpression,
        ast.GetAttributeExpression,
        ast.GetItemExpression,
        ast.GetSliceExpression,
        ast.LogicExpression,
        ast.MappingExpression,
        ast.NullExpression,
        ast.SetExpression,
        ast.StringExpression,
        ast.SubtractExpression,
        ast.SymbolExpression,
        ast.TernaryExpression,
        ast.TimedeltaExpression,
        ast.UnaryExpression,
    }
)
_LITERALS = (
    ast.BooleanExpression,
    ast.BytesExpression,
    ast.DatetimeExpression,
    ast.FloatExpression,
    ast.NullExpression,
    ast.StringExpression,
    ast.TimedeltaExpression,
)
_COLLECTIONS = (ast.ArrayExpression, ast.SetExpression, ast.MappingExpression)
_MOVING = frozenset({"minute", "second", "millisecond", "microsecond", "to_epoch"})
"""Parts of `now` that change faster than a decision should be asked for again."""

_quoted = re.compile(r"""(["'])(?:[^\\\n]|\\.)*?\1""")


def check_text(text: str) -> None:
    """Refuse a text that should not even be parsed. Raises `SyntaxProblem`."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise refusal(text, (error.start, error.end), "this character is not valid text", "surrogate") from None
    if size > LONGEST:
        message = f"an expression is at most {LONGEST} bytes; this one has {size}"
        raise refusal(text, (0, 1), message, "too long")
    depth = 0
    bare = _quoted.sub(lambda found: "_" * len(found[0]), text)
    for place, character in enumerate(bare):
        depth += (character in "([{") - (character in ")]}")
        if depth > _MOST_BRACKETS:
            raise refusal(text, (place, place + 1), "too many brackets inside each other", "too deep")


def check_draft(text: str, root: Draft, names: Container[str]) -> None:
    """Refuse what a parsed expression may not hold, and prepare it to be built.

    `names` are those that the facts are known to have: a function of the rulebook is hidden by a fact of its name.
    Regular expressions become `Matching` nodes and calls of the rulebook's functions `Intrinsic` nodes.
    """
    _Checker(text, names).walk(root, 1, frozenset())


class _Checker:
    def __init__(self, text: str, names: Container[str]) -> None:
        self.text = text
        self.names = names
        self.nodes = 0

    def refuse(self, draft: Draft, message: str, code: str, **more: str) -> SyntaxProblem:
        return refusal(self.text, draft.focus, message, code, **more)

    def walk(self, draft: Draft, depth: int, variables: frozenset[str]) -> None:
        """Check a node and all below it; `variables` are those of the comprehension it is in."""
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise self.refuse(draft, f"an expression has at most {MOST_NODES} parts", "too many")
        if depth > DEEPEST:
            raise self.refuse(draft, f"an expression is at most {DEEPEST} levels deep", "too deep")
        if draft.kind not in _ALLOWED:
            raise self.refuse(draft, _REFUSED.get(draft.kind, "this is not allowed in an expression"), "refused")
        if draft.kind in _COLLECTIONS and _is_literal(draft):
            for part in draft.parts():
                self.literal(part)
            return
        self.one(draft, variables)
        if draft.kind is ast.ComprehensionExpression:
            self.comprehension(draft, depth, variables)
            return
        for part in draft.parts():
            same = (
                draft.kind is ast.LogicExpression and part.kind is ast.LogicExpression and draft.args[1] == part.args[1]
            )
            self.walk(part, depth if same else depth + 1, variables)

    def one(self, draft: Draft, variables: frozenset[str]) -> None:
        kind = draft.kind
        if kind is ast.FloatExpression:
            self.literal(draft)
        elif kind is ast.ArithmeticExpression and draft.args[1].upper() == "POW":
            raise self.refuse(draft, "powers (**) are not allowed in an expression", "refused")
        elif kind is ast.SymbolExpression:
            self.symbol(draft)
        elif kind is ast.GetAttributeExpression:
            self.attribute(draft, variables)
        elif kind is ast.FuzzyComparisonExpression:
            if draft.args[3].kind not in (ast.StringExpression, ast.NullExpression):
                raise self.refuse(draft.args[3], "a regular expression must be a text in quotes", "regex")
            draft.kind = Matching
        elif kind is ast.FunctionCallExpression:
            self.function(draft, variables)

    def literal(self, draft: Draft) -> None:
        """A number must not be so large that computing with it takes seconds."""
        for part in draft.parts():
            self.literal(part)
        if draft.kind is not ast.FloatExpression or not isinstance(draft.args[1], str):
            return
        try:
            number = parse_float(draft.args[1])
        except Exception:
            return
        if number.is_finite() and number != 0 and abs(Decimal(number).adjusted()) > _LARGEST_EXPONENT:
            raise self.refuse(draft, "this number is too large or too small", "number")

    def comprehension(self, draft: Draft, depth: int, variables: frozenset[str]) -> None:
        if variables:
            raise self.refuse(draft, "a comprehension in a comprehension is not allowed", "nested")
        _, result, variable, iterable = draft.args
        inside = frozenset({variable})
        condition = draft.kwargs.get("condition")
        if any(_has_comprehension(part) for part in (result, iterable, condition) if part is not None):
            raise self.refuse(draft, "a comprehension in a comprehension is not allowed", "nested")
        self.walk(iterable, depth + 1, variables)
        for part in (result, condition):
            if part is not None:
                self.walk(part, depth + 1, inside)

    def symbol(self, draft: Draft) -> None:
        if not draft.kwargs.get("scope"):
            return
        name = draft.args[1]
        if name in REFUSED_BUILTINS:
            raise self.refuse(draft, f"${name} is not allowed: {REFUSED_BUILTINS[name]}", "builtin", name=name)
        if name not in BUILTINS and name != "re_groups":
            near = nearest(name, [*BUILTINS, "re_groups"])
            suggestion = f"${near}" if near else None
            raise SyntaxProblem(
                problem_at(self.text, draft.focus, f"unknown name ${name}", code="unknown name", suggestion=suggestion)
            )

    def attribute(self, draft: Draft, variables: frozenset[str]) -> None:
        _, target, name = draft.args
        if name.startswith("__"):
            raise self.refuse(draft, f"unknown attribute {name}", "refused", name=name)
        if name in _MOVING and is_now(target) and "now" not in variables:
            message = f"now.{name} is not allowed: it changes too often; compare now with a date, or use now.hour"
            raise self.refuse(draft, message, "now", name=name)

    def function(self, draft: Draft, variables: frozenset[str]) -> None:
        context, function, arguments = draft.args
        name = function.args[1] if function.kind is ast.SymbolExpression and not function.kwargs.get("scope") else None
        if name in FORMS and name not in variables and name not in self.names:
            draft.kind = Intrinsic
            draft.args = (context, name, arguments)
            draft.focus = function.span


def is_now(draft: Draft) -> bool:
    """Whether a draft is the name `now`."""
    return draft.kind is ast.SymbolExpression and draft.args[1] == "now" and not draft.kwargs.get("scope")


def _is_literal(draft: Draft) -> bool:
    if draft.kind in _LITERALS:
        return True
    if draft.kind is ast.UnaryExpression:
        return draft.args[1] == "UMINUS" and draft.args[2].kind is ast.FloatExpression
    return draft.kind in _COLLECTIONS and all(_is_literal(part) for part in draft.parts())


def _has_comprehension(draft: Draft) -> bool:
    pending = [draft]
    while pending:
        one = pending.pop()
        if one.kind is ast.ComprehensionExpression:
            return True
        pending.extend(one.parts())
    return False


_REFUSED: dict[Any, str] = {
    ast.BitwiseShiftExpression: "shifts (<< and >>) are not allowed in an expression",
}


def check_built(text: str, root: Draft) -> None:
    """Refuse what only the types can tell: a property whose name an event has for itself."""
    pending = [root]
    while pending:
        draft = pending.pop()
        pending.extend(draft.parts())
        if draft.kind is not ast.GetAttributeExpression or draft.args[2] not in _OF_MAPPINGS:
            continue
        owner = draft.args[1]
        if is_occurrence(getattr(owner.built, "result_type", None)):
            written = text[owner.span[0] : owner.span[1]]
            name = draft.args[2]
            message = f'{name} is built in; write {written}.properties["{name}"] for the property'
            raise refusal(text, draft.focus, message, "built-in", name=name)


_OF_MAPPINGS = frozenset({"is_empty", "keys", "length", "values"})
