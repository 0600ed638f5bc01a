"""Odd, huge and hostile texts: nothing but RuleErrors, and in bounded time."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import RuleErrors, parse_rulebook
from rules.printing import format_text
from rules.rulebook import meaning
from rules.syntax import normalise
from rules.words import WORDS

WHOLE = (Path(__file__).parent / "texts" / "whole.en.rules").read_text(encoding="utf-8")
PIECES = [
    *(word.en for word in WORDS), *(word.fr for word in WORDS), "\n", "\n  ", "\n\t", " ", ":", ",", '"', "'", "#",
    "\\\n", "@a", "50%", "+5", "3", "09:00", "a", "hot", '"A"', "contact.score > 3", "event.x", "é", "\x00", "\ud800",
    "“", "”", "|", "{{", "}}", "=", "(", ")",
]  # fmt: skip


def parse_in_time(text: str) -> None:
    """Raises nothing but rule errors; a text that took for ever would end the test by its own limit of time."""
    for use in (parse_rulebook, format_text):
        with suppress(RuleErrors):
            use(text)
    normalise(text, slack=True)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join))
def test_words_in_any_order_raise_nothing_else(text: str) -> None:
    parse_in_time(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_raises_nothing_else(text: str) -> None:
    parse_in_time(text)


def test_a_damaged_rulebook_raises_nothing_else_and_a_whole_one_keeps_its_meaning() -> None:
    chance = random.Random(7)
    lines = WHOLE.split("\n")
    for _ in range(400):
        start = chance.randrange(len(lines) - 12)
        text = "\n".join([*lines[:20], *lines[start : start + 12]])
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(text))
            text = text[:at] + chance.choice(PIECES) + text[at + chance.choice([0, 0, 1, 3, 8]) :]
        try:
            book = parse_rulebook(text)
        except RuleErrors as errors:
            str(errors)
            continue
        formatted = format_text(text)
        assert meaning(parse_rulebook(formatted)) == meaning(book)
        assert format_text(formatted) == formatted


@pytest.mark.parametrize(
    "text",
    [
        "a" * 2_000_000,
        "\n" * 900_000,
        "\\\n" * 450_000,
        "a\\\n" * 300_000,
        "# \\\n" * 200_000,
        "x: '" * 200_000,
        "segment a: '" + "\\'" * 400_000,
        ("segment a: '" + "\\'" * 7_000 + "\n") * 60,
        'list a: "' + '\\"' * 7_000 + "\n",
        "list a: " + "“" * 900_000,
        'list a: "x"\n' * 80_000,
        "".join(f'list l{number}: "x"\n' for number in range(6_000)),
        'trigger t: on "A"\n' + "".join(f"{' ' * depth}if true\n" for depth in range(1, 1_000)),
        'scenario t: on "A"\n' + "".join(f"{' ' * depth}if true\n" for depth in range(1, 1_000)),
        'scenario t: on "A"\n' + "  wait 3 hours\n" * 50_000,
        "segment a: " + "(" * 60_000,
        "segment a: " + "not " * 3_900,
        "segment a: " + " and ".join(["true"] * 2_000),
        "segment a: 1 << 10000000",
        "score a: +" + "9" * 15_000 + ' on "A"',
        "attribute a: text, keep " + "9" * 15_000 + " days",
        'team t: slack "#a"\ntrigger t: on "A"\n  alert t "' + "{{ (" * 3_000 + '"',
        'team t: slack "#a"\ntrigger t: on "A"\n  alert t "{{ \'a\' * 10000000000 }}"',
        'team t: slack "#a"\ntrigger t: on "A"\n  alert t "{{ 9 ** 9 ** 9 }}"',
        "".join(f'segment s{number}: in_segment("s{number + 1}")\n' for number in range(900)) + "segment s900: true\n",
        "".join(f"segment s{number}: contact.x{number} > 1\n" for number in range(3_000)),
    ],
    ids=lambda text: text[:20].strip() + f"… {len(text)}",
)
def test_huge_and_hostile_texts_take_bounded_time(text: str) -> None:
    parse_in_time(text)


def test_no_more_than_a_hundred_mistakes_are_reported() -> None:
    with pytest.raises(RuleErrors) as caught:
        parse_rulebook("x\n" * 4_000)
    assert len(caught.value.problems) == 100
    assert len(str(caught.value)) < 20_000
