"""Mistakes: each at its line and column, with what was expected and what may have been meant."""

from __future__ import annotations

import pytest

from rules import RuleErrors, parse_rulebook
from rules.errors import Problem

SHOP = """attribute country: text
attribute first_name: text, personal
attribute birthday: date
purpose letters: "Yes."
team sales: slack "#hot-leads"
list fair: "Met at the fair"
segment hot: contact.score >= 10
"""
START = SHOP.count("\n") + 1


def mistakes(text: str) -> list[Problem]:
    with pytest.raises(RuleErrors) as caught:
        parse_rulebook(text)
    return caught.value.problems


def test_the_message_is_the_one_of_the_reference() -> None:
    text = "\n" * 13 + 'segment fr: contact.contry == "FR"\n' + "attribute country: text\n"
    with pytest.raises(RuleErrors) as caught:
        parse_rulebook(text)
    assert str(caught.value) == (
        "line 14, column 21: unknown attribute contact.contry — did you mean country?\n"
        '    segment fr: contact.contry == "FR"\n'
        "                        ^^^^^^"
    )


CASES = [
    # text, line (0: the first), column, length, suggestion, part of the message
    ("atribute x: text", 0, 1, 8, "attribute", "unknown statement atribute"),
    ('declencheur x: sur "A"', 0, 1, 11, "déclencheur", "unknown statement declencheur"),
    ('Trigger x: on "A"', 0, 1, 7, "trigger", "unknown statement Trigger"),
    ("quiet hour: 21:00 to 08:00", 0, 1, 5, "quiet hours", "unknown statement"),
    ('alert sales "x"', 0, 1, 15, None, "indent it"),
    ("attribute x: txt", 0, 14, 3, "text", "unexpected txt"),
    ("attribute x text", 0, 13, 4, None, "expected `:`"),
    ("attribute Name: text", 0, 11, 4, "name", "expected a name"),
    ("attribute x: text personal", 0, 19, 8, None, "`,`"),
    ("attribute x: text, personnal", 0, 20, 9, "personal", "unexpected personnal"),
    ("attribute x: text, personal, personal", 0, 30, 8, None, "stands twice"),
    ("attribute score: number", 0, 11, 5, None, "always there"),
    ("attribute in: number", 0, 11, 2, None, "word of expressions"),
    ('attribute x: one of "a" | "a"', 0, 27, 3, None, "stands twice"),
    ('attribute x: text, from "Address.Country"', 0, 25, 17, '"address_country"', "snake_cased"),
    ("attribute x: text, keep 2 years", 0, 27, 5, None, "expected day"),
    ("attribute x: text, keep 0 days", 0, 25, 1, None, "whole number from 1"),
    ("attribute x: text, keep 99999 months", 0, 25, 12, None, "longer than"),
    ('purpose p: "x", via mail', 0, 21, 4, "email", "unexpected mail"),
    ('purpose p: "x", via email and email', 0, 31, 5, None, "stands twice"),
    ('purpose p: ""', 0, 12, 2, None, "empty"),
    ('team t: email "us"', 0, 15, 4, None, "e-mail address"),
    ('team t: telegram "us"', 0, 18, 4, '"@us"', "a Telegram chat is written as"),
    ('team t: telegram "our leads"', 0, 18, 11, None, "a Telegram chat is written as"),
    ('team t: telegram "-1001234567890/leads"', 0, 18, 22, None, 'a topic of it as "-1001234567890/42"'),
    ('team t: telegram "-1001234567890/0"', 0, 18, 18, None, 'a topic of it as "-1001234567890/42"'),
    ('team t: telegram "-1001234567890:42"', 0, 18, 19, '"-1001234567890/42"', "a topic of it"),
    ('team t: telegram "1001234567890/42"', 0, 18, 18, '"-1001234567890/42"', "a topic of it"),
    ('team t: telegram "42/7"', 0, 18, 6, None, "a topic of it"),
    ('team t: telegram "https://t.me/c/1234567890/42/7"', 0, 18, 32, '"-1001234567890/42"', "a topic of it"),
    ('team t: telegram "t.me/sales/5?single"', 0, 18, 21, '"@sales/5"', "a topic of it"),
    ('team t: telegram "https://t.me/+AbCdEf"', 0, 18, 22, None, "a Telegram chat is written as"),
    ('team sales: slack "#a"', 0, 6, 5, None, f"already defined in line {SHOP.count(chr(10)) - 2}"),
    ('score s: +5 un "A"', 0, 13, 2, None, "expected on or while"),
    ('score s: 5 on "A"', 0, 10, 1, "+5", "points with their sign"),
    ('score s: +5.25 on "A"', 0, 10, 5, None, "at most one decimal"),
    ("score s: +5 on Signup", 0, 16, 6, None, "a text in double quotes"),
    ("score s: +5 on “Signup”", 0, 16, 1, '"', "a text in double quotes"),
    ('score s: +5 on "A" at mots 5 per day', 0, 20, 2, "at most", "unexpected at"),
    ('score s: +5 on "A" at most 0 per day', 0, 28, 1, None, "from 1"),
    ('score s: +5 on "A" at most 5 per year', 0, 34, 4, None, "day"),
    ('score s: +5 on "A" lasts 1 day lasts 2 days', 0, 32, 12, None, "stands twice"),
    ('score s: +5 on "A" lasts 1 day halves every 2 days', 0, 20, 11, None, "either halve or last"),
    ('score s: +5 quand "A"', 0, 13, 5, None, "expected on or while"),
    ('score s: +5 sur "A" when event.x == 1', 0, 21, 4, "quand", "unexpected when"),
    ('score s for leters: +5 on "A"', 0, 13, 6, "letters", "unknown purpose leters"),
    ('score s: +5 on "A" when contact.score > 3', 0, 25, 13, None, "cannot depend on the score"),
    ('score s: +5 on "A" when in_segment("hot")', 0, 25, 10, None, "cannot depend on a segment"),
    ("score s: +5 while event.x == 3", 0, 19, 5, None, "no event here"),
    ("score s: +5 while contact.score > 3", 0, 7, 1, None, "depends on itself"),
    ("segment s: contact.score >", 0, 27, 1, None, "ends too early"),
    ("segment s:", 0, 11, 1, None, "expected a condition"),
    ('segment s: contact.contry == "FR"', 0, 20, 6, "country", "unknown attribute contact.contry"),
    ('segment s: in_segment("hott")', 0, 24, 4, "hot", "unknown segment hott"),
    ("segment s: in_list('fare')", 0, 21, 4, "fair", "unknown list fare"),
    ('segment s: consented("letter")', 0, 23, 6, "letters", "unknown purpose letter"),
    ('segment s: in_segment("s")', 0, 9, 1, None, "segment s depends on itself: s → s"),
    ('segment s: contact.country == "FR', 0, 31, 1, None, "not closed"),
    ("segment s: true\n  false", 1, 3, 5, None, "goes on in the next"),
    ('trigger t: on "A"', 0, 9, 1, None, "at least one action"),
    ("trigger t: on enter hot when event.x\n  add to list fair", 0, 30, 5, None, "no event here"),
    ("trigger t: on enter hott\n  add to list fair", 0, 21, 4, "hot", "unknown segment"),
    ('trigger t: at "2027-02-29 10:00" to true\n  add to list fair', 0, 15, 18, None, "expected a moment"),
    ('trigger t: on broadcast "A" when true\n  add to list fair', 0, 29, 4, None, "expected at most or to"),
    ("trigger t: every monday at 24:00 to true\n  add to list fair", 0, 28, 5, None, "no such time"),
    ("trigger t: every year on contact.country at 09:00\n  add to list fair", 0, 26, 15, None, "no date"),
    ('trigger t: on feed "blog"  to true\n  add to list fair', 0, 20, 6, None, "expected a URL"),
    ('trigger t: on "A"\n  alert sale "x"', 1, 9, 4, "sales", "unknown team sale"),
    ('trigger t: on "A"\n  alert sales "{{ contact.frst_name }}"', 1, 27, 9, "first_name", "unknown attribute"),
    ('trigger t: on "A"\n  alert sales "{{ contcat.first_name }}"', 1, 19, 7, "contact", "unknown name contcat"),
    ('trigger t: on enter hot\n  alert sales "{{ event.x }}"', 1, 19, 5, None, "there is no event here"),
    ('trigger t: on "A"\n  alert sales "{{ score | uper }}"', 1, 27, 4, "upper", "unknown filter"),
    ('trigger t: on "A"\n  alert sales "{{ score "', 1, 15, 11, None, "not a valid template"),
    ('trigger t: on "A"\n  alert sales "{% include \'x\' %}"', 1, 15, 19, None, "no place in a text"),
    ("trigger t: on \"A\"\n  alert sales \"{{ count('x', '7 dys') }}\"", 1, 31, 5, None, "a length of time"),
    ('trigger t: on "A"\n  alert sales "{{ in_list(\'fare\') }}"', 1, 28, 4, "fair", "unknown list"),
    ('trigger t: on "A"\n  add to lst fair', 1, 3, 10, "add to list", "unexpected add to lst"),
    ('trigger t: on "A"\n  alrt sales "x"', 1, 3, 4, "alert", "unexpected alrt"),
    ('trigger t: on "A"\n  add to list fair\n    add to list fair', 2, 5, 16, None, "indented alike"),
    ('trigger t: on "A"\n  add to list fair\n\tadd to list fair', 2, 1, 1, None, "not with both"),
    ('trigger t: on "A"\n  add to list fair @x', 1, 20, 2, None, "have labels"),
    ('trigger t: on "A"\n  wait 3 hours', 1, 3, 12, None, "a trigger acts at once"),
    ('trigger t: on "A"\n  wiat 3 hours', 1, 3, 4, None, "unexpected wiat"),
    ('scenario s: on "A"', 0, 10, 1, None, "at least one step"),
    ('scenario s: on "A"\n  wait 3 hours\n  key event.x', 2, 3, 11, None, "before the first step"),
    ('scenario s: on "A"\n  if true\n    stop on "B"', 2, 5, 11, None, "before the first step"),
    ('scenario s: on "A"\n  kye event.x\n  again after 1 day\n  stop', 1, 3, 3, "key", "unexpected kye"),
    ('scenario s: on "A"\n  stop\n  wait 3 hours', 2, 3, 12, None, "never reached"),
    ('scenario s: on "A"\n  if true\n    stop\n  else\n    stop\n  wait 1 day', 5, 3, 10, None, "never reached"),
    ('scenario s: on "A"\n  else\n    stop', 1, 3, 4, None, "no `if` above"),
    ('scenario s: on "A"\n  if true\n  stop', 1, 3, 7, None, "no step stands under"),
    ('scenario s: on "A"\n  stop\n    stop', 2, 5, 4, None, "fits no line above"),
    ('scenario s: on "A"\n  split\n    50% a\n      stop\n    40% b\n      stop', 1, 3, 5, None, "90%, not 100%"),
    ('scenario s: on "A"\n  split\n    wait 1 day', 2, 5, 10, None, "expected a share"),
    ('scenario s: on "A"\n  start scenario s', 1, 18, 1, None, "again after"),
    ('scenario s: on "A"\n  start scenario ss', 1, 18, 2, "s", "unknown scenario"),
    ('scenario s: on "A"\n  if arrived\n    stop', 1, 6, 7, None, "nothing can have arrived"),
    ('scenario s: on "A"\n  if event.x\n    stop', 1, 6, 5, None, "no event here"),
    ("scenario s: on list fair\n  if entry.x\n    stop", 1, 12, 1, None, "x"),
    ('scenario s: on "A"\n  wait 1 day @a\n  wait 1 day @a', 2, 14, 2, None, "stands twice"),
    ('scenario s: on "A"\n  key event.a\n  key event.b\n  stop', 2, 3, 11, None, "stands twice"),
    ('digest d: at "2027-01-01 09:00" top 10 of hott by contact.score\n  alert sales "x"', 0, 43, 4, "hot", "unknown"),
    ("digest d: every monday at 09:00 top 10 of hot by contact.score", 0, 8, 1, None, "needs an alert"),
    ('digest d: at "2027-01-01 09:00" top 9 of hot by contact.country\n  alert sales "x"', 0, 49, 15, None, "a number"),
    ('trigger t: on "A"\n  set contact.birthday = 3', 1, 26, 1, None, "this is a number, and a datetime is expected"),
    ('trigger t: on "A"\n  set contact.birthday = "2026-13-01"', 1, 26, 12, None, "contact.birthday takes a datetime"),
    (
        'trigger t: on "A"\n  convert "Sale" amount contact.country',
        1,
        25,
        15,
        None,
        "this is a text, and a number is expected",
    ),
    ('scenario s: on "A"\n  wait until contact.country', 1, 14, 15, None, "this is a text, and a datetime is expected"),
    ('scenario s: on "A"\n  wait until now + t"P1D"', 1, 14, 3, None, "now can be compared"),
    ('scenario s: on "A"\n  stop when (now - entry.time).days > 3\n  stop', 1, 14, 3, None, "now can be compared"),
    ("limit mail: at most 3 per day", 0, 7, 4, "email", "unexpected mail"),
    ("quiet hours: 21:00 to 21:00", 0, 23, 5, None, "another time"),
    ("goal g: 50 enter hott per week", 0, 18, 4, "hot", "unknown segment"),
    ("goal g: 50 enter hot per day", 0, 26, 3, None, "expected month or week"),
    ("  wait 3 hours", 0, 1, 2, None, ""),
    ('list l: "a\x00b"', 0, 11, 1, None, "control character"),
]


