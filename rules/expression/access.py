"""What names, and attributes and items of what they hold, become in Python."""

from __future__ import annotations

import operator
from typing import Any

from rule_engine import DataType, ast

from rules.expression.compiler import Code, Compiler, Handler, Shape, certain
from rules.expression.functions import BUILTINS
from rules.expression.reads import ANY
from rules.expression.schema import RESERVED, is_occurrence

__all__ = ["HANDLERS"]

_PYTHON_TYPES = {"STRING": "str", "FLOAT": "Decimal", "BOOLEAN": "bool", "TIMEDELTA": "timedelta"}
_READ = {"contact": "attributes", "event": "event_properties", "entry": "entry_properties"}


def _is_free(kind: Any) -> bool:
    """Whether rule-engine leaves a value of this declared type unchecked."""
    return bool(kind == DataType.UNDEFINED or DataType.is_type(DataType.NULLABLE.unwrap(kind), DataType.OBJECT))


def symbol(compiler: Compiler, node: Any) -> Code:
    if node.scope:
        if node.name == "re_groups":
            compiler.uses_groups = True
            return Code(f"typed(groups[0], {compiler.constant(node.result_type, 'T')}, 're_groups')")
        return Code(compiler.constant(BUILTINS[node.name], "B"))
    if node.name in compiler.variables:
        name = f"{node.name}_"
    else:
        name = compiler.root(node.name)
        if node.name in _READ:
            compiler.reads.add(_READ[node.name], [ANY])
    kind = node.result_type
    if _is_free(kind):
        return Code(name, "raw")
    return _checked(compiler, name, kind, node.name)


def _checked(compiler: Compiler, name: str, kind: Any, symbol: str) -> Code:
    """A name with a declared type: an error where its value has another."""
    declared = compiler.constant(kind, "T")
    slow = f"typed(coerce({name}), {declared}, {symbol!r})"
    inner = DataType.NULLABLE.unwrap(kind)
    if inner == DataType.DATETIME:
        return Code(f"({name} if type({name}) is datetime and {name}.tzinfo is not None else {slow})")
    python = _PYTHON_TYPES.get(inner.name)
    return Code(f"({name} if type({name}) is {python} else {slow})" if python else slow)


def is_named(compiler: Compiler, node: Any, kind: Any) -> bool:
    """Whether a node is the name of a fact of this declared type."""
    if not isinstance(node, ast.SymbolExpression) or node.scope or node.name in compiler.variables:
        return False
    return bool(DataType.NULLABLE.unwrap(node.result_type) == kind)


def attribute(compiler: Compiler, node: Any) -> Code:
    target, name = node.object, node.name
    if isinstance(target, ast.SymbolExpression) and not target.scope and target.name not in compiler.variables:
        code = _of_fact(compiler, target, name, node)
        if code is not None:
            return code
    owner = compiler.value(target)
    if node._object_type is not None:
        return _declared(compiler, owner, node)
    if name == "length" and not node.safe:
        first, again = compiler.held(owner)
        return Code(f"(len({again}) if type({first}) in SIZED else measured({again}))", "raw")
    if name in _DIRECT and not node.safe:
        kind, written, shape = _DIRECT[name]
        if kind == "datetime" and is_named(compiler, target, DataType.DATETIME):
            root = compiler.root(target.name)
            slow = f"attribute({owner.text}, {name!r})"
            return Code(
                f"({root}.{written} if type({root}) is datetime and {root}.tzinfo is not None else {slow})", shape
            )
        first, again = compiler.held(owner)
        return Code(f"({again}.{written} if type({first}) is {kind} else attribute({again}, {name!r}))", shape)
    helper = "attribute_safe" if node.safe else "attribute"
    return Code(f"{helper}({owner.text}, {name!r})")


