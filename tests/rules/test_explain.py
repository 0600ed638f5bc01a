"""Why a contact has its score; why a rule is or is not true of it."""

from __future__ import annotations

from rules.explain import Part, explain_rule, explain_score, terms
from tests.rules.story import DAY, HOUR, START, Story

RULES = """
attribute country: text
purpose news: "News?"
score cart: +10 on "Product Added" at most 2 per day
score fade: +8 on "Click" halves every 1 day
score core: +5 while contact.country == "FR"
score none: +1 on "Nothing"
segment warm for news: contact.score >= 20 and (contact.country == "FR" or contact.country == "BE")
trigger buy: on "Order" when event.amount > 100 and contact.country == "FR"
  add to list big
list big: "Big"
"""


def test_the_score_is_explained_line_by_line_and_adds_up() -> None:
    story = Story(RULES)
    story.learns(country="FR")
    for _ in range(3):
        story.happens("Product Added")
    story.happens("Click")
    story.gets(15)
    lines = explain_score(story.contact, story.past, story.book, START + DAY)
    assert [(line.rule, line.points, line.hits, line.counted) for line in lines] == [
        ("cart", 20, 3, 2),
        ("fade", 4, 1, 1),
        ("core", 5, 0, 0),
    ]
    assert lines[0].text.startswith("score cart")


def test_a_segment_is_explained_term_by_term() -> None:
    story = Story(RULES)
    story.learns(country="DE")
    story.consents("news")
    why = explain_rule(story.contact, [], story.book, "warm", START)
    assert why is not None
    assert (why.true, why.reason, why.failed) == (False, "condition", 0)
    assert [part.outcome for part in why.parts] == ["false", "false"]
    story.gets(200)
    why = explain_rule(story.contact, [], story.book, "warm", START)
    assert why is not None
    assert why.failed == 1
    story.learns(START + HOUR, country="BE")
    why = explain_rule(story.contact, [], story.book, "warm", START + HOUR)
    assert why is not None
    assert (why.true, why.since, why.version) == (True, START + HOUR, 1)


def test_a_rule_without_consent_or_event_says_so() -> None:
    story = Story(RULES)
    why = explain_rule(story.contact, [], story.book, "warm", START)
    assert why is not None
    assert why.reason == "no consent"
    why = explain_rule(story.contact, [], story.book, "buy", START)
    assert why is not None
    assert why.reason == "no such event"
    story.happens("Order")
    why = explain_rule(story.contact, [], story.book, "buy", START)
    assert why is not None
    assert why.parts[0] == Part(text="event.amount > 100", outcome="missing")
    assert explain_rule(story.contact, [], story.book, "unknown", START) is None


def test_terms_are_cut_at_the_top_only() -> None:
    assert terms('a and "x and y" == b and (c and d)') == ["a", '"x and y" == b', "(c and d)"]
    assert terms("a and b or c") == ["a and b or c"]
    assert terms("a and b ? c : d") == ["a and b ? c : d"]
