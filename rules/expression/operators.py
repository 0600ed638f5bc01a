"""What logic, arithmetic, collections and calls become in Python."""

from __future__ import annotations

import operator
from typing import Any

from rule_engine import DataType, ast

from rules.expression.access import is_named
from rules.expression.compiler import Code, Compiler, Handler, certain, coerced
from rules.expression.intrinsics import Intrinsic

__all__ = ["HANDLERS"]

_ARITHMETIC = {"mul": "multiply", "tdiv": "divide", "fdiv": "floor_divide", "mod": "modulo"}
_BITWISE = {"bwand": operator.and_, "bwor": operator.or_, "bwxor": operator.xor}


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


def logic(compiler: Compiler, node: Any) -> Code:
    parts = [compiler.value(part) for part in chain(node)]
    joined = f" {node.type} ".join(part.text for part in parts)
    if all(part.shape == "yes/no" for part in parts):
        return Code(f"({joined})", "yes/no")
    return Code(f"bool({joined})", "yes/no")


def unary(compiler: Compiler, node: Any) -> Code:
    if node.type == "not":
        return Code(f"(not {compiler.value(node.right).text})", "yes/no")
    return Code(f"negate({compiler.solid(node.right).text})")


def add(compiler: Compiler, node: Any) -> Code:
    return _sum(compiler, node, "+", "add")


def subtract(compiler: Compiler, node: Any) -> Code:
    return _sum(compiler, node, "-", "subtract")


def _sum(compiler: Compiler, node: Any, sign: str, function: str) -> Code:
    left, right = compiler.solid(node.left), compiler.solid(node.right)
    if right.shape == "span" and is_named(compiler, node.left, DataType.DATETIME):
        name = compiler.root(node.left.name)
        slow = f"{function}({left.text}, {right.text})"
        return Code(
            f"({name} {sign} {right.text} if type({name}) is datetime and {name}.tzinfo is not None else {slow})"
        )
    return Code(f"{function}({left.text}, {right.text})")


def arithmetic(compiler: Compiler, node: Any) -> Code:
    left, right = compiler.solid(node.left), compiler.solid(node.right)
    first = left.text if certain(node.right) else f"numeric({left.text})"
    return Code(f"{_ARITHMETIC[node.type]}({first}, {right.text})")


def bitwise(compiler: Compiler, node: Any) -> Code:
    operation = compiler.constant(_BITWISE[node.type], "O")
    left, right = compiler.solid(node.left), compiler.solid(node.right)
    first = left.text if certain(node.right) else f"bitlike({left.text})"
    return Code(f"bitwise({operation}, {first}, {right.text})")


def coalesce(compiler: Compiler, node: Any) -> Code:
    left = compiler.value(node.left)
    if left.shape not in ("any", "raw"):  # certainly not null
        return left
    first, again = compiler.held(left)
    right = compiler.value(node.right)
    return _either(f"{first} is not None", Code(again, left.shape), right)


def ternary(compiler: Compiler, node: Any) -> Code:
    return _either(compiler.value(node.condition).text, compiler.value(node.case_true), compiler.value(node.case_false))


def _either(condition: str, yes: Code, no: Code) -> Code:
    """One of two values; it is raw where one of them is."""
    if yes.shape == no.shape:
        return Code(f"({yes.text} if {condition} else {no.text})", yes.shape)
    yes, no = (coerced(code) if code.shape == "whole" else code for code in (yes, no))
    return Code(f"({yes.text} if {condition} else {no.text})", "raw" if "raw" in (yes.shape, no.shape) else "any")


def comprehension(compiler: Compiler, node: Any) -> Code:
    iterable = compiler.solid(node.iterable)
    variable = f"{node.variable}_"
    compiler.variables.append(node.variable)
    try:
        result = compiler.solid(node.result).text
        condition = "None" if node.condition is None else f"lambda {variable}: {compiler.value(node.condition).text}"
    finally:
        compiler.variables.pop()
    return Code(f"comprehend({iterable.text}, lambda {variable}: {result}, {condition})")


