"""The reference, the grammar and the table of words say the same."""

from __future__ import annotations

import re

import pytest

from rules.parsing import HEADS, grammar_text
from rules.reference import forms, reference
from rules.words import WORDS, Language, form


def literals() -> set[str]:
    lines = (line for line in grammar_text().split("\n") if not line.lstrip().startswith("//"))
    return {found for line in lines for found in re.findall(r'"([a-z][a-z/ -]*)"', line)}


def test_every_keyword_of_the_grammar_is_in_the_table_and_the_other_way_round() -> None:
    assert literals() == {word.en for word in WORDS}


def test_no_keyword_holds_an_apostrophe_and_english_ones_are_unique() -> None:
    written = [one for word in WORDS for one in (*word.forms("en"), *word.forms("fr"))]
    assert not any("'" in one or "’" in one for one in written)
    assert len({word.en for word in WORDS}) == len(WORDS)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_reference_has_every_keyword_and_a_meaning_for_every_statement(language: Language) -> None:
    text = reference(language)
    for word in WORDS:
        assert any(one in text for one in word.forms(language)), word
    statements = [one for one in forms(language) if one.section == "statements"]
    assert [one.rule for one in statements] == list(HEADS.values())
    assert all(one.meaning for one in forms(language) if one.section != "entries")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_help_on_one_statement_is_short(language: Language) -> None:
    text = reference(language, form("score", language))
    assert text.split("\n")[1].startswith("  score ")
    assert form("segment", language) + " " not in text


def test_the_forms_read_like_the_language() -> None:
    written = {one.rule: one.written for one in forms("en")}
    assert written["score"] == (
        'score NAME [for PURPOSE]: ±N (on "text" [at most N …] [halves every DURATION] [lasts DURATION] '
        "[when CONDITION] | while CONDITION)"
    )
    assert written["alert"] == 'alert NAME "text" [, claim within DURATION else alert NAME]'
    french = {one.rule: one.written for one in forms("fr")}
    assert french["add_points"] == "ajouter N points"
