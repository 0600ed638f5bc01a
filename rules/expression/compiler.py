"""From rule-engine's tree to Python source: one Python expression, in which what is known beforehand is resolved.

Each node becomes a `Code`: Python text and what is known of its value. Where types are known, or a plain Python test can
stand for them, operators become Python's own; else they are calls of the functions in `values`, which hold rule-engine's
meaning. Text from a user reaches the source only as `repr` of a string or as a name that the grammar has checked.
"""

from __future__ import annotations

import datetime
import operator
from collections import OrderedDict
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from rule_engine import DataType, ast
from rule_engine.ast.base import LiteralExpressionBase

from rules.expression import values
from rules.expression.attributes import attribute, attribute_safe
from rules.expression.functions import BUILTINS, Function, call
from rules.expression.intrinsics import Intrinsic
from rules.expression.patterns import Matching, matches
from rules.expression.reads import ANY, ReadsBuilder
from rules.expression.runtime import NOTHING, comprehend, days_since, fetch, mapping
from rules.expression.schema import RESERVED, is_occurrence

__all__ = ["Code", "Compiler"]

Shape = Literal["raw", "any", "yes/no", "number", "text", "datetime", "duration"]
"""What is known of a value: "raw", as the facts have it; "any", coerced; else coerced and certainly of that type."""

_ARITHMETIC = {"mul": "multiply", "tdiv": "divide", "fdiv": "floor_divide", "mod": "modulo"}
_BITWISE = {"bwand": operator.and_, "bwor": operator.or_, "bwxor": operator.xor}
_SYMBOLS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
_PYTHON_TYPES: list[tuple[Any, str]] = [
    (DataType.STRING, "str"),
    (DataType.FLOAT, "Decimal"),
    (DataType.BOOLEAN, "bool"),
    (DataType.DATETIME, "datetime"),
    (DataType.TIMEDELTA, "timedelta"),
]

GLOBALS: dict[str, Any] = {
    **{name: getattr(values, name) for name in values.__all__},
    "NOTHING": NOTHING,
    "Decimal": Decimal,
    "attribute": attribute,
    "attribute_safe": attribute_safe,
    "call": call,
    "comprehend": comprehend,
    "datetime": datetime.datetime,
    "days_since": days_since,
    "fetch": fetch,
    "mapping": mapping,
    "matches": matches,
    "timedelta": datetime.timedelta,
    "OrderedDict": OrderedDict,
    "__builtins__": {"bool": bool, "len": len, "set": set, "str": str, "type": type, "KeyError": KeyError,
                     "TypeError": TypeError, "tuple": tuple, "int": int, "float": float},
}  # fmt: skip
"""What generated source may name."""


class Code(NamedTuple):
    """Python source of an expression, and what is known of its value."""

    text: str
    shape: Shape = "any"


