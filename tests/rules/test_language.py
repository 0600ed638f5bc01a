"""What a rulebook's text means."""

from __future__ import annotations

from pathlib import Path

import pytest

import rules
from rules import RuleErrors, parse_rulebook
from rules.check import not_run_yet
from rules.rulebook import (
    AddToList,
    AlertTeam,
    At,
    AtMost,
    Attribute,
    Duration,
    Every,
    EveryYear,
    If,
    OnBroadcast,
    OnConsent,
    OnEnter,
    OnFeed,
    OnLeave,
    OnList,
    RemoveFromList,
    Rulebook,
    Split,
    Target,
    Wait,
    WaitFor,
    WaitUntil,
    meaning,
)

TEXTS = Path(__file__).parent / "texts"
LIBRARY = Path(rules.__file__).parent / "library"
SHOP = """
attribute plan: one of "free" | "pro"
attribute birthday: date
purpose letters: "Yes."
team sales: slack "#hot-leads"
list fair: "Met at the fair"
segment hot: contact.score >= 10
"""


def whole(language: str) -> str:
    return (TEXTS / f"whole.{language}.rules").read_text(encoding="utf-8")


def shop(statement: str) -> Rulebook:
    return parse_rulebook(SHOP + statement)


def test_the_public_names_are_these() -> None:
    assert sorted(rules.__all__) == [
        "EvaluationError",
        "RuleError",
        "RuleErrors",
        "compile_expression",
        "parse_rulebook",
    ]
    assert issubclass(rules.RuleErrors, rules.RuleError)
    assert issubclass(rules.EvaluationError, rules.RuleError)


def test_our_rules_package_is_the_one_that_is_imported() -> None:
    assert Path(rules.__file__).parent.name == "rules"
    assert (Path(rules.__file__).parent / "grammar.lark").is_file()


def test_the_whole_example_is_a_rulebook() -> None:
    book = parse_rulebook(whole("en"))
    assert len(book.statements()) == 39
    assert list(book.scores) == ["signup", "click", "cart", "big_cart", "core_market", "ignored"]
    assert book.attributes["plan"] == Attribute(
        name="plan", type="one of", options=("free", "pro", "enterprise"), line=book.attributes["plan"].line
    )
    assert book.purposes["newsletter"].renew_after == Duration(36, "month")
    assert book.purposes["targeting"].channels == ("email", "push")
    assert book.teams["sales"].targets == (Target("slack", "#hot-leads"), Target("telegram", "-1001234567890"))
    assert book.scores["click"].at_most == AtMost(number=5, per="day")
    assert book.scores["cart"].halves == Duration(30, "day")
    assert book.scores["ignored"].tenths == -100
    assert book.quiet_hours is not None
    assert book.limits["email"].at_most == AtMost(number=3, per=Duration(7, "day"))


def test_french_and_english_are_the_same_rulebook() -> None:
    english, french = parse_rulebook(whole("en")), parse_rulebook(whole("fr"))
    assert meaning(english) == meaning(french)
    assert set(english.languages.values()) == {"en"}
    assert set(french.languages.values()) == {"fr"}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_sample_uses_only_what_runs_and_has_no_warning(language: str) -> None:
    book = parse_rulebook((LIBRARY / f"sample.{language}.rules").read_text(encoding="utf-8"))
    assert not_run_yet(book) == []
    assert book.warnings == ()
    assert all(score.purpose is None for score in book.scores.values())


def test_the_two_samples_differ_in_their_texts_alone() -> None:
    english, french = (
        parse_rulebook((LIBRARY / f"sample.{language}.rules").read_text(encoding="utf-8")) for language in ("en", "fr")
    )
    assert [meaning(score) for score in english.scores.values()] == [meaning(s) for s in french.scores.values()]
    assert [meaning(one) for one in english.segments.values()] == [meaning(one) for one in french.segments.values()]
    assert list(english.triggers) == list(french.triggers)


