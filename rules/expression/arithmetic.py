"""Arithmetic on plain numbers that is only compared with a literal: decided by Python's numbers where they are sure.

`event.price * event.quantity >= 200` means Decimal arithmetic, which costs ten times as much as floats. But floats
nearly always know the answer: a product or quotient of n factors is off by less than 2n · 2⁻⁵³ of itself, so where it
is further from the literal than that, the exact one is on the same side. Sums of whole numbers are exact as they are.
Whatever is nearer, or is no plain number, is computed exactly.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rule_engine import ast

from rules.expression.compiler import Compiler

__all__ = ["compared"]

_MARGIN = 2.0**-45  # far above 2n · 2⁻⁵³ for the few factors an expression can have
_SMALLEST, _LARGEST = 1e-200, 1e200  # far from where floats lose precision or end
_EXACT = 2**53
_SUMMED = 2**40  # sums of products of two such stay below 28 digits, where Decimal would round
_LONGEST = 100  # characters of an operand, which is written more than once
_OPERATIONS = (ast.ArithmeticExpression, ast.AddExpression, ast.SubtractExpression)
_SIGNS = {"mul": "*", "tdiv": "/"}
_OPEN = ("raw", "whole")


def compared(compiler: Compiler, node: Any, sign: str, number: int | float, careful: str) -> str | None:
    """The comparison of a product, quotient or sum with a literal; None where there is no quick way.

    `careful` is the exact comparison's source: it is used where the quick one is not sure.
    """
    operands: list[tuple[str, str]] = []
    if isinstance(node, ast.ArithmeticExpression) and _SMALLEST < number < _LARGEST:
        quick = _product(compiler, node, operands, frozenset(_SIGNS))
        if quick is None or not operands:
            return None
        test = _beyond(compiler, quick, sign, float(number), careful)
        guard = "(type({0}) is float or type({1}) is int and -{2} < {1} < {2})"
        return _guarded(operands, guard, _EXACT, test, careful)
    if isinstance(node, (ast.AddExpression, ast.SubtractExpression)):
        quick = _sum(compiler, node, operands)
        if quick is None or not operands:
            return None
        simple = not isinstance(node.left, _OPERATIONS) and not isinstance(node.right, _OPERATIONS)
        # one sum, rounded to 28 digits, stays on its side of the literal; of several, roundings could add up
        guard = "type({0}) is int" if simple else "type({0}) is int and -{2} < {1} < {2}"
        return _guarded(operands, guard, _SUMMED, f"{quick} {sign} {number!r}", careful)
    return None


def _guarded(operands: list[tuple[str, str]], guard: str, limit: int, test: str, careful: str) -> str:
    guards = " and ".join(guard.format(first, again, limit) for first, again in operands)
    return f"(({test}) if {guards} else {careful})"


def _beyond(compiler: Compiler, quick: str, sign: str, number: float, careful: str) -> str:
    """A comparison that is sure outside of a small interval around the number; NaN is never outside."""
    first, again = compiler.holding(quick)
    low, high = repr(number * (1 - _MARGIN)), repr(number * (1 + _MARGIN))
    if sign in (">", ">="):
        return f"{first} > {high} or not {again} < {low} and {careful}"
    return f"{first} < {low} or not {again} > {high} and {careful}"


def _product(compiler: Compiler, node: Any, operands: list[tuple[str, str]], kinds: frozenset[str]) -> str | None:
    if isinstance(node, ast.ArithmeticExpression) and node.type in kinds:
        if node.type == "tdiv" and not (isinstance(node.right, ast.FloatExpression) and node.right.value):
            return None  # an infinite dividend has a quotient by nought in Decimal
        left = _product(compiler, node.left, operands, kinds)
        right = _product(compiler, node.right, operands, kinds)
        return None if left is None or right is None else f"({left} {_SIGNS[node.type]} {right})"
    if isinstance(node, ast.FloatExpression):
        return _number(node.value, whole=False)
    return _operand(compiler, node, operands)


def _sum(compiler: Compiler, node: Any, operands: list[tuple[str, str]]) -> str | None:
    if isinstance(node, (ast.AddExpression, ast.SubtractExpression)):
        left, right = _sum(compiler, node.left, operands), _sum(compiler, node.right, operands)
        sign = "+" if isinstance(node, ast.AddExpression) else "-"
        return None if left is None or right is None else f"({left} {sign} {right})"
    if isinstance(node, ast.ArithmeticExpression) and node.type == "mul":
        parts = [
            _number(side.value, whole=True)
            if isinstance(side, ast.FloatExpression)
            else _operand(compiler, side, operands)
            for side in (node.left, node.right)
        ]
        return None if None in parts else f"({parts[0]} * {parts[1]})"
    if isinstance(node, ast.FloatExpression):
        return _number(node.value, whole=True)
    return _operand(compiler, node, operands)


def _operand(compiler: Compiler, node: Any, operands: list[tuple[str, str]]) -> str | None:
    if isinstance(node, _OPERATIONS):
        return None
    code = compiler.value(node)
    if code.shape not in _OPEN or len(code.text) > _LONGEST:
        return None
    first, again = compiler.held(code)
    operands.append((first, again))
    return again


def _number(value: Decimal, *, whole: bool) -> str | None:
    """A literal as a Python number that differs from it by no more than a float does."""
    if not value.is_finite() or not (value == 0 or _SMALLEST < abs(value) < _LARGEST):
        return None
    if value == value.to_integral_value() and abs(value) < (_SUMMED if whole else _EXACT):
        return f"({int(value)})"
    return None if whole else f"({float(value)!r})"
