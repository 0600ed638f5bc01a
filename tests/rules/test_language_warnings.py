"""Warnings: what is allowed, but hardly meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules import parse_rulebook
from rules.errors import Problem

SHOP = """attribute country: text
attribute age_of_firm: number
attribute plan: one of "free" | "pro"
purpose letters: "Yes.", via email
list fair: "Met at the fair"
"""
PROFILING = 'purpose targeting: "Yes.", profiling\n'


def warnings(text: str) -> list[Problem]:
    return list(parse_rulebook(SHOP + text).warnings)


def codes(text: str) -> list[str]:
    return [warning.code for warning in warnings(text)]


@pytest.mark.parametrize(
    "condition",
    [
        "false",
        'contact.country == "FR" and contact.country == "BE"',
        'contact.plan == "gold"',
        'contact.plan in ["gold", "platinum"]',
        'contact.plan == "pro" and contact.plan != "pro"',
        "contact.score > 10 and contact.score < 5",
        "contact.score > 10 and contact.score <= 10",
        "10 < contact.score and 5 > contact.score",
        'count("A") < 0',
        'contact.country in ["FR", "BE"] and contact.country == "CH"',
        "1 > 2 and contact.score > 3",
        'contact.score > 3 and (contact.plan == "x" or contact.plan == "y")',
        "contact.score == 3 and contact.score > 5",
        "contact.country in []",
        'contact.age_of_firm == "3"',
        "contact.country == 3",
        'contact.created in ["2026-01-31"]',
        "contact.score != 3 and contact.score == 3",
        'contact.created > d"2026-01-31" and contact.created < d"2025-01-31"',
        "null",
        '""',
        "not true",
        "0 and contact.score > 3",
    ],
)
def test_a_condition_that_its_literals_exclude_is_doubted(condition: str) -> None:
    found = warnings(f"segment s: {condition}\n")
    assert [warning.code for warning in found] == ["never true"]
    assert (found[0].line, found[0].column, found[0].length) == (6, 12, len(condition))


@pytest.mark.parametrize(
    "condition",
    [
        "true",
        'contact.country == "FR" or contact.country == "BE"',
        'contact.plan == "pro" and contact.country == "pro"',
        "contact.score > 5 and contact.score < 10",
        "contact.score >= 10 and contact.score <= 10",
        'count("A") == 0 and count("B") >= 0',
        'count("A", t"P1D") > 3 and count("A") < 10',
        'not contact.plan == "gold" and contact.plan != "free"',
        "contact.score > 3 and contact.score > 5",
        "contact.score > -5 and contact.score < 5",
        "contact.country not in []",
        "contact.score > 1 and contact.score > nan",
        'contact.created >= d"2026-01-31" and contact.created <= d"2026-01-31"',
        'contact.age_of_firm != "3"',
        "contact.country == null",
        "contact.country in contact.country",
        "not null",
        "1",
    ],
)
def test_a_condition_that_may_be_true_is_not_doubted(condition: str) -> None:
    assert warnings(f"segment s: {condition}\n") == []


@pytest.mark.parametrize(
    ("condition", "better"),
    [
        ('last("Page Viewed") > now - t"PT2H" or contact.score > 50', 'count("Page Viewed", t"PT2H") > 0'),
        ("contact.age_of_firm > 3 or true", "(contact.age_of_firm != null and contact.age_of_firm > 3)"),
        (
            'true or contact.age_of_firm + 1 > 3 or contact.country == "FR"',
            "(contact.age_of_firm != null and contact.age_of_firm + 1 > 3)",
        ),
        (
            'days_since(first("A")) > 3 or contact.score > 1',
            '(first("A") != null and days_since(first("A")) > 3)',
        ),
    ],
)
def test_a_missing_value_that_would_silence_an_or_is_pointed_out_with_a_better_form(
    condition: str, better: str
) -> None:
    found = warnings(f"segment s: {condition}\n")
    assert [(warning.code, warning.suggestion) for warning in found] == [("silenced", better)]
    repaired = condition.replace(condition[found[0].column - 12 :][: found[0].length], better)
    assert warnings(f"segment s: {repaired}\n") == []


@pytest.mark.parametrize(
    "condition",
    [
        'contact.score > 50 or last("Page Viewed") > now - t"PT2H"',
        "contact.age_of_firm != null and contact.age_of_firm > 3 or true",
        'count("A") > 0 and last("A") > now - t"PT2H" or contact.score > 3',
        'contact.country == "FR" or contact.score > 3',
    ],
)
def test_a_part_that_is_guarded_or_last_silences_nothing(condition: str) -> None:
    assert warnings(f"segment s: {condition}\n") == []


def test_a_comparison_of_two_properties_that_may_both_be_missing_is_pointed_out() -> None:
    (found,) = warnings('scenario s: on "A"\n  stop on "B" when event.cart == entry.cart\n  wait 1 day\n')
    assert (found.code, found.suggestion) == ("both missing", "event.cart != null and event.cart == entry.cart")
    assert (found.line, found.column, found.length) == (7, 20, 24)
    assert (
        codes('scenario s: on "A"\n  key event.cart\n  stop on "B" when event.cart == entry.cart\n  wait 1 day\n') == []
    )


def test_values_that_are_no_conditions_are_not_doubted() -> None:
    assert codes('attribute known: yes/no\ntrigger t: on "A"\n  set contact.known = false\n') == []


def test_behaviour_is_only_profiled_for_a_purpose_that_allows_it() -> None:
    text = (
        'score on_event: +5 on "A"\nscore asked for targeting: +5 on "A"\nscore facts: +5 while contact.plan == "pro"\n'
        'segment counted: count("A") > 3\nsegment scored: contact.score > 3\nsegment plan: contact.plan == "pro"\n'
        'segment nested: in_segment("scored")\nsegment allowed for targeting: contact.score > 3\n'
        "scenario built: on enter nested\n  wait 1 day\nscenario fair: on list fair\n  wait 1 day\n"
        "scenario asking: on list fair\n  if contact.score > 3\n    wait 1 day\n"
    )
    assert codes(PROFILING.replace(", profiling", "") + text) == []
    found = [warning for warning in warnings(PROFILING + text) if warning.code == "profiling"]
    assert [warning.arguments["name"] for warning in found] == [
        "on_event", "counted", "scored", "nested", "built", "asking",
    ]  # fmt: skip
    assert (found[0].line, found[0].column, found[0].length) == (7, 7, 8)


def test_a_message_that_nobody_could_get_is_pointed_out() -> None:
    assert codes('trigger t: on "A"\n  send email hello\n') == ["no purpose"]
    assert codes('trigger t for letters: on "A"\n  send email hello\n  send sms hello\n') == ["channel not covered"]
    assert codes('trigger t: on "A"\n  send email hello for letters\n  send webhook hook\n') == []


def test_the_example_of_the_reference_has_no_warning() -> None:
    text = (Path(__file__).parent / "texts" / "whole.en.rules").read_text(encoding="utf-8")
    assert parse_rulebook(text).warnings == ()


def test_a_moment_that_is_past_is_pointed_out_where_the_time_is_known() -> None:
    text = SHOP + 'trigger t: at "2026-03-20 10:00" to true\n  add to list fair\n'
    assert [one.code for one in parse_rulebook(text, {"now": "2026-11-21 10:00"}).warnings] == ["past moment"]
    assert parse_rulebook(text, {"now": "2026-01-21 10:00"}).warnings == ()


def test_what_says_nothing_is_pointed_out() -> None:
    assert codes("attribute x: text, shown in alerts\n") == ["no effect"]


def test_an_odd_address_of_a_chat_is_pointed_out() -> None:
    found = warnings(
        'team t: slack "hot-leads", slack "C012AB", telegram "1001234567890", telegram "@us", email "a@b.fr"\n'
    )
    assert [(one.code, one.column, one.suggestion) for one in found] == [
        ("address", 15, '"#hot-leads"'),
        ("address", 53, '"-1001234567890"'),
    ]
    assert warnings('team t: slack "T0123/#hot-leads", slack "T0123/C012AB"\n') == []
    [odd] = warnings('team t: slack "T0123/hot-leads"\n')
    assert odd.suggestion == '"T0123/#hot-leads"'


def test_a_topic_of_a_group_that_the_bot_knows_is_known() -> None:
    known = {"channels": {"-1001234567890"}}
    text = 'team t: telegram "-1001234567890", telegram "-1001234567890/42", telegram "-100/42"\n'
    assert [(one.code, one.column) for one in parse_rulebook(text, known).warnings] == [("unknown chat", 75)]