def test_languages_may_be_mixed_between_statements_but_not_within_one() -> None:
    book = parse_rulebook("attribute a: text\nattribut b: nombre\nscore s: +5 tant que contact.b > 3\n")
    assert book.languages == {("attribute", "a"): "en", ("attribute", "b"): "fr", ("score", "s"): "fr"}
    with pytest.raises(RuleErrors):
        parse_rulebook('score s: +5 sur "A" at most 3 per day\n')


def test_accents_may_be_composed_or_not() -> None:
    book = parse_rulebook('e\u0301quipe sales: slack "#a"\n')
    assert list(book.teams) == ["sales"]


def test_a_line_goes_on_after_a_backslash_and_comments_say_nothing() -> None:
    book = parse_rulebook('segment s: contact.score > 3 and \\\n    contact.score < "#".length + 9 # why\n')
    assert book.segments["s"].condition.text == 'contact.score > 3 and contact.score < "#".length + 9'


def test_a_hash_in_quotes_is_no_comment_and_an_apostrophe_in_a_comment_no_quote() -> None:
    book = parse_rulebook('team a: slack "#a" # l\'équipe d\'ici\nlist l: "C#" # "\n')
    assert book.teams["a"].targets == (Target("slack", "#a"),)
    assert book.lists["l"].label == "C#"


def test_quotes_and_backslashes_are_escaped_in_texts() -> None:
    assert parse_rulebook(r'list l: "a \"b\" \\ c \n"').lists["l"].label == r'a "b" \ c \n'


def test_windows_line_ends_and_a_byte_order_mark_mean_nothing() -> None:
    book = parse_rulebook('\ufeffattribute a: text\r\n\r\nlist l: "x"\r\n')
    assert (book.attributes["a"].line, book.lists["l"].line) == (1, 3)


@pytest.mark.parametrize(
    ("entry", "occasion"),
    [
        ("on enter hot", OnEnter("hot")),
        ("on leave hot", OnLeave("hot")),
        ("on list fair", OnList("fair")),
        ("on consent letters", OnConsent("letters")),
        ("every year on contact.birthday at 9:00", EveryYear("birthday", "09:00")),
    ],
)
def test_entries(entry: str, occasion: object) -> None:
    assert shop(f"trigger t: {entry}\n  add to list fair\n").triggers["t"].occasion == occasion


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ('at "2028-02-29 10:00" at most 1 ever to contact.plan == "pro"', At),
        ('every monday at 09:00 to contact.plan == "pro"', Every),
        ('every day at 09:00 to contact.plan == "pro"', Every),
        ('on broadcast "Sale" at most 2 per week to event.plan == contact.plan', OnBroadcast),
        ('on feed "https://blog.example/feed" to event.title != null', OnFeed),
    ],
)
def test_entries_with_an_audience(entry: str, kind: type) -> None:
    occasion = shop(f"trigger t: {entry}\n  add to list fair\n").triggers["t"].occasion
    assert isinstance(occasion, kind)
    assert "contact.plan" in occasion.to.text or "event.title" in occasion.to.text  # type: ignore[attr-defined]


def test_actions_of_a_trigger() -> None:
    book = shop('trigger t: on "A"\n  alert sales "Hi"\n  add to list fair\n  remove from list fair\n')
    assert [type(action) for action in book.triggers["t"].actions] == [AlertTeam, AddToList, RemoveFromList]
    assert [action.line for action in book.triggers["t"].actions] == [9, 10, 11]


def test_how_often_points_count() -> None:
    book = shop(
        'score a: +1 on "A" at most 2 per week\nscore b: +1 on "A" at most 2 per 36 hours lasts 3 days\n'
        'score c: -0.5 on "A" at most 1 ever when event.x > 1\nscore d: +2.0 on "A"\n'
    )
    assert [book.scores[name].at_most for name in "abc"] == [
        AtMost(number=2, per="week"),
        AtMost(number=2, per=Duration(36, "hour")),
        AtMost(number=1, per="ever"),
    ]
    assert [book.scores[name].tenths for name in "abcd"] == [10, 10, -5, 20]
    assert book.scores["b"].lasts == Duration(3, "day")


