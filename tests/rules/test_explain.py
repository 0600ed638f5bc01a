"""Why a contact has its score; why a rule is or is not true of it."""

from __future__ import annotations

import msgspec

from rules.explain import Part, RuleWhy, explain_rule, explain_score
from tests.rules.story import DAY, HOUR, START, Story, book

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
    missing = Part(text="event.amount", outcome="value", value="null")
    assert why.parts[0] == Part(text="event.amount > 100", outcome="missing", parts=(missing,))
    assert explain_rule(story.contact, [], story.book, "unknown", START) is None


def test_points_that_age_say_what_they_were_worth() -> None:
    story = Story(RULES)
    story.happens("Click")
    story.happens("Product Added")
    fade, cart = sorted(explain_score(story.contact, [], story.book, START + DAY), key=lambda line: line.points)
    assert (fade.points, fade.fresh, fade.hits) == (4, 8, 1)
    assert cart.fresh is msgspec.UNSET


def lines(parts: tuple[Part, ...], depth: int = 0) -> list[str]:
    """The parts of a condition, a line each."""
    found: list[str] = []
    for part in parts:
        found.append(f"{'  ' * depth}{part.text} | {part.outcome}{' ' + part.value if part.value else ''}")
        found += lines(part.parts, depth + 1)
    return found


def why_of(story: Story, rule: str, now: int | None = None) -> RuleWhy:
    why = explain_rule(story.contact, story.past, story.book, rule, story.now if now is None else now)
    assert why is not None
    return why


def test_each_part_is_told_with_its_value_and_the_first_that_decided() -> None:
    story = Story(
        """
attribute country: text
attribute vip: yes/no
segment x: count("Visit", t"P7D") >= 2 and (contact.country == "FR" and (contact.vip or contact.score * 2 > 9)) \\
  and not in_segment("y")
segment y: days_since(first("Visit")) > 3 or contact.country.as_lower in ["de", "it"]
"""
    )
    story.learns(country="FR")
    for _ in range(2):
        story.happens("Visit")
    story.gets(40)
    why = why_of(story, "x")
    assert lines(why.parts) == [
        'count("Visit", t"P7D") >= 2 | true',
        '  count("Visit", t"P7D") | value 2',
        'contact.country == "FR" | true',
        '  contact.country | value "FR"',
        "contact.vip or contact.score * 2 > 9 | false",
        "  contact.vip | false null",
        "  contact.score * 2 > 9 | false",
        "    contact.score * 2 | value 8",
        "      contact.score | value 4",
        'not in_segment("y") | true',
        '  in_segment("y") | false',
    ]
    assert (why.reason, why.failed, why.culprit) == ("condition", 2, "contact.vip or contact.score * 2 > 9")
    why = why_of(story, "y")
    assert lines(why.parts) == [
        'days_since(first("Visit")) > 3 or contact.country.as_lower in ["de", "it"] | false',
        '  days_since(first("Visit")) > 3 | false',
        '    days_since(first("Visit")) | value 0',
        '      first("Visit") | value d"2026-03-02T09:00:00+00:00"',
        '  contact.country.as_lower in ["de", "it"] | false',
        '    contact.country.as_lower | value "fr"',
        '      contact.country | value "FR"',
    ]
    story.learns(vip=True)
    why = why_of(story, "x")
    assert (why.true, why.culprit, why.since, why.version) == (True, "", story.now, 1)


def test_values_of_personal_attributes_are_marked_so_that_channels_mask_them() -> None:
    story = Story(
        """
attribute phone: text, personal
attribute name: text, personal, shown in alerts
segment x: contact.phone.length > 3 and contact.name == "Ana"
"""
    )
    story.learns(phone="0612345678", name="Zoé")
    length, name = why_of(story, "x").parts
    assert (length.parts[0].value, length.parts[0].personal, length.parts[0].parts[0].personal) == ("10", True, True)
    assert (name.parts[0].value, name.parts[0].personal) == ('"Zoé"', False)


def test_a_score_is_explained_as_of_its_event() -> None:
    story = Story(
        """
attribute country: text
purpose ads: "Ads?"
score second: +5 on "Order" when count("Order") == 2 and contact.country == "FR"
score told for ads: +1 on "Order"
"""
    )
    story.learns(country="FR")
    story.happens("Order")
    story.waits(HOUR)
    story.happens("Order")
    story.waits(HOUR)
    story.learns(country="DE")
    why = why_of(story, "second")
    assert (why.true, why.hits, why.at) == (True, 1, START + HOUR)
    assert lines(why.parts) == [
        'count("Order") == 2 | true',
        '  count("Order") | value 2',
        'contact.country == "FR" | true',
        '  contact.country | value "FR"',
    ]
    story.consents("ads")
    assert why_of(story, "told").reason == "no consent"  # it was given after the event
    story.happens("Order")
    assert (why_of(story, "told").true, why_of(story, "second").culprit) == (True, 'count("Order") == 2')


def test_a_trigger_says_when_its_occasion_or_its_cap_is_in_the_way() -> None:
    story = Story(
        """
team sales: slack "#sales"
segment warm: contact.score >= 5
trigger lead: on enter warm
  alert sales "warm"
trigger order: on "Order" at most 1 per day when event.amount > 1
  alert sales "order"
"""
    )
    story.happens("Order", amount=5)
    assert why_of(story, "lead").reason == "no occasion"
    assert why_of(story, "order").reason == "at most"
    assert why_of(story, "order", story.now + DAY).true
    story.gets(60)
    why = why_of(story, "lead")
    assert (why.true, why.since, why.entry, why.version) == (True, story.now, str(story.number), 1)


def test_a_contact_that_a_recompute_has_not_reached_is_explained_under_the_new_text() -> None:
    story = Story('segment x: count("Visit") >= 2')
    for _ in range(3):
        story.happens("Visit")
    story.book = book('segment x: count("Visit", t"P1D") >= 4 and count("Visit") >= 3', 2)
    assert [part.outcome for part in why_of(story, "x").parts] == ["false", "true"]