def collection(compiler: Compiler, node: Any) -> Code:
    if node.is_reduced:
        try:
            value = node.evaluate(None)
        except Exception:
            return Code("fail('type')")
        name = compiler.constant(value)
        if isinstance(value, tuple):
            return Code(name)
        return Code(f"{'set' if isinstance(value, set) else 'OrderedDict'}({name})")
    if isinstance(node, ast.MappingExpression):
        pairs = [(compiler.solid(key).text, compiler.solid(value).text) for key, value in node.value]
        return Code("mapping((" + ", ".join(f"({key}, lambda: {value})" for key, value in pairs) + ",))")
    members = "".join(f"{compiler.solid(member).text}, " for member in node.value)
    return Code(f"({members})" if isinstance(node, ast.ArrayExpression) else f"set(({members}))")


_AFFIXES = {"starts_with": "startswith", "ends_with": "endswith"}


def _affix(compiler: Compiler, node: Any) -> Code | None:
    """`x.starts_with("…")` of a text."""
    function, arguments = node.function, node.arguments
    if not isinstance(function, ast.GetAttributeExpression) or function.safe or function.name not in _AFFIXES:
        return None
    if len(arguments) != 1 or not isinstance(arguments[0], ast.StringExpression) or function._object_type is not None:
        return None
    first, again = compiler.held(compiler.value(function.object))
    literal, kind = arguments[0].value, function.result_type
    declared = "None" if kind == DataType.UNDEFINED else compiler.constant(kind, "T")
    slow = f"call(callable_of(attribute({again}, {function.name!r})), {declared}, ({literal!r},))"
    return Code(f"({again}.{_AFFIXES[function.name]}({literal!r}) if type({first}) is str else {slow})")


def call(compiler: Compiler, node: Any) -> Code:
    quick = _affix(compiler, node)
    if quick is not None:
        return quick
    function = compiler.solid(node.function)
    kind = node.function.result_type
    declared = "None" if kind == DataType.UNDEFINED else compiler.constant(kind, "T")
    arguments = "".join(f"{compiler.solid(argument).text}, " for argument in node.arguments)
    return Code(f"call(callable_of({function.text}), {declared}, ({arguments}))")


def intrinsic(compiler: Compiler, node: Any) -> Code:
    if node.read is not None:
        compiler.reads.add(node.read, [node.subject])
    if node.name == "days_since":
        return Code(f"days_since({compiler.solid(node.arguments[0]).text}, {compiler.root('now')})", "whole")
    if node.use is None:
        known = {"in_segment": "segments", "in_list": "lists", "consented": "consents"}[node.name]
        return Code(f"({node.subject!r} in {compiler.root(known)})", "yes/no")
    compiler.reads.add("functions", [node.use])
    return question(compiler, node)


def question(compiler: Compiler, node: Any) -> Code:
    """A question to the history."""
    use, history = node.use, compiler.root("history")
    match use.function:
        case "first" | "last":
            return Code(f"{history}.{use.function}({use.event!r})", "raw")
        case "total":
            return Code(f"{history}.total({use.event!r}, {use.property!r}, {use.window_ms!r})", "raw")
    if use.has_value:
        value = compiler.constant(use.value)
        asked = f"{history}.count({use.event!r}, {use.window_ms!r}, {use.property!r}, {value}, True)"
    else:
        asked = f"{history}[{use.event!r}, {use.window_ms!r}]"
    return Code(f"({asked} > 0)", "yes/no") if node.read == "messages" else Code(asked, "whole")


HANDLERS: dict[type, Handler] = {
    ast.AddExpression: add,
    ast.ArithmeticExpression: arithmetic,
    ast.ArrayExpression: collection,
    ast.BitwiseExpression: bitwise,
    ast.BooleanExpression: Compiler.literal,
    ast.BytesExpression: Compiler.literal,
    ast.CoalesceExpression: coalesce,
    ast.ComprehensionExpression: comprehension,
    ast.DatetimeExpression: Compiler.literal,
    ast.FloatExpression: Compiler.literal,
    ast.FunctionCallExpression: call,
    ast.FunctionExpression: Compiler.literal,
    ast.LogicExpression: logic,
    ast.MappingExpression: collection,
    ast.NullExpression: Compiler.literal,
    ast.SetExpression: collection,
    ast.StringExpression: Compiler.literal,
    ast.SubtractExpression: subtract,
    ast.TernaryExpression: ternary,
    ast.TimedeltaExpression: Compiler.literal,
    ast.UnaryExpression: unary,
    Intrinsic: intrinsic,
}