_DIRECT: dict[str, tuple[str, str, Shape]] = {
    "as_lower": ("str", "lower()", "any"),
    "as_upper": ("str", "upper()", "any"),
    "day": ("datetime", "day", "raw"),
    "days": ("timedelta", "days", "raw"),
    "hour": ("datetime", "hour", "raw"),
    "month": ("datetime", "month", "raw"),
    "year": ("datetime", "year", "raw"),
}
"""Attributes that Python's own types have as they are."""


def _declared(compiler: Compiler, owner: Code, node: Any) -> Code:
    """A field of an object with declared fields."""
    accessor = node._object_type.accessor
    first, again = compiler.held(owner)
    safe = f"None if {first} is None else " if node.safe else ""
    subject = again if node.safe else owner.text
    if accessor is operator.getitem:
        return Code(f"({safe}{subject}.get({node.name!r}))" if safe else f"{subject}.get({node.name!r})", "raw")
    return Code(f"({safe}fetch({compiler.constant(accessor, 'A')}, {subject}, {node.name!r}))", "raw")


def _of_fact(compiler: Compiler, target: Any, name: str, node: Any) -> Code | None:
    """An attribute of `contact`, a property of `event`; None for what needs its type checked first."""
    if is_occurrence(DataType.NULLABLE.unwrap(target.result_type)):
        return _of_occurrence(compiler, target.name, name)
    if not _is_free(target.result_type):
        return None
    if target.name in _READ:
        compiler.reads.add(_READ[target.name], [name])
    root = Code(compiler.root(target.name), "raw")
    if node._object_type is not None:
        return _declared(compiler, root, node)
    return Code(f"{'attribute_safe' if node.safe else 'attribute'}({root.text}, {name!r})")


def _properties(compiler: Compiler, root: str) -> str:
    compiler.root(root)
    return compiler.occurrences.setdefault(root, f"{root}_properties")


def _of_occurrence(compiler: Compiler, root: str, name: str) -> Code:
    properties = _properties(compiler, root)
    if name == "properties":
        compiler.reads.add(_READ[root], [ANY])
        return Code(properties, "raw")
    if name in RESERVED:
        return Code(f"{root}_.get({name!r})", "raw")
    compiler.reads.add(_READ[root], [name])
    return Code(f"{properties}.get({name!r})", "raw")


def item(compiler: Compiler, node: Any) -> Code:
    container = _known_properties(compiler, node) or compiler.value(node.container)
    index = compiler.solid(node.item)
    if not node.safe:
        holder = container.text if certain(node.item) else f"present({container.text})"
        return Code(f"item({holder}, {index.text})")
    first, again = compiler.held(container)
    return Code(f"(None if {first} is None else item({again}, {index.text}, True))")


def _known_properties(compiler: Compiler, node: Any) -> Code | None:
    """`event.properties["x"]` reads one property, not all of them."""
    container = node.container
    if not (isinstance(node.item, ast.StringExpression) and isinstance(container, ast.GetAttributeExpression)):
        return None
    owner = container.object
    if container.name != "properties" or not isinstance(owner, ast.SymbolExpression):
        return None
    if not is_occurrence(owner.result_type):
        return None
    compiler.reads.add(_READ[owner.name], [node.item.value])
    return Code(_properties(compiler, owner.name), "raw")


def part(compiler: Compiler, node: Any) -> Code:
    container = compiler.solid(node.container)
    bounds = f"{compiler.solid(node.start).text}, {compiler.solid(node.stop).text}"
    if not node.safe:
        holder = container.text if certain(node.start, node.stop) else f"present({container.text})"
        return Code(f"slice_of({holder}, {bounds})")
    first, again = compiler.held(container)
    return Code(f"(None if {first} is None else slice_of({again}, {bounds}))")


HANDLERS: dict[type, Handler] = {
    ast.GetAttributeExpression: attribute,
    ast.GetItemExpression: item,
    ast.GetSliceExpression: part,
    ast.SymbolExpression: symbol,
}
