"""From rule-engine's tree to Python source: one Python expression, in which what is known beforehand is resolved.

Each node becomes a `Code`: Python text and what is known of its value. Where a plain Python test can stand for a type,
operators become Python's own; else they are calls of the functions in `values`, which hold rule-engine's meaning. Text
from a user reaches the source only as the `repr` of a string, or as a name that the grammar has checked.

`Compiler` holds what grows while one expression is compiled. What each node becomes is said in `access` (names and
what hangs on them), `comparisons` and `operators`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from rule_engine import DataType, ast
from rule_engine.ast.base import LiteralExpressionBase

from rules.expression.functions import Function
from rules.expression.reads import ReadsBuilder

__all__ = ["Code", "Compiler", "Handler", "Shape"]

Shape = Literal["raw", "any", "yes/no", "number", "whole", "text", "moment", "span"]
"""What is known of a value: "raw", as the facts have it; "any", coerced; "whole", a Python int (a Decimal once
coerced); else coerced and certainly of that type."""

_LITERAL_SHAPES: list[tuple[Any, Shape]] = [
    (DataType.STRING, "text"),
    (DataType.FLOAT, "number"),
    (DataType.BOOLEAN, "yes/no"),
    (DataType.DATETIME, "moment"),
    (DataType.TIMEDELTA, "span"),
]
_name = re.compile(r"\w+\Z")


class Code(NamedTuple):
    """Python source of an expression, and what is known of its value."""

    text: str
    shape: Shape = "any"


Handler = Callable[["Compiler", Any], Code]


class Compiler:
    """Compiles one expression with `handlers`, one a kind of node; `constants`, `roots`, `reads` fill meanwhile."""

    def __init__(self, handlers: dict[type, Handler]) -> None:
        self.constants: dict[str, Any] = {}
        self.roots: dict[str, str] = {}  # facts → local variables
        self.occurrences: dict[str, str] = {}  # "event", "entry" → local variables of their properties
        self.reads = ReadsBuilder()
        self.uses_groups = False
        self.variables: list[str] = []  # of the comprehension around the node
        self._handlers = handlers
        self._codes: dict[int, Code] = {}  # by node: asked for twice, it must not be compiled twice, and so on below
        self._held = 0

    def value(self, node: Any) -> Code:
        """A node's value, raw or coerced."""
        code = self._codes.get(id(node))
        if code is None:
            code = self._codes[id(node)] = self._handlers[type(node)](self, node)
        return code

    def solid(self, node: Any) -> Code:
        """A node's value, coerced."""
        return coerced(self.value(node))

    def constant(self, value: Any, prefix: str = "K") -> str:
        """A name for a value that is known now."""
        if value is None or value is True or value is False or type(value) is str:
            return repr(value)
        if type(value) is int or (type(value) is float and value == value and abs(value) != float("inf")):
            return f"({value!r})" if value < 0 else repr(value)
        for name, known in self.constants.items():
            if known is value:
                return name
        name = f"{prefix}{len(self.constants) + 1}"
        self.constants[name] = value
        return name

    def literal(self, node: Any) -> Code:
        """A scalar that is known now."""
        if isinstance(node, ast.FunctionExpression):
            return Code(self.constant(Function(node.value, node.result_type.value_name or "?"), "F"))
        for kind, shape in _LITERAL_SHAPES:
            if node.result_type == kind:
                return Code(self.constant(own(node.value)), shape)
        return Code(self.constant(node.value))

    def root(self, name: str) -> str:
        """The local variable that holds the fact `name`."""
        self.reads.add("names", [name])
        return self.roots.setdefault(name, f"{name}_")

    def held(self, code: Code) -> tuple[str, str]:
        """Source that is to stand where a value is first used, and source for each further use."""
        if code.shape == "text" or _name.match(code.text):  # only a literal is certainly a text
            return code.text, code.text
        return self.holding(code.text)

    def holding(self, text: str) -> tuple[str, str]:
        """Source that keeps a value under a new name, and the name."""
        self._held += 1
        name = f"t{self._held}"
        return f"({name} := {text})", name


def coerced(code: Code) -> Code:
    """Code whose value is coerced."""
    match code.shape:
        case "raw":
            return Code(f"coerce({code.text})")
        case "whole":
            return Code(f"Decimal({code.text})", "number")
    return code


def certain(*nodes: Any) -> bool:
    """Whether these nodes cannot meet an error, so that it does not matter when they are evaluated."""
    return all(
        (isinstance(node, LiteralExpressionBase) and node.is_reduced)
        or (isinstance(node, ast.SymbolExpression) and node.result_type == DataType.UNDEFINED)
        for node in nodes
    )


def own(value: Any) -> Any:
    """A literal as compiled: datetimes in UTC get Python's own zone, which compares faster than dateutil's."""
    if isinstance(value, datetime.datetime) and value.tzname() == "UTC":
        return value.replace(tzinfo=datetime.UTC)
    return value
