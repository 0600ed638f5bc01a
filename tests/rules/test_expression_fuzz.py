"""Generated expressions over generated facts mean what rule-engine says, and nothing but a rule error comes out."""

from __future__ import annotations

import datetime
import operator
import os
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rule_engine import DataType

from rules.errors import SyntaxProblem
from rules.expression import compile_expression
from tests.parity import difference
from tests.writing import KINDS, Writer

SOAK = int(os.environ.get("RELANCE_SOAK_CASES", "1000000")) // 8
"""Expressions in each of the two long runs: with four sets of facts each, a million cases."""

ZONES = [None, datetime.UTC, datetime.timezone(datetime.timedelta(hours=5, minutes=30)), datetime.timezone.min]

texts = st.one_of(
    st.sampled_from(
        ["", "a", "A", "abc", "FR", "é", "ß", "İ", "12", "1.50", " 3 ", "inf", "0x1F", "ab\ncd", "٣", "日本"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)
numbers = st.one_of(
    st.integers(-5, 20),
    st.integers(),
    st.floats(allow_nan=True),
    st.sampled_from([0.1, 0.2, 19.99, 0.30000000000000004, 2**53, 2**53 + 1, 1e16, 1e308, 10**40, -0.0]),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**6), max_value=10**6, places=3),
)
moments = st.builds(
    lambda moment, zone: moment.replace(tzinfo=zone),
    st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1)),  # noqa: DTZ001
    st.sampled_from(ZONES),
)
dates = st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))
spans = st.timedeltas(datetime.timedelta(days=-400), datetime.timedelta(days=400))
scalars = st.one_of(st.none(), st.booleans(), numbers, texts, moments, dates, spans, st.binary(max_size=3))
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from("abx"), inner, max_size=3)),
    max_leaves=6,
)
values = st.one_of(scalars, json_values, st.sets(st.one_of(st.integers(0, 5), st.sampled_from("abc")), max_size=3))


UNTYPED = dict.fromkeys(KINDS, ("a", "b", "c")) | {
    "mapping": ("a", "event", "event.a"),
    "number": ("a", "b", "event.price", "n", "event.b", "n"),
    "text": ("a", "s", "event.a", "s", "missing"),
    "list": ("l", "b", "event.b"),
}
untyped_facts = st.fixed_dictionaries(
    {"a": values, "b": values, "n": numbers, "s": texts},
    optional={
        "c": values,
        "l": st.lists(st.one_of(numbers, texts), max_size=4),
        "event": st.dictionaries(st.sampled_from(["a", "b", "price", "length"]), json_values),
    },
)

CONTACT = {
    "country": DataType.STRING,
    "score": DataType.FLOAT,
    "vip": DataType.BOOLEAN,
    "created": DataType.DATETIME,
    "tags": DataType.ARRAY(DataType.STRING),
    "maybe": DataType.NULLABLE(DataType.FLOAT),
    "any": DataType.UNDEFINED,
}
TYPES: dict[str, Any] = {
    "contact": DataType.OBJECT("contact", CONTACT, accessor=operator.getitem),
    "text": DataType.STRING,
    "number": DataType.FLOAT,
    "flag": DataType.BOOLEAN,
    "at": DataType.DATETIME,
    "tags": DataType.ARRAY(DataType.STRING),
    "perhaps": DataType.NULLABLE(DataType.STRING),
    "data": DataType.MAPPING(DataType.STRING, DataType.FLOAT),
    "free": DataType.UNDEFINED,
}
TYPED = {
    "number": ("contact.score", "contact.score", "number", "contact.any", "contact.maybe"),
    "text": ("contact.country", "contact.country", "text", "free", "perhaps"),
    "flag": ("contact.vip", "flag"),
    "moment": ("contact.created", "at", "contact.any"),
    "list": ("contact.tags", "tags", "free"),
    "span": ("contact.any",),
    "mapping": ("contact.any", "free", "data"),
}
fields: dict[str, st.SearchStrategy[Any]] = {
    "country": st.one_of(st.none(), texts, texts, values),
    "score": st.one_of(st.none(), numbers, numbers, numbers, values),
    "vip": st.one_of(st.none(), st.booleans(), st.booleans(), values),
    "created": st.one_of(st.none(), moments, moments, dates, values),
    "tags": st.one_of(st.none(), st.lists(texts, max_size=4), values),
    "maybe": st.one_of(st.none(), numbers),
    "any": values,
}
typed_facts = st.fixed_dictionaries(
    {"contact": st.fixed_dictionaries({}, optional=fields)},
    optional={
        "text": fields["country"],
        "number": fields["score"],
        "flag": fields["vip"],
        "at": fields["created"],
        "tags": fields["tags"],
        "perhaps": fields["country"],
        "data": st.one_of(st.none(), st.dictionaries(st.sampled_from("abx"), numbers), values),
        "free": values,
    },
)


def cases(number: int, *, new: bool = False) -> settings:
    """How many expressions to generate, each for four sets of facts: the same ones in each run, or `new` ones."""
    return settings(
        max_examples=number,
        derandomize=not new,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )


def compare(names: dict[str, Any], types: dict[str, Any] | None, random: Random, facts: list[dict[str, Any]]) -> None:
    text = Writer(random, names).expression()
    for one in facts:
        assert difference(text, one, types) is None


untyped = given(st.randoms(use_true_random=False), st.lists(untyped_facts, min_size=4, max_size=4))
typed = given(st.randoms(use_true_random=False), st.lists(typed_facts, min_size=4, max_size=4))


@cases(1250)
@untyped
def test_untyped_expressions_mean_what_rule_engine_says(random: Random, facts: list[dict[str, Any]]) -> None:
    compare(UNTYPED, None, random, facts)


@cases(1250)
@typed
def test_typed_expressions_mean_what_rule_engine_says(random: Random, facts: list[dict[str, Any]]) -> None:
    compare(TYPED, TYPES, random, facts)


@pytest.mark.soak
@pytest.mark.timeout(0)
@cases(SOAK, new=True)
@untyped
def test_a_million_untyped_cases(random: Random, facts: list[dict[str, Any]]) -> None:
    compare(UNTYPED, None, random, facts)


@pytest.mark.soak
@pytest.mark.timeout(0)
@cases(SOAK, new=True)
@typed
def test_a_million_typed_cases(random: Random, facts: list[dict[str, Any]]) -> None:
    compare(TYPED, TYPES, random, facts)


SYMBOLS = st.text(st.sampled_from("ab1.0()[]{}\"'\\&|=~<>!?:,$+-*/% \nntfordif"), max_size=60)


@cases(2500)
@given(st.one_of(st.text(max_size=60), SYMBOLS))
def test_any_text_at_all_is_compiled_or_refused(text: str) -> None:
    problem = None
    try:
        compile_expression(text)
    except SyntaxProblem as error:
        problem = error.problem
    assert problem is None or (problem.line >= 1 and problem.column >= 1 and problem.message)


def test_decimal_arithmetic_is_exact() -> None:
    expression = compile_expression("event.a + event.b == 0.3")
    assert expression.matches({"event": {"a": 0.1, "b": 0.2}})
    assert expression.matches({"event": {"a": Decimal("0.1"), "b": 0.2}})
