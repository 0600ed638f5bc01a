"""Printing: one layout, and a text that means the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rules
from rules import parse_rulebook
from rules.printing import format_text, print_rulebook, print_statement
from rules.rulebook import meaning
from rules.syntax import quote
from rules.words import Language, form

TEXTS = [*(Path(__file__).parent / "texts").glob("*.rules"), *(Path(rules.__file__).parent / "library").glob("*.rules")]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_a_printed_rulebook_is_the_same_rulebook(path: Path) -> None:
    book = parse_rulebook(path.read_text(encoding="utf-8"))
    printed = print_rulebook(book)
    again = parse_rulebook(printed)
    assert meaning(again) == meaning(book)
    assert again.languages == book.languages
    assert print_rulebook(again) == printed


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_our_own_texts_are_in_the_layout(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_text(text) == text


def test_comments_stay_with_their_lines() -> None:
    text = (
        "\n\n# Head\n\n# of b\nattribute   b : number # beside\n"
        "segment s: contact.b > 3 and \\\n      contact.b < 5   # why\n"
        'trigger t: on enter s\n    # tell them\n    add to list l   # quietly\n    # last\nlist l: "x"\n# end'
    )
    formatted = format_text(text)
    assert formatted == (
        "# Head\n\n# of b\nattribute b: number  # beside\n\nsegment s: contact.b > 3 and contact.b < 5  # why\n\n"
        'trigger t: on enter s\n  # tell them\n  add to list l  # quietly\n  # last\n\nlist l: "x"\n\n# end\n'
    )
    assert format_text(formatted) == formatted


def test_clauses_and_options_print_in_the_order_of_the_tables() -> None:
    text = (
        'attribute a: text, "Label", from "b", keep 1 months, shown in alerts, personal\n'
        'purpose p: "x", ask again, renew after 2 month, open tracking, profiling, double opt-in, via push and email\n'
        'score s: +1.0 on "A" lasts 1 days at most 2 per 1 day when event.x  ==  "a  b"\n'
    )
    assert format_text(text) == (
        'attribute a: text, personal, shown in alerts, keep 1 month, from "b", "Label"\n\n'
        'purpose p: "x", via push and email, double opt-in, profiling, open tracking, '
        "renew after 2 months, ask again\n\n"
        'score s: +1 on "A" at most 2 per 1 day lasts 1 day when event.x == "a  b"\n'
    )


def test_a_statement_prints_in_the_language_asked_for() -> None:
    book = parse_rulebook('list l: "x"\ntrigger t: on "A" at most 1 ever\n  add to list l\n')
    assert (
        print_statement(book.triggers["t"], "fr") == 'déclencheur t: sur "A" au plus 1 en tout\n  ajouter à la liste l'
    )


# --- any rulebook, written at random ---

names = st.sampled_from(["a", "b2", "on", "score", "par", "hot_leads", "when", "x" * 60])
texts = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\u2028\u2029"), min_size=1, max_size=30
).filter(lambda text: text.strip() != "")
numbers = st.integers(1, 500)
languages = st.sampled_from(["en", "fr"])
units = st.sampled_from(["minute", "hour", "day", "week", "month"])
conditions = st.sampled_from(
    ['contact.a == "x"', "contact.score > 3", 'now > d"2026-01-31"', "count('A #1', t\"P7D\") > 2 and true", "true"]
)


@st.composite
def statements(draw: st.DrawFn) -> str:
    """A statement with every clause that its kind can have, spaced at random."""
    language: Language = draw(languages)
    gap = draw(st.sampled_from([" ", "  ", "\t", " \\\n   "]))

    def word(name: str, number: int = 1) -> str:
        return form(name, language, number)

    def length() -> str:
        number = draw(numbers)
        return f"{number} {word(draw(units), number)}"

    name, text = draw(names), quote(draw(texts))
    limit = draw(
        st.sampled_from(
            ["", f"{word('at most')} 3 {word('per')} {word('week')}", f"{word('at most')} 1 {word('ever')}"]
        )
    )
    limit = limit or f"{word('at most')} 2 {word('per')} {length()}"
    kind = draw(st.sampled_from(["list", "purpose", "team", "score", "while", "segment", "trigger", "scenario"]))
    head = f"{word(kind if kind != 'while' else 'score')} {name}:"
    match kind:
        case "list":
            parts = [head, text]
        case "purpose":
            parts = [head, f"{text}, {word('renew after')} {length()}, {word('via')} {word('inbox')} {word('and')} sms"]
        case "team":
            parts = [head, f'slack "#a", {word("email")} "a@b.fr"']
        case "score":
            fading = draw(st.sampled_from(["halves every", "lasts"]))
            parts = [head, f"-{draw(numbers)}.5", word("on"), text, limit, f"{word(fading)} {length()}"]
            parts += [word("when"), 'event.x in ["#", "\'"]']
        case "while":
            parts = [head, "+7", word("while"), draw(conditions.filter(lambda one: "score" not in one))]
        case "segment":
            parts = [head, draw(conditions)]
        case "trigger":
            at = (
                f'{word("at")} "2027-01-01 10:00"'
                if draw(st.booleans())
                else f"{word('every')} {word('friday')} {word('at')} 7:05"
            )
            entry = [word("on"), text, limit, word("when"), 'event.y == "a  b"']
            parts = [head, *(entry if draw(st.booleans()) else [at, limit, word("to"), "true"])]
            parts.append(f"\n  {word('add')} {draw(numbers)} {word('point', 2)}\n  {word('convert')} {text}")
        case _:
            parts = [head, word("on"), text, f"\n  {word('wait')} {length()} @one\n  {word('split')}\n    40% a"]
            parts += [f"\n      {word('stop')}\n    60% b\n      {word('wait until')} {word('monday')} 09:00"]
    lines = gap.join(parts[:-1]) + (parts[-1] if parts[-1].startswith("\n") else gap + parts[-1])
    return lines.replace(f"{gap}\n", "\n")


@settings(max_examples=300, deadline=None)
@given(st.lists(statements(), max_size=6))
def test_any_rulebook_means_the_same_after_printing(written: list[str]) -> None:
    text = "attribute a: text\n" + "\n".join(written)
    try:
        book = parse_rulebook(text)
    except rules.RuleErrors as errors:
        assert {problem.code for problem in errors.problems} == {"duplicate"}  # noqa: PT017 - anything else is our fault
        return
    printed = print_rulebook(book)
    assert meaning(parse_rulebook(printed)) == meaning(book)
    assert print_rulebook(parse_rulebook(printed)) == printed
    assert meaning(parse_rulebook(format_text(text))) == meaning(book)
