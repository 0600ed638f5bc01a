"""Mistakes are told in the language of their writer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bots.drafts import pointed, problem_items
from bots.problems import sentence
from bots.sentences import NOUNS, SENTENCES
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


RULES = Path(sentence.__code__.co_filename).parents[1] / "rules"
SAY = frozenset(
    ("tell", "warn", "refuse", "refusal", "problem", "_problem", "problem_at", "Problem", "Mistake", "Doubt", "Misused")
) | {"BadPattern", "TemplateSyntaxError", "_unknown", "Odd"}  # the functions and records that take a sentence
ELSEWHERE = {  # built of parts, and marked as they come out
    "the {} argument of {} must be a text in quotes",
    "built on behaviour, but not for {}, the purpose that allows profiling",
}
CODES = {"text part", "unknown name", "too long"}


def _written(node: ast.expr | None) -> Iterator[str]:
    """The texts of an expression of the source, with {} for what is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(part.value if isinstance(part, ast.Constant) else _filled(part) for part in parts)
        case ast.IfExp(body=one, orelse=other):
            yield from (*_written(one), *_written(other))


def _filled(part: ast.expr) -> str:
    return "segment" if "kind" in ast.unparse(part) else "{}"


def _sentences() -> Iterator[tuple[str, str]]:
    """Every sentence that rules/ hands to what makes a problem of it, and where."""
    for path in sorted(RULES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            said: list[ast.expr] = []
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in SAY:
                    keyword = [each.value for each in node.keywords if each.arg == "message"]
                    said = keyword or [each for each in node.args if any(" " in text for text in _written(each))][:1]
                case ast.Assign(targets=[ast.Name(id="message")], value=value):
                    said = [value]
                case ast.FunctionDef(name=name) if name.endswith("_message"):
                    said = [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value]
            for text in (text for each in said for text in _written(each)):
                if " " in text and text not in CODES | ELSEWHERE:
                    yield text, f"{path.name}:{node.lineno}"


def test_the_checker_says_nothing_that_is_not_marked_to_be_translated() -> None:
    found, french = list(_sentences()), translator("fr")
    assert len(found) > 150
    unmarked = [
        (text, where)
        for text, where in found
        if sentence(Problem(line=1, column=1, message=text.replace("{}", "x y")), french) == text.replace("{}", "x y")
    ]
    assert not unmarked


def test_nouns_and_reasons_within_a_sentence_are_said_in_its_language() -> None:
    french = translator("fr")
    assert all(french(noun) != noun for noun in NOUNS)
    [compared] = check("attribute country: text\nsegment a: contact.country > 3\n").problems
    assert sentence(compared, french) == "un texte ne se compare pas avec un nombre"
    [random] = check("segment a: $random() > 3\n").problems
    assert sentence(random, french).endswith("une décision doit donner chaque fois le même résultat")
    [again] = check("quiet hours: 21:00 to 08:00\nquiet hours: 22:00 to 08:00\n").problems
    assert sentence(again, french) == "déjà défini à la ligne 1 : heures calmes"


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
