"""Expressions: the public contract of `compile_expression`."""

from __future__ import annotations

import pytest

from rules.errors import EvaluationError, RuleError, SyntaxProblem
from rules.expression import compile_expression


def test_an_expression_is_evaluated_over_facts() -> None:
    expression = compile_expression('contact.country == "FR" and event.price * 2 >= 10')
    assert expression.evaluate({"contact": {"country": "FR"}, "event": {"price": 5}}) is True
    assert expression.matches({"contact": {"country": "BE"}, "event": {"price": 5}}) is False


def test_an_error_does_not_match_and_says_which() -> None:
    expression = compile_expression("event.price > 3")
    assert expression.matches({"event": {}}) is False
    with pytest.raises(EvaluationError) as caught:
        expression.evaluate({"event": {}})
    assert caught.value.kind == "missing"


def test_an_unknown_attribute_is_shown_with_its_place_and_a_suggestion() -> None:
    with pytest.raises(SyntaxProblem) as caught:
        compile_expression('contact.contry == "FR"', {"contact": {"country": "text"}})
    problem = caught.value.problem
    assert (problem.line, problem.column, problem.length) == (1, 9, 6)
    assert problem.message == "unknown attribute contact.contry"
    assert problem.suggestion == "country"


def test_types_are_written_as_in_a_rulebook() -> None:
    contact = {
        "country": "text", "n": "number", "vip": "yes/no", "born": "date", "ends": "datetime", "tags": "list of text",
        "plan": 'one of "free" | "pro"',
    }  # fmt: skip
    for text in ("n", "plan + 1", "vip =~ 'a'", "born + born", "ends[0]", "tags.as_lower", "country.day"):
        with pytest.raises(RuleError):
            compile_expression(f"contact.{text} > 'a'", {"contact": contact})
    assert compile_expression('contact.plan == "pro"', {"contact": contact}).matches({"contact": {"plan": "pro"}})
    with pytest.raises(TypeError, match=r"not a type: contact\.plan"):
        compile_expression("true", {"contact": {"plan": "two of"}})
