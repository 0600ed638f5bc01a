"""A mistake in an expression is shown at its place, with what was expected and what may have been meant."""

from __future__ import annotations

import pytest

from rules.errors import SyntaxProblem
from rules.expression import compile_expression, rulebook_types
from rules.rulebook import Attribute

ATTRIBUTES = {
    "country": Attribute(name="country", type="text"),
    "birthday": Attribute(name="birthday", type="date"),
    "wishlist": Attribute(name="wishlist", type="list of text"),
    "vip": Attribute(name="vip", type="yes/no"),
}
TYPES = rulebook_types(ATTRIBUTES, event=True, arrived=True)


def problem_of(text: str) -> SyntaxProblem:
    with pytest.raises(SyntaxProblem) as caught:
        compile_expression(text, TYPES)
    return caught.value


@pytest.mark.parametrize(
    ("text", "place", "said", "suggestion"),
    [
        ('contact.contry == "FR"', (1, 9, 6), "unknown attribute contact.contry", "country"),
        ('event.price > 3 and\n  contact.contry == "FR"', (2, 11, 6), "unknown attribute contact.contry", "country"),
        ('contct.country == "FR"', (1, 1, 6), "unknown name contct", "contact"),
        ('cuont("Page Viewed") > 3', (1, 1, 5), "unknown name cuont", "count"),
        ("entry.price > 3", (1, 1, 5), "unknown name entry", None),
        ("count", (1, 1, 5), "count is a function", None),
        ("count(event.name) > 1", (1, 7, 10), "must be a text in quotes", None),
        ('count("A", "B") > 1', (1, 12, 3), "the window must be a duration", None),
        ('count("A", t"P1D", "p") > 1', (1, 1, 23), "count is written", None),
        ('in_segment("a", "b")', (1, 1, 20), "in_segment is written", None),
        ("days_since(3) > 1", (1, 12, 1), "takes a date", None),
        ("contact.country > 3", (1, 1, 19), "text cannot be compared with a number", None),
        ("contact.country and contact.vip + 1 > 2", (1, 21, 15), "do not go together", None),
        ("contact.country.lenth > 1", (1, 17, 5), "unknown attribute contact.country.lenth", "length"),
        ('contact.country = "FR"', (1, 17, 1), "unknown operator =", "=="),
        ("contact.vip && event.x", (1, 13, 2), "unknown operator &&", "and"),
        ("contact.vip || event.x", (1, 13, 2), "unknown operator ||", "or"),
        ("contact.vip <> event.x", (1, 13, 2), "unknown operator <>", "!="),
        ("contact.vip & & event.x", (1, 15, 1), "unexpected &", None),
        ("contact.vip AND event.x", (1, 13, 3), "unexpected AND", "and"),
        ('contact.country IN ["FR"]', (1, 17, 2), "unexpected IN", "in"),
        ('contact.country is "FR"', (1, 17, 2), "unexpected is", "=="),
        ("contact.vip et event.x", (1, 13, 2), "unexpected et", "and"),
        ("contact.country.domain", (1, 17, 6), "unknown attribute contact.country.domain", None),
        ('contact.country == "FR', (1, 20, 3), "a quote is not closed", None),
        ("(contact.vip", (1, 13, 1), "ends too early", None),
        ("contact.vip)", (1, 12, 1), "unexpected )", None),
        ("", (1, 1, 1), "empty", None),
        ("else", (1, 1, 4), "reserved word", None),
        ('t"P1M" > t"P1D"', (1, 1, 6), "not a duration", None),
        ('event.time > d"2026-13-01"', (1, 14, 13), "not a date", None),
        ("event.price > 007", (1, 15, 3), "not a number", None),
        ("event.price > 1 / 0", (1, 15, 5), "cannot be computed", None),
        ("event.length > 3", (1, 7, 6), 'event.properties["length"]', None),
        ('contact.country =~ "("', (1, 20, 3), "not a regular expression", None),
        ("[now] == 3", (1, 2, 3), "now can be compared", None),
        ("$rage(3)", (1, 1, 5), "unknown name $rage", None),
    ],
)  # fmt: skip
def test_a_mistake_is_shown_at_its_place(
    text: str, place: tuple[int, int, int], said: str, suggestion: str | None
) -> None:
    problem = problem_of(text).problem
    assert said in problem.message
    assert (problem.line, problem.column, problem.length) == place
    assert problem.suggestion == suggestion


def test_a_problem_shows_the_line_with_a_caret() -> None:
    assert str(problem_of('contact.contry == "FR"')) == (
        "line 1, column 9: unknown attribute contact.contry — did you mean country?\n"
        '    contact.contry == "FR"\n'
        "            ^^^^^^"
    )


def test_what_was_expected_is_said() -> None:
    assert "a value" in problem_of("event.price >").problem.expected
    assert ")" in problem_of("(event.price").problem.expected
    assert problem_of("first()").problem.expected == ("first(EVENT)",)


def test_an_open_event_has_any_property() -> None:
    facts = {"event": {"name": "Order", "time": None, "source": "shop", "properties": {"price": 3, "name": "x"}}}
    for text in ('event.name == "Order"', "event.price == 3", "event.gift == null", 'event.properties["name"] == "x"'):
        assert compile_expression(text, TYPES).matches(facts), text
    assert not compile_expression("event.price > 1", TYPES).matches({"event": None})
