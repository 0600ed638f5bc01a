"""Every operator, literal, attribute and built-in of rule-engine, over values of every type, against rule-engine."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from rule_engine import DataType
from rule_engine.engine._attribute_resolver import _AttributeResolver

from rules.expression.attributes import ATTRIBUTES
from tests.parity import difference

MOMENT = datetime.datetime(2026, 1, 31, 10, 20, 30, 123456)  # noqa: DTZ001  a value without a zone is a case
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 10, 2.5, 0.1, -0.0, 1e22, 10**30, Decimal("1.10"), Decimal("NaN"),
    Decimal("Infinity"), float("nan"), "", "a", "abc", "ABC", "é", "ß", "12", "1.5", "-inf", "0x1f", "007", "1e5",
    b"", b"ab", (), [], [1, 2], ["a", "b"], [None], [1, "a"], [[1], [2]], {}, {"a": 1}, {"b": {"c": 2}}, {"length": 5},
    {1: 2}, set(), {1, 2}, {"a"}, MOMENT, MOMENT.replace(tzinfo=datetime.UTC),
    MOMENT.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=2))), MOMENT.date(),
    datetime.timedelta(days=1, seconds=5), datetime.timedelta(0),
]  # fmt: skip
FEW = VALUES[::3]
NUMBERS: list[Any] = [
    None, True, False, 0, 1, -1, 2.5, 0.1, 1e22, 1e300, 10**30, Decimal("1.10"), float("inf"), float("nan"), 100,
    99.99999999999999, 100.00000000000001, 1 / 3, 19.99, 2**53, 2**53 + 1, 2**60, 1e-300, 33.333333333333336, "x", [1],
]  # fmt: skip
OPERATORS = [
    "+", "-", "*", "/", "//", "%", "&", "|", "^", "==", "!=", "<", "<=", ">", ">=", "in", "and", "or", "??", "not in",
]  # fmt: skip
ATTRIBUTE_NAMES = sorted({name for table in _AttributeResolver.attribute.type_map.values() for name in table})
LITERALS = [
    "0", "1", "2", "0.1", "0.3", "-1", "-0.5", "100", "1e16", "9007199254740993", "1e-3", "0x1F", "0b11", "0o17", ".5",
    "inf", "nan", '"a"', '"12"', "''", 's"a"', 'r"\\a"', 'b"ab"', "true", "false", "null", 'd"2026-01-31"',
    'd"2026-01-31T10:20:30.123456+02:00"', 't"P1D"', 't"P1W2DT3H4M5.5S"', "[1]", "[]", "[1, 2,]", "{1}", '{"a", 1,}',
    "{}", '{"a": 1}', "{1: 2, 1: 3,}", "[[1], {2}]",
]  # fmt: skip
UNARY = [
    "a", "-a", "not a", "[a]", "{a}", "{a: 1}", '{"x": a}', '{a: 1, "a": 2}', "a[:]", "a ? 1 : 2", "a == null", "a(1)",
    "[x for x in a]", "[x for x in a if x]", "[x.length for x in a]", "[a for x in a]", "[x for a in a]", "a.b.c",
    "a.b&.c", "a.length.to_str", "a.zzz", "a&.zzz", 'a =~ "a.*"', 'a =~~ "b"', 'a !~ "a"', 'a !~~ "b"', "a =~ null",
    "a !~~ null", 'a =~ "(a)(b)?" and $re_groups', "$re_groups", "$abs(a)", "$sum(a)", "$min(a)", "$max(a)", "$any(a)",
    "$all(a)", "$map($abs, a)", "$filter($abs, a)", "$split(a)", '$split(a, "b")', '$split(a, "b", 1)', "$pi + $e",
    "$parse_float(a)", "$parse_datetime(a)", "$parse_timedelta(a)", "a.starts_with('a')", "a.ends_with('abcdef')",
]  # fmt: skip
COLLECTIONS = [
    "[1, 2]", '["a", "abc"]', '[1, "a"]', "[0.1, 2]", "{1, 2}", '{"a", "b"}', "[null, 1]", "[true]", "[]", '"abc"',
    '["a", "b", "c", "d", "e", "f", "g", "12"]', 'd"2026-01-31".weekday', '{"a": 1}', "[80, 100, 2]",
]  # fmt: skip
PRODUCTS = [
    "a * b >= 100", "a * b > 100", "a * b <= 100", "a * b < 100", "a / b > 0.3", "a / 3 > 33.333333333333333",
    "a * b * 2 >= 0.1", "a + b >= 100", "a - b < 3", "a * b + a > 100", "a * b - b * 2 <= 7", "a + b == 0.3",
    "100 <= a * b",
    "a * 3 > 100", "a * 3 >= 100", "a + 0.1 > 0.3",
    "a * b > 0", "a * b >= -5", "a * b == 100", "a + b + 1 == 3", "a / 0 > 1",
]  # fmt: skip


STEPS = [4, pytest.param(1, marks=pytest.mark.soak)]
"""Every how manyth combination is tried; `make soak` tries them all."""


def check(text: str, facts: Iterator[Any] | list[Any]) -> None:
    found = [found for one in facts if (found := difference(text, one)) is not None]
    assert not found, "\n".join(found[:5])


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("sign", OPERATORS)
def test_every_operator_over_every_pair_of_types(sign: str, step: int) -> None:
    check(f"a {sign} b", [{"a": one, "b": other} for one, other in itertools.product(VALUES, VALUES)][::step])


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("sign", OPERATORS)
def test_every_operator_with_every_literal(sign: str, step: int) -> None:
    for literal in LITERALS[::step]:
        check(f"a {sign} {literal}", [{"a": value} for value in FEW])
        check(f"{literal} {sign} a", [{"a": value} for value in FEW])


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("sign", OPERATORS)
def test_every_operator_between_literals(sign: str, step: int) -> None:
    for one, other in itertools.product(LITERALS[::step], LITERALS[::step]):
        check(f"{one} {sign} {other}", [{}])


@pytest.mark.parametrize("name", [*ATTRIBUTE_NAMES, "a", "b", "zzz"])
def test_every_attribute_of_every_type(name: str) -> None:
    facts = [{"a": value} for value in VALUES]
    check(f"a.{name}", facts)
    check(f"a&.{name}", facts)
    for rest in ("> 1", '== "a"', "== 3", "in [3, 2026]"):
        check(f"a.{name} {rest}", facts[::2])
    for literal in LITERALS[::2]:
        check(f"({literal}).{name}", [{}])


@pytest.mark.parametrize("name", ["starts_with", "ends_with", "encode", "decode"])
def test_every_method_with_every_argument(name: str) -> None:
    arguments = [*VALUES[::5], "base64", "hex", "utf-8", "ascii", "nope"]
    check(f"a.{name}(b)", [{"a": one, "b": other} for one, other in itertools.product(VALUES, arguments)])


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("text", ["a[b]", "a&[b]", "a[b:]", "a[:b]", "a&[b:]", "a[1:b]"])
def test_items_and_slices(text: str, step: int) -> None:
    check(text, [{"a": one, "b": other} for one, other in itertools.product(VALUES, VALUES)][::step])


@pytest.mark.parametrize("text", UNARY)
def test_every_other_form_over_every_type(text: str) -> None:
    check(text, [*({"a": value} for value in VALUES), {}, None, 5])


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_membership_in_literals(collection: str) -> None:
    check(f"a in {collection}", [{"a": value} for value in [*VALUES, *NUMBERS]])
    check(f"a not in {collection}", [{"a": value} for value in [*VALUES, *NUMBERS]])


@pytest.mark.parametrize("text", PRODUCTS)
def test_arithmetic_that_is_compared_is_exact_to_the_last_digit(text: str) -> None:
    check(text, [{"a": one, "b": other} for one, other in itertools.product(NUMBERS, NUMBERS)])
    near = [100 / part for part in range(1, 40)] + [round(100 / part, 14) for part in range(1, 40)]
    check(text, [{"a": one, "b": part % 39 + 1} for part, one in enumerate(near)])


def test_no_attribute_is_missing() -> None:
    assert sorted({name for table in ATTRIBUTES.values() for name in table}) == ATTRIBUTE_NAMES


@pytest.mark.parametrize(
    "text",
    [
        '$split(a, "x", b)',
        "a and b or c", "a or b and c", "not a == b", "not (a and b)", "a ? b : c ? a : b", "a ?? b ?? c", "-a ?? b",
        "a == b == c", "a < b and b < c", "a + b * c", "(a + b) * c", "a - b - c", "a in [b, c]", "a & b | c ^ a",
        "[x + 1 for x in [a, b, c] if x > 1]", "{a: b, b: c}[a]", "{a: b}&[c]", "[a, b, c][1]", "[a, b][0:1]",
        "{a, b} & {b, c}", "{a, b} | {c}", "{a, b} ^ {c, a}", '"x" + a + b', "a.to_str + b.to_str", "a # a comment",
        "$sum([a, b, c]) > $max([a, b])", "$map($abs, [a, b])", "$any([x > 1 for x in [a, b, c]])", "true", "null",
    ],
)  # fmt: skip
def test_precedence_and_nesting(text: str) -> None:
    few = [None, True, 0, 2.5, "a", [1, 2]]
    check(text, [{"a": a, "b": b, "c": c} for a, b, c in itertools.product(few, few, few)])


DIFFERED: list[tuple[str, Any]] = [
    ("a.zzz", {"a": {1: 2}}),
    ("a =~ null", {"a": 3}),
    ('a =~ "(a)(b)?" and $re_groups', {"a": "a"}),
    ("a&[1 / b]", {"b": 0}),
    ("a && b", {}),
    ("(b * ((c)[b]).a) ?? b", {"c": {}}),
    ('$split(s, "x", c)', {"s": "axb", "c": -1}),
    ("a / b <= 1", {"a": float("inf"), "b": 0}),
    ('"x" ?? a', {}),
    ('"a" in a', {}),
    ("a + 1 + b == 0", {"a": 10**40, "b": -(10**40)}),
    ("a > b", {"a": 2**53 + 1, "b": float(2**53)}),
    ("{1, 1.0}.to_ary", {}),
    ('((null =~ "a") ? l : null)[a]', {"a": None, "l": [1]}),
    ('"a" =~ "(a)" ? $re_groups : 1', {}),
    ("a[2]", {"a": range(3)}),
    ("a[true]", {"a": range(3)}),
    ("a[0.1]", {"a": {0.1: "x"}}),
    ("a.length", {"a": {0.1: "x", Decimal("0.1"): "y"}}),
    ("a.keys", {"a": {0.1: "x", Decimal("0.1"): "y"}}),
    ('a =~ "(?i)i"', {"a": "İ"}),
    ('a =~ "(?i)[a-z]"', {"a": "ı"}),
    ('a =~ r"(?i)[\\w]"', {"a": "\u0345"}),
    ('a =~ "(?ai)k"', {"a": "\u212a"}),
]
"""Every case that ever differed."""


@pytest.mark.parametrize(("text", "facts"), DIFFERED)
def test_what_once_differed_does_so_no_more(text: str, facts: Any) -> None:
    check(text, [facts])


def test_a_field_of_no_object_is_null_where_it_is_read_by_attribute() -> None:
    hero = DataType.OBJECT("hero", {"name": DataType.STRING})
    facts = [{"hero": None}, {}, {"hero": datetime.date(2026, 1, 31)}]
    for text in ("hero.name", 'hero.name == "x"', "hero&.name", '(hero.name ?? "").length'):
        assert [found for one in facts if (found := difference(text, one, {"hero": hero}))] == []
