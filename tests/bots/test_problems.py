"""Mistakes are told in the language of their writer."""

from __future__ import annotations

import pytest

from bots.drafts import pointed, problem_items
from bots.problems import SENTENCES, sentence
from rules.errors import Problem
from server.i18n import translator
from server.services.rulebooks import check

WRONG = """\
attribute country: text
attribute country: text
segmnt a: 1
segment b: contact.contry == "FR"
segment c: contact.country = "FR"
segment d: contact.country == "FR
segment e
score x: +5 on Page
score y: +5.55 on "Page"
trigger t: on enter nowhere
  alert nobody "x"
trigger u: on enter b
segment g: in_segment("h")
segment h: in_segment("g")
  indented
segment i: contact.country > 3
segment j: 1 << 3
segment k: unknown > 3
segment l: (1
segment m: event.x > 1
"""


def test_each_mistake_has_its_french_and_its_english_is_what_the_checker_says() -> None:
    english, french = translator("en"), translator("fr")
    found = check(WRONG).problems
    assert len(found) > 15
    for problem in found:
        assert sentence(problem, english) == problem.message
        assert sentence(problem, french) != problem.message


def test_a_sentence_that_nobody_marked_stays_in_english() -> None:
    problem = Problem(line=1, column=1, message="the moon is in the wrong house")
    assert sentence(problem, translator("fr")) == problem.message


@pytest.mark.parametrize("text", SENTENCES)
def test_each_sentence_has_a_french_of_its_own(text: str) -> None:
    assert translator("fr")(text) != text


def test_the_caret_of_a_long_line_stays_under_its_mistake_on_a_phone() -> None:
    line = (
        "segment far: " + " and ".join(f"contact.score > {number}" for number in range(20)) + " and contact.contry > 1"
    )
    [problem] = check("attribute country: text\n" + line + "\n").problems
    excerpt, caret = pointed(problem).split("\n")
    assert len(excerpt) <= 50
    assert excerpt[caret.index("^") :].startswith(("contact.contry", "contry"))


def test_of_many_mistakes_the_first_are_shown_and_the_others_counted() -> None:
    found = check("".join(f"segmnt s{number}: 1 > 0\n" for number in range(30))).problems
    items = problem_items(found, translator("en"), buttons=True)
    assert [item.title for item in items][-1] == "… and 25 more"
    assert [button.command for item in items for button in item.buttons] == [f"rules edit {at}" for at in range(1, 6)]