@pytest.mark.parametrize(("text", "line", "column", "length", "suggestion", "message"), CASES)
def test_a_mistake_is_shown_at_its_place(
    text: str, line: int, column: int, length: int, suggestion: str | None, message: str
) -> None:
    before = "" if text.startswith(" ") else SHOP
    found = mistakes(before + text + "\n")
    assert len(found) == 1, [str(one) for one in found]
    problem = found[0]
    assert message in problem.message
    assert (problem.line - before.count("\n") - 1, problem.column, problem.length) == (line, column, length)
    assert problem.suggestion == suggestion
    assert problem.code
    assert problem.excerpt == text.split("\n")[line].replace("\t", " ").replace("\x00", " ")


def test_all_statements_are_checked_before_reporting() -> None:
    found = mistakes(
        SHOP + 'segment a: contact.contry == "FR"\nscore b: 5 on "A"\nsegment c: contact.score >\n'
        'trigger d: on enter hott\n  alert sale "{{ nme }}"\n  add to lst fair\natribute e: text\n'
    )
    assert [problem.line - START for problem in found] == [0, 1, 2, 3, 4, 4, 5, 6]


def test_a_wrong_statement_is_no_unknown_name_elsewhere() -> None:
    found = mistakes('segment a: contact.score >\nattribute b: txt\nsegment c: in_segment("a") and contact.b == "x"\n')
    assert [problem.line for problem in found] == [1, 2]


