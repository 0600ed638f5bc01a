"""What comparisons become in Python: direct ones where that is exact, else rule-engine's meaning.

A number in the facts may be an int, a float or a Decimal; rule-engine makes it a Decimal (a float by its `repr`) and
compares. With a literal k this need not be done:

- an int or a Decimal compares exactly with an int k;
- a float f compares with k as its repr does, if k is *short*, that is Decimal(repr(float(k))) == k: rounding to floats
  keeps the order, and where f == float(k) the repr of f is k.

What is left are values that Python would compare and rule-engine refuses: booleans (an int to Python) and NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from rule_engine import DataType, ast

from rules.expression import arithmetic
from rules.expression.compiler import Code, Compiler, Handler, coerced
from rules.expression.patterns import Matching

__all__ = ["HANDLERS", "short"]

_SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
_MIRRORED = {"ge": "le", "gt": "lt", "le": "ge", "lt": "gt"}
_LARGEST = 2**53


def short(number: Any) -> int | float | None:
    """A number literal as an int or a float that compares with ints and floats as the literal does; else None."""
    if not isinstance(number, Decimal) or not number.is_finite() or abs(number) >= _LARGEST:
        return None
    if number == number.to_integral_value():
        return int(number)
    near = float(number)
    return near if Decimal(repr(near)) == number else None


def equality(compiler: Compiler, node: Any) -> Code:
    left, right = node.left, node.right
    if isinstance(left, _SCALARS) and not isinstance(right, _SCALARS):
        left, right = right, left
    if isinstance(right, _SCALARS):
        quick = _equal_to(compiler, left, right, "==" if node.type == "eq" else "!=")
        if quick is not None:
            return quick
    one, other = compiler.value(left), compiler.value(right)
    first, again = compiler.held(one)
    second, twice = compiler.held(other)
    slow = f"equal({coerced(Code(again, one.shape)).text}, {coerced(Code(twice, other.shape)).text})"
    test = f"({again} == {twice} if type({first}) is type({second}) and type({again}) in PLAIN else {slow})"
    return Code(test if node.type == "eq" else f"(not {test})", "yes/no")


_ARITHMETIC = (ast.ArithmeticExpression, ast.AddExpression, ast.SubtractExpression)
_SCALARS = (ast.NullExpression, ast.BooleanExpression, ast.StringExpression, ast.FloatExpression)


def _equal_to(compiler: Compiler, node: Any, literal: Any, sign: str) -> Code | None:
    """Equality with a literal; values of another type are not equal to it."""
    code = compiler.value(node)
    value = literal.value
    if value is None or value is True or value is False:
        return Code(f"({code.text} {'is' if sign == '==' else 'is not'} {value!r})", "yes/no")
    if isinstance(value, str):
        return Code(f"({code.text} {sign} {value!r})", "yes/no")
    number = short(value)
    if number is None or code.shape not in ("raw", "whole"):
        return None
    if code.shape == "whole":
        return Code(f"({code.text} {sign} {compiler.constant(number)})", "yes/no")
    if isinstance(number, int) and number not in (0, 1):
        return Code(f"({code.text} {sign} {compiler.constant(number)})", "yes/no")
    first, again = compiler.held(code)
    if isinstance(number, int):
        test = f"{first} == {number} and {again} is not True and {again} is not False"
    else:
        exact = compiler.constant(value)
        test = f"{again} == {exact} if type({first}) is Decimal else {again} == {compiler.constant(number)}"
    return Code(f"({test})" if sign == "==" else f"(not ({test}))", "yes/no")


def ordering(compiler: Compiler, node: Any) -> Code:
    left, right, kind = node.left, node.right, node.type
    if isinstance(left, (ast.FloatExpression, ast.StringExpression)):
        left, right, kind = right, left, _MIRRORED[kind]
    if isinstance(right, ast.StringExpression):
        code = compiler.value(left)
        if code.shape == "raw":
            return Code(f"({code.text} {_SIGNS[kind]} {right.value!r})", "yes/no")
    if isinstance(right, ast.FloatExpression):
        quick = _ordered_number(compiler, left, right.value, kind)
        if quick is not None:
            return quick
    return _ordered(compiler, left, right, kind)


_NO_BOOLEAN: dict[str, Callable[[int | float], bool]] = {
    "ge": lambda number: number > 1,
    "gt": lambda number: number >= 1,
    "le": lambda number: number < 0,
    "lt": lambda number: number <= 0,
}
"""Whether no boolean, being 0 or 1 to Python, compares as true with the number."""


def _ordered_number(compiler: Compiler, node: Any, exact: Decimal, kind: str) -> Code | None:
    number = short(exact)
    code = compiler.value(node)
    sign = _SIGNS[kind]
    if number is not None and isinstance(node, _ARITHMETIC):
        careful = f"{kind}({coerced(code).text}, {compiler.constant(exact)})"
        test = arithmetic.compared(compiler, node, sign, number, careful)
        return Code(test or careful, "yes/no")
    if code.shape == "number":
        return Code(f"({code.text} {sign} {compiler.constant(exact)})", "yes/no")
    if number is None or code.shape not in ("raw", "whole"):
        return None
    short_text = compiler.constant(number)
    if code.shape == "whole":
        return Code(f"({code.text} {sign} {short_text})", "yes/no")
    first, again = compiler.held(code)
    if Decimal(number) == exact and _NO_BOOLEAN[kind](number):
        # true only of real numbers; where it is false, the value may be a boolean or NaN
        odd = f"({again} != {again} or {again} is True or {again} is False)"
        return Code(
            f"({first} {sign} {short_text} or type({again}) is not Decimal and {odd} and refused({again}))", "yes/no"
        )
    exact_text = compiler.constant(exact)
    held = compiler.held(Code(f"type({first})"))
    return Code(
        f"({again} {sign} {short_text} if {held[0]} is int or {held[1]} is float and {again} == {again} else "
        f"{again} {sign} {exact_text} if {held[1]} is Decimal else {kind}(coerce({again}), {exact_text}))",
        "yes/no",
    )


def _ordered(compiler: Compiler, left: Any, right: Any, kind: str) -> Code:
    """Two values: those of one plain type by Python's own operator, as aware datetimes."""
    one, other = compiler.value(left), compiler.value(right)
    first, again = compiler.held(one)
    second, twice = compiler.held(other)
    sign = _SIGNS[kind]
    slow = f"{kind}({coerced(Code(again, one.shape)).text}, {coerced(Code(twice, other.shape)).text})"
    same = f"type({first}) is type({second})"
    if DataType.DATETIME in (left.result_type, right.result_type):
        zoned = [name for name, code in ((again, one), (twice, other)) if code.shape == "raw"]
        aware = "".join(f" and {name}.tzinfo is not None" for name in zoned)
        return Code(f"({again} {sign} {twice} if {same} is datetime{aware} else {slow})", "yes/no")
    plain = f"{again} {sign} {twice} if {same} and type({again}) in PLAIN else"
    if one.shape == other.shape == "raw" and DataType.FLOAT in (left.result_type, right.result_type):
        # an int that a float can hold compares with a float as their Decimals do, and so do two floats
        numbers = " and ".join(_NUMBER.format(*names, _LARGEST) for names in ((first, again), (second, twice)))
        return Code(f"({again} {sign} {twice} if {numbers} else {plain} {slow})", "yes/no")
    return Code(f"({plain} {slow})", "yes/no")