def test_steps_of_a_scenario() -> None:
    steps = parse_rulebook(whole("en")).scenarios["abandoned_cart"].steps
    assert [type(step) for step in steps[:3:2]] == [Wait, WaitFor]
    fork = steps[3]
    assert isinstance(fork, If)
    assert [branch.condition.text for branch in fork.branches if branch.condition] == [
        "not arrived and contact.score >= 150",
        "not arrived",
    ]
    split = fork.branches[1].steps[0]
    assert isinstance(split, Split)
    assert [(share.percent, share.name) for share in split.shares] == [(50, "plain"), (50, "playful")]


def test_labels_and_every_way_to_wait() -> None:
    book = shop(
        'scenario s for letters: on "A"\n'
        "\tagain after 2 days\n"
        '\trestart on "B" when event.x == entry.x\n'
        "\twait until 9:30 @morning\n"
        "\twait until monday 09:00\n"
        "\twait until contact.birthday @birthday\n"
        '\tif contact.plan == "pro" @pro\n'
        "\t\tadd 5 points\n"
        "\telse @rest\n"
        "\t\tadd -2.5 points\n"
        '\tset contact.plan = "pro"\n'
        '\tconvert "Sold" amount event_free\n'.replace("event_free", "entry.amount")
        + "\tstop scenario s\n\tstart scenario s\n\tstop\n"
    )
    scenario = book.scenarios["s"]
    assert scenario.again_after == Duration(2, "day")
    assert [one.event for one in scenario.restarts] == ["B"]
    waits = [step for step in scenario.steps if isinstance(step, WaitUntil)]
    assert [(wait.day, wait.time, wait.label) for wait in waits] == [
        ("", "09:30", "morning"),
        ("monday", "09:00", ""),
        ("", "", "birthday"),
    ]
    fork = next(step for step in scenario.steps if isinstance(step, If))
    assert [branch.label for branch in fork.branches] == ["pro", "rest"]


def test_two_kinds_may_share_a_name() -> None:
    book = parse_rulebook('list hot: "x"\nsegment hot: contact.score > 3\n')
    assert ("list", "hot") in book.sources
    assert ("segment", "hot") in book.sources


def test_the_text_of_a_statement_is_kept_as_it_was_written() -> None:
    book = shop('trigger t:   on "A"  # always\n\n  # here\n  add to list fair\n# after\n')
    assert book.sources["trigger", "t"] == 'trigger t:   on "A"  # always\n\n  # here\n  add to list fair'


def test_what_is_not_run_yet_is_named_where_it_stands() -> None:
    book = parse_rulebook(whole("en"))
    refused = not_run_yet(book)
    assert book.goals["weekly_leads"].line in {problem.line for problem in refused}
    assert {problem.line for problem in refused}.isdisjoint(one.line for one in book.scenarios.values())
    assert all(problem.code == "not run yet" for problem in refused)
    assert refused[-1].excerpt == "goal weekly_leads: 50 enter qualified per week"


def test_what_is_known_outside_is_looked_up_and_only_warned_about() -> None:
    book = parse_rulebook(
        SHOP + 'score s: +5 on "Page Veiwed"\ntrigger t for letters: on enter hot\n  send email helo\n',
        {"events": ["Page Viewed"], "messages": ["hello"], "channels": ["#sales"]},
    )
    assert [(warning.code, warning.suggestion) for warning in book.warnings] == [
        ("unknown chat", None),
        ("unseen event", "Page Viewed"),
        ("unknown message", "hello"),
    ]


def test_an_empty_text_is_an_empty_rulebook() -> None:
    assert parse_rulebook("").statements() == []
    assert parse_rulebook("# nothing yet\n\n").statements() == []