def test_a_mistake_in_a_continued_line_has_the_place_it_was_written_at() -> None:
    found = mistakes('segment a: contact.score > 3 and \\\n  contact.contry == "FR"\n')
    assert [(problem.line, problem.column, problem.excerpt) for problem in found] == [
        (2, 11, '  contact.contry == "FR"')
    ]


def test_a_mistake_in_a_long_line_is_shown_with_what_stands_around_it() -> None:
    text = "segment a: " + " or ".join(f'contact.country == "{"x" * 30}"' for _ in range(15)) + " or contact.contry\n"
    (problem,) = mistakes("attribute country: text\n" + text)
    assert problem.suggestion == "country"
    assert len(problem.excerpt) <= 300
    assert problem.excerpt[problem.caret - 1 :].startswith("contry")
    assert str(problem).endswith(" " * (4 + problem.caret - 1) + "^" * 6)


def test_longer_cycles_are_named_once() -> None:
    found = mistakes(
        'segment a: in_segment("b")\nsegment b: in_segment("c")\nsegment c: in_segment("a")\n'
        'score s: +5 while in_segment("d")\nsegment d: contact.score > 3\nsegment e: in_segment("a")\n'
    )
    assert [problem.message for problem in found] == [
        "segment a depends on itself: a → b → c → a",
        "score s depends on itself: s → d → s",
    ]


def test_expected_words_are_given_as_they_are() -> None:
    (problem,) = mistakes('team t: discord "#a"')
    assert problem.expected == ("email", "slack", "telegram")
    assert problem.arguments == {"found": "discord", "expected": "email, slack, telegram"}