_NUMBER = "(type({0}) is float and {1} == {1} or type({1}) is int and -{2} < {1} < {2})"


def membership(compiler: Compiler, node: Any) -> Code:
    container, member = node.container, node.member
    if isinstance(container, (ast.ArrayExpression, ast.SetExpression)) and container.is_reduced:
        return _in_literals(compiler, container, member)
    holder = compiler.value(container)
    wanted = compiler.value(member)
    if holder.shape == "raw" and wanted.shape in ("text", "raw"):
        first, again = compiler.held(holder)
        second, twice = compiler.held(wanted)
        texts = f"type({first}) in LISTS"
        if wanted.shape == "raw":
            texts = f"(type({first}) in LISTS) & (type({second}) is str)"
        slow = f"contains(coerce({again}), {coerced(Code(twice, wanted.shape)).text})"
        return Code(f"({twice} in {again} if {texts} else {slow})", "yes/no")
    return Code(f"contains({coerced(holder).text}, {coerced(wanted).text})", "yes/no")


def _in_literals(compiler: Compiler, container: Any, member: Any) -> Code:
    """A value among literals: texts, or whole numbers, are looked up as the facts have them."""
    values = container.evaluate(None)
    code = compiler.value(member)
    if code.shape in ("raw", "text", "any") and all(type(value) is str for value in values):
        if isinstance(values, tuple) and len(values) <= _FEW:
            return Code(f"({code.text} in {tuple(values)!r})", "yes/no")
        known = compiler.constant(frozenset(values), "S")
        first, again = compiler.held(code)
        slow = f"contains({compiler.constant(values)}, {coerced(Code(again, code.shape)).text})"
        return Code(f"({again} in {known} if type({first}) is str else {slow})", "yes/no")
    numbers = [short(value) for value in values]
    if code.shape in ("raw", "whole") and isinstance(values, tuple) and all(type(one) is int for one in numbers):
        return Code(f"({code.text} in {tuple(numbers)!r})", "yes/no")
    return Code(f"contains({compiler.constant(values)}, {coerced(code).text})", "yes/no")


_FEW = 6


def matching(compiler: Compiler, node: Any) -> Code:
    pattern = compiler.constant(node.pattern, "R")
    left = compiler.solid(node.left).text
    return Code(f"matches({left}, {pattern}, {node.anchored}, {node.negated}, groups)", "yes/no")


HANDLERS: dict[type, Handler] = {
    ast.ArithmeticComparisonExpression: ordering,
    ast.ComparisonExpression: equality,
    ast.ContainsExpression: membership,
    Matching: matching,
}
