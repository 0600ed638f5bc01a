"""Digests: when they come, whom they rank first, what they say."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from rules import RuleErrors, parse_rulebook
from rules.digest import digest_text, last_occurrence, value_of
from rules.entry import ListChanged
from rules.rulebook import Rulebook
from tests.rules.story import DAY, HOUR, START, Story, book, copy_of

PARIS = ZoneInfo("Europe/Paris")
TEXT = """
attribute first_name: text, personal
team sales: slack "#hot"
list met: "Met at the fair"
score visit: +1 on "Page Viewed"
segment known: contact.score >= 1
digest top: at "2026-03-09 09:00" top 3 of {of} by {by}
  alert sales "{alert}"
"""


def digest_book(
    of: str = "met", by: str = 'count("Page Viewed", t"P7D")', alert: str = "The keenest", when: str = ""
) -> Rulebook:
    text = TEXT.format(of=of, by=by, alert=alert)
    return book(text.replace('at "2026-03-09 09:00"', when) if when else text)


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_a_dated_digest_comes_once_in_the_zone_and_not_when_it_was_past_already() -> None:
    digest = digest_book().digests["top"]
    moment = at("2026-03-09 08:00")  # 09:00 in Paris
    assert last_occurrence(digest, START, moment - 1, PARIS) is None
    assert last_occurrence(digest, START, moment, PARIS) == moment
    assert last_occurrence(digest, START, moment + 25 * HOUR, PARIS) == moment, "an outage of a day swallowed it"
    assert last_occurrence(digest, moment, moment + DAY, PARIS) is None
    assert last_occurrence(digest, moment + HOUR, moment + DAY, PARIS) is None, "past when it was published"


def test_a_weekly_digest_comes_every_week_and_once_for_several_that_were_missed() -> None:
    digest = digest_book(when="every monday at 09:00").digests["top"]
    first = at("2026-03-02 08:00")
    assert last_occurrence(digest, first, first + 7 * DAY - 1, PARIS) is None
    assert last_occurrence(digest, first, first + 7 * DAY, PARIS) == first + 7 * DAY
    summer = at("2026-03-30 07:00")  # the clocks were put forward the day before
    assert last_occurrence(digest, first, summer + HOUR, PARIS) == summer
    assert last_occurrence(digest, 0, at("2026-03-09 07:59"), PARIS) == first


def test_a_daily_digest_keeps_its_hour_when_the_clocks_change() -> None:
    digest = digest_book(when="every day at 02:30").digests["top"]
    gap = at("2026-03-29 01:00")  # 02:30 does not exist that night: the first moment after the gap
    assert last_occurrence(digest, gap - 2 * HOUR, gap + HOUR, PARIS) == gap


def test_a_member_is_ranked_by_the_number_as_it_is_now_and_others_are_not() -> None:
    rules = digest_book()
    story = Story(rules)
    for _ in range(3):
        story.happens("Page Viewed")
    digest = rules.digests["top"]
    assert value_of(copy_of(story.contact), digest, rules, story.now, "UTC") is None, "not on the list"
    story.apply(ListChanged(time=story.now, list="met", member=True))
    assert value_of(copy_of(story.contact), digest, rules, story.now, "UTC") == 3
    assert value_of(copy_of(story.contact), digest, rules, story.now + 8 * DAY, "UTC") == 0, "the week is over"


def test_who_has_no_number_is_left_out() -> None:
    for by in ("contact.score / (contact.score - 1)", 'days_since(last("Order Completed"))', 'last("Page Viewed")'):
        rules = digest_book(of="known", by=by)
        story = Story(rules)
        story.happens("Page Viewed")
        assert value_of(copy_of(story.contact), rules.digests["top"], rules, story.now, "UTC") is None, by


def test_a_digest_is_not_claimed() -> None:
    text = TEXT.format(of="met", by="contact.score", alert="Hello")
    with pytest.raises(RuleErrors) as errors:
        parse_rulebook(text.rstrip() + ", claim within 30 minutes else alert sales\n")
    assert [problem.code for problem in errors.value.problems] == ["claim"]


def test_a_digest_says_its_text_which_speaks_of_no_contact() -> None:
    rules = digest_book(alert="Hello {{ contact.first_name or 'all' }}")
    assert digest_text(rules.digests["top"], rules, START) == "Hello all"