class Compiler:
    """Compiles one expression; `constants` and `reads` fill while it does."""

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self.roots: dict[str, str] = {}
        self.occurrences: dict[str, str] = {}
        self.reads = ReadsBuilder()
        self.uses_groups = False
        self._temporaries = 0
        self._variables: list[str] = []

    # -- pieces --------------------------------------------------------------

    def constant(self, value: Any, prefix: str = "K") -> str:
        """A name for a value that is known now."""
        if value is None or value is True or value is False or type(value) is str:
            return repr(value)
        for name, known in self.constants.items():
            if known is value:
                return name
        name = f"{prefix}{len(self.constants) + 1}"
        self.constants[name] = value
        return name

    def temporary(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"

    def root(self, name: str) -> str:
        """The local variable that holds the fact `name`."""
        self.reads.add("names", [name])
        return self.roots.setdefault(name, f"{name}_")

    # -- entry points --------------------------------------------------------

    def solid(self, node: Any) -> Code:
        """A node's value, coerced."""
        code = self.value(node)
        return Code(f"coerce({code.text})") if code.shape == "raw" else code

    def truth(self, node: Any) -> str:
        """A node where only its truth counts."""
        return self.value(node).text

    def value(self, node: Any) -> Code:
        """A node's value, raw or coerced."""
        if isinstance(node, LiteralExpressionBase):
            return self.literal(node)
        method = getattr(self, "_" + type(node).__name__, None)
        if method is None:
            raise TypeError(type(node).__name__)
        code: Code = method(node)
        return code

    # -- literals ------------------------------------------------------------

    def literal(self, node: Any) -> Code:
        if isinstance(node, ast.FunctionExpression):
            return Code(self.constant(Function(node.value, node.result_type.value_name or "?"), "F"))
        if isinstance(node, (ast.ArrayExpression, ast.SetExpression, ast.MappingExpression)):
            return self.collection(node)
        for kind, shape in _SHAPES:
            if node.result_type == kind:
                return Code(self.constant(_own(node.value)), shape)
        return Code(self.constant(node.value))

    def collection(self, node: Any) -> Code:
        if node.is_reduced:
            try:
                value = node.evaluate(None)
            except Exception:
                return Code("fail('type')")
            name = self.constant(value)
            if isinstance(value, tuple):
                return Code(name)
            return Code(f"{'set' if isinstance(value, set) else 'OrderedDict'}({name})")
        if isinstance(node, ast.MappingExpression):
            pairs = ", ".join(
                f"({self.solid(key).text}, lambda: {self.solid(value).text})" for key, value in node.value
            )
            return Code(f"mapping(({pairs},))")
        members = "".join(f"{self.solid(member).text}, " for member in node.value)
        return Code(f"({members})" if isinstance(node, ast.ArrayExpression) else f"set(({members}))")

    # -- names ---------------------------------------------------------------

    def _SymbolExpression(self, node: Any) -> Code:  # noqa: N802
        if node.scope:
            if node.name == "re_groups":
                self.uses_groups = True
                return Code("groups[0]")
            return Code(self.constant(BUILTINS[node.name], "B"))
        kind = node.result_type
        if node.name in self._variables:
            if kind == DataType.UNDEFINED or DataType.is_type(DataType.NULLABLE.unwrap(kind), DataType.OBJECT):
                return Code(f"{node.name}_", "raw")
            return self.checked(f"{node.name}_", kind, node.name)
        name = self.root(node.name)
        if node.name in ("contact", "event", "entry"):
            self.reads.add({"contact": "attributes"}.get(node.name, f"{node.name}_properties"), [ANY])
        if kind == DataType.UNDEFINED or DataType.is_type(DataType.NULLABLE.unwrap(kind), DataType.OBJECT):
            return Code(name, "raw")
        return self.checked(name, kind, node.name)

    def checked(self, name: str, kind: Any, symbol: str) -> Code:
        """A name with a declared type, refused where it has another."""
        declared = self.constant(kind, "T")
        inner = DataType.NULLABLE.unwrap(kind)
        for known, python in _PYTHON_TYPES:
            if inner == known and python != "datetime":
                return Code(f"({name} if type({name}) is {python} else typed(coerce({name}), {declared}, {symbol!r}))")
        return Code(f"typed(coerce({name}), {declared}, {symbol!r})")

    # -- access --------------------------------------------------------------

    def _GetAttributeExpression(self, node: Any) -> Code:  # noqa: N802
        target, name = node.object, node.name
        if isinstance(target, ast.SymbolExpression) and not target.scope and target.name not in self._variables:
            code = self.fact(target, name, node)
            if code is not None:
                return code
        owner = self.value(target)
        if node._object_type is not None:
            accessor = self.constant(node._object_type.accessor, "A")
            if node.safe:
                temporary = self.temporary()
                return Code(
                    f"(None if ({temporary} := {owner.text}) is None else fetch({accessor}, {temporary}, {name!r}))",
                    "raw",
                )
            return Code(f"fetch({accessor}, {owner.text}, {name!r})", "raw")
        helper = "attribute_safe" if node.safe else "attribute"
        return Code(f"{helper}({owner.text}, {name!r})")

    def fact(self, target: Any, name: str, node: Any) -> Code | None:
        """An attribute of `contact`, a property of `event`, or a field of a fact with declared fields."""
        if target.name == "contact":
            self.reads.add("attributes", [name])
        kind = DataType.NULLABLE.unwrap(target.result_type)
        if is_occurrence(kind):
            return self.occurrence(target.name, name)
        if target.name in ("event", "entry"):
            self.reads.add(f"{target.name}_properties", [name])
        root = self.root(target.name)
        if node._object_type is not None and node._object_type.accessor is operator.getitem:
            safe = f"None if {root} is None else " if node.safe else ""
            return Code(f"({safe}{root}.get({name!r}))" if safe else f"{root}.get({name!r})", "raw")
        if node._object_type is not None:
            accessor = self.constant(node._object_type.accessor, "A")
            safe = f"None if {root} is None else " if node.safe else ""
            return Code(f"({safe}fetch({accessor}, {root}, {name!r}))", "raw")
        return Code(f"{'attribute_safe' if node.safe else 'attribute'}({root}, {name!r})")

    def occurrence(self, root: str, name: str) -> Code:
        self.root(root)
        properties = self.occurrences.setdefault(root, f"{root}_properties")
        if name == "properties":
            self.reads.add(f"{root}_properties", [ANY])
            return Code(properties, "raw")
        if name in RESERVED:
            return Code(f"{root}_.get({name!r})", "raw")
        self.reads.add(f"{root}_properties", [name])
        return Code(f"{properties}.get({name!r})", "raw")

    def _GetItemExpression(self, node: Any) -> Code:  # noqa: N802
        known = self.known_item(node)
        container = known or self.value(node.container)
        index = self.solid(node.item)
        return Code(f"item({container.text}, {index.text}{', True' if node.safe else ''})")

    def known_item(self, node: Any) -> Code | None:
        """`event.properties["x"]` reads one property, not all of them."""
        container = node.container
        if not (isinstance(node.item, ast.StringExpression) and isinstance(container, ast.GetAttributeExpression)):
            return None
        owner = container.object
        if not (isinstance(owner, ast.SymbolExpression) and is_occurrence(owner.result_type)):
            return None
        if container.name != "properties":
            return None
        self.root(owner.name)
        self.reads.add(f"{owner.name}_properties", [node.item.value])
        return Code(self.occurrences.setdefault(owner.name, f"{owner.name}_properties"), "raw")

    def _GetSliceExpression(self, node: Any) -> Code:  # noqa: N802
        container, start, stop = self.solid(node.container), self.solid(node.start), self.solid(node.stop)
        return Code(f"slice_of({container.text}, {start.text}, {stop.text}{', True' if node.safe else ''})")

    def _ContainsExpression(self, node: Any) -> Code:  # noqa: N802
        container, member = self.solid(node.container), self.solid(node.member)
        return Code(f"contains({container.text}, {member.text})", "yes/no")

    # -- operators -----------------------------------------------------------

    def _LogicExpression(self, node: Any) -> Code:  # noqa: N802
        parts = [self.truth_part(part) for part in chain(node)]
        joined = f" {node.type} ".join(part.text for part in parts)
        if all(part.shape == "yes/no" for part in parts):
            return Code(f"({joined})", "yes/no")
        return Code(f"bool({joined})", "yes/no")

    def truth_part(self, node: Any) -> Code:
        return self.value(node)

    def _UnaryExpression(self, node: Any) -> Code:  # noqa: N802
        if node.type == "not":
            return Code(f"(not {self.truth(node.right)})", "yes/no")
        return Code(f"negate({self.solid(node.right).text})")

    def _AddExpression(self, node: Any) -> Code:  # noqa: N802
        return Code(f"add({self.solid(node.left).text}, {self.solid(node.right).text})")

    def _SubtractExpression(self, node: Any) -> Code:  # noqa: N802
        return Code(f"subtract({self.solid(node.left).text}, {self.solid(node.right).text})")

    def _ArithmeticExpression(self, node: Any) -> Code:  # noqa: N802
        return Code(f"{_ARITHMETIC[node.type]}({self.solid(node.left).text}, {self.solid(node.right).text})")

    def _BitwiseExpression(self, node: Any) -> Code:  # noqa: N802
        operation = self.constant(_BITWISE[node.type], "O")
        return Code(f"bitwise({operation}, {self.solid(node.left).text}, {self.solid(node.right).text})")

    def _ComparisonExpression(self, node: Any) -> Code:  # noqa: N802
        same = f"equal({self.solid(node.left).text}, {self.solid(node.right).text})"
        return Code(same if node.type == "eq" else f"(not {same})", "yes/no")

    def _ArithmeticComparisonExpression(self, node: Any) -> Code:  # noqa: N802
        return Code(f"{node.type}({self.solid(node.left).text}, {self.solid(node.right).text})", "yes/no")

    def _Matching(self, node: Matching) -> Code:  # noqa: N802
        kind = node.type
        pattern = self.constant(node.pattern, "R")
        arguments = f"{self.solid(node.left).text}, {pattern}, {kind.endswith('fzm')}, {kind.startswith('ne')}"
        return Code(f"matches({arguments}, groups)", "yes/no")

    def _CoalesceExpression(self, node: Any) -> Code:  # noqa: N802
        temporary = self.temporary()
        left, right = self.solid(node.left), self.solid(node.right)
        return Code(f"({temporary} if ({temporary} := {left.text}) is not None else {right.text})")

    def _TernaryExpression(self, node: Any) -> Code:  # noqa: N802
        yes, no = self.solid(node.case_true), self.solid(node.case_false)
        shape = yes.shape if yes.shape == no.shape else "any"
        return Code(f"({yes.text} if {self.truth(node.condition)} else {no.text})", shape)

    def _ComprehensionExpression(self, node: Any) -> Code:  # noqa: N802
        iterable = self.solid(node.iterable)
        self._variables.append(node.variable)
        try:
            result = self.solid(node.result).text
            condition = "None" if node.condition is None else f"lambda {node.variable}_: {self.truth(node.condition)}"
        finally:
            self._variables.pop()
        return Code(f"comprehend({iterable.text}, lambda {node.variable}_: {result}, {condition})")

    # -- functions -----------------------------------------------------------

    def _FunctionCallExpression(self, node: Any) -> Code:  # noqa: N802
        function = self.solid(node.function)
        kind = node.function.result_type
        declared = "None" if kind == DataType.UNDEFINED else self.constant(kind, "T")
        arguments = "".join(f"{self.solid(argument).text}, " for argument in node.arguments)
        return Code(f"call({function.text}, {declared}, ({arguments}))")

    def _Intrinsic(self, node: Intrinsic) -> Code:  # noqa: N802
        if node.read is not None:
            self.reads.add(node.read, [node.subject])
        if node.name == "days_since":
            return Code(f"days_since({self.solid(node.arguments[0]).text}, {self.root('now')})")
        if node.use is None:
            known = {"in_segment": "segments", "in_list": "lists", "consented": "consents"}[node.name]
            return Code(f"({node.subject!r} in {self.root(known)})", "yes/no")
        self.reads.add("functions", [node.use])
        return self.question(node)

    def question(self, node: Intrinsic) -> Code:
        """A question to the history."""
        use, history = node.use, self.root("history")
        assert use is not None
        match use.function:
            case "first" | "last":
                return Code(f"{history}.{use.function}({use.event!r})", "raw")
            case "total":
                return Code(f"{history}.total({use.event!r}, {use.property!r}, {use.window_ms!r})", "raw")
        if use.has_value:
            value = self.constant(use.value)
            asked = f"{history}.count({use.event!r}, {use.window_ms!r}, {use.property!r}, {value}, True)"
        elif use.window_ms is None:
            asked = f"{history}.count({use.event!r})"
        else:
            asked = f"{history}.count({use.event!r}, {use.window_ms!r})"
        return Code(f"({asked} > 0)", "yes/no") if node.read == "messages" else Code(asked, "raw")


_SHAPES: list[tuple[Any, Shape]] = [
    (DataType.STRING, "text"),
    (DataType.FLOAT, "number"),
    (DataType.BOOLEAN, "yes/no"),
    (DataType.DATETIME, "datetime"),
    (DataType.TIMEDELTA, "duration"),
]


def _own(value: Any) -> Any:
    """A literal as compiled: datetimes in UTC get Python's own zone, which compares faster than dateutil's."""
    if isinstance(value, datetime.datetime) and value.tzname() == "UTC":
        return value.replace(tzinfo=datetime.UTC)
    return value


def chain(node: Any) -> list[Any]:
    """The terms of a chain of `and`, or of `or`."""
    found: list[Any] = []
    pending = [node]
    while pending:
        one = pending.pop()
        if isinstance(one, ast.LogicExpression) and one.type == node.type:
            pending += [one.right, one.left]
        else:
            found.append(one)
    return found
