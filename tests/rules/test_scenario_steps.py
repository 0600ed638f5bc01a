"""The steps of a scenario: waits by the clock and the calendar, branches, splits."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from rules.contact import Contact
from rules.decision import Decision
from rules.moment import instant
from tests.rules.scenes import ends, messages, moments, shop, timed
from tests.rules.story import DAY, HOUR, MINUTE, START, Story

PARIS = ZoneInfo("Europe/Paris")


def local_times(story: Story, span: int) -> list[str]:
    """Time passes: when messages go out, by the clock in Paris."""
    return [
        f"{instant(moment).astimezone(PARIS):%a %Y-%m-%d %H:%M}"
        for moment, decision in moments(story, span)
        for _ in decision.sends
    ]


def paris(text: str, start: str) -> Story:
    """A contact in Paris to whom A happens at a local time."""
    story = shop(text, timezone="Europe/Paris")
    story.now = int(datetime.fromisoformat(start).replace(tzinfo=PARIS).timestamp() * 1000)
    story.happens("A")
    return story


@pytest.mark.parametrize(
    ("wait", "start", "sent"),
    [
        ("wait 3 hours", "2026-03-29T01:30", "Sun 2026-03-29 05:30"),
        ("wait 1 day", "2026-03-28T10:00", "Sun 2026-03-29 10:00"),
        ("wait 1 day", "2026-03-28T02:30", "Sun 2026-03-29 03:00"),
        ("wait 1 day", "2026-10-24T02:30", "Sun 2026-10-25 02:30"),
        ("wait 1 week", "2026-10-20T10:00", "Tue 2026-10-27 10:00"),
        ("wait 1 month", "2026-01-31T10:00", "Sat 2026-02-28 10:00"),
        ("wait 1 month", "2028-01-31T10:00", "Tue 2028-02-29 10:00"),
        ("wait until 09:00", "2026-03-02T08:00", "Mon 2026-03-02 09:00"),
        ("wait until 09:00", "2026-03-02T09:30", "Tue 2026-03-03 09:00"),
        ("wait until 02:30", "2026-03-29T01:00", "Sun 2026-03-29 03:00"),
        ("wait until monday 09:00", "2026-03-02T09:30", "Mon 2026-03-09 09:00"),
    ],
)
def test_a_wait_keeps_to_the_clock_on_the_wall(wait: str, start: str, sent: str) -> None:
    story = paris(f'scenario one: on "A"\n  {wait}\n  send email a\n', start)
    assert local_times(story, 40 * DAY) == [sent]


def test_a_local_time_that_comes_twice_is_the_first_of_the_two() -> None:
    story = paris('scenario one: on "A"\n  wait until 02:30\n  send email a\n', "2026-10-25T01:00")
    assert [moment for moment, _ in moments(story, DAY)] == [
        int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp() * 1000)
    ]


def test_waiting_until_now_is_no_wait() -> None:
    story = shop('scenario one: on "A"\n  wait until 09:00\n  send email a\n')
    assert messages(story.happens("A")) == ["a"]


def test_a_wait_follows_the_contact_into_another_zone() -> None:
    story = shop('scenario one: on "A"\n  wait until 20:00\n  send email a\n', timezone="Europe/Paris")
    story.happens("A")
    story.learns(timezone="America/New_York")
    assert timed(story, 2 * DAY) == [("a", 16.0)]


def test_a_zone_in_which_the_moment_is_past_lets_a_run_go_on_at_once() -> None:
    story = shop('scenario one: on "A"\n  wait until 12:00\n  send email a valid 1 hour\n')
    story.happens("A")
    story.waits(2 * HOUR)
    decision = story.learns(timezone="Asia/Tokyo")
    assert decision.sends == []  # at 09:00 UTC the next noon there is eighteen hours away
    assert timed(story, 2 * DAY) == [("a", 18.0)]
    other = shop('scenario one: on "A"\n  wait 1 day\n  send email a valid 1 hour\n', timezone="UTC")
    other.now = int(datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp() * 1000)
    other.happens("A")
    other.waits(23 * HOUR + 30 * MINUTE)
    (send,) = other.learns(timezone="Europe/Paris").sends
    assert send.due == other.now  # it became due with the zone: it is not late


def test_a_run_waits_until_a_moment_that_may_move() -> None:
    text = 'scenario one: on "A"\n  wait until contact.trial_ends\n  send email over\n'
    story = shop(text)
    story.sets(trial_ends="2026-03-05T09:00:00Z")
    story.happens("A")
    story.sets(trial_ends="2026-03-04T09:00:00Z")
    assert timed(story, 4 * DAY) == [("over", 48.0)]


@pytest.mark.parametrize("end", [None, "2026-03-01T00:00:00Z"])
def test_a_moment_that_is_past_or_none_is_not_waited_for(end: str | None) -> None:
    story = shop('scenario one: on "A"\n  wait until contact.trial_ends\n  send email over\n')
    if end is not None:
        story.sets(trial_ends=end)
    assert messages(story.happens("A")) == ["over"]
    other = shop('scenario one: on "A"\n  wait until contact.trial_ends\n  send email over\n')
    other.sets(trial_ends="2026-03-05T09:00:00Z")
    other.happens("A")
    assert messages(other.sets(trial_ends=end)) == ["over"]


def test_a_moment_that_meets_an_error_is_not_waited_for() -> None:
    story = shop('scenario one: on "A"\n  wait until contact.trial_ends - t"P1D"\n  send email over\n')
    decision = story.happens("A")
    assert messages(decision) == ["over"]
    assert [mishap.statement for mishap in decision.mishaps] == ["scenario"]


def test_a_moment_follows_what_it_is_counted_from() -> None:
    story = shop('scenario one: on "A"\n  wait until last("B") + t"PT5H"\n  send email over\n')
    story.happens("B")
    story.happens("A")
    story.happens("B", START + 3 * HOUR)
    assert timed(story, DAY) == [("over", 8.0)]


def test_a_condition_decides_when_the_run_comes_to_it() -> None:
    story = shop("""
segment keen: count("Page Viewed", t"P2D") >= 2
scenario one: on "A"
  wait 1 day
  if contact.level >= 3
    send email third
  else if in_segment("keen")
    if contact.country == "FR"
      send email french
    wait 1 hour
    send email keen
  else
    send email plain
  send email end
""")
    plain, keen = story, shop("")
    plain.happens("A")
    assert [message for message, _ in timed(plain, DAY)] == ["plain", "end"]
    keen.book = plain.book
    keen.sets(country="FR")
    keen.happens("A")
    keen.happens("Page Viewed", START + 23 * HOUR)
    keen.happens("Page Viewed", START + 23 * HOUR)
    assert timed(keen, DAY) == [("french", 24.0), ("keen", 25.0), ("end", 25.0)]


def test_stop_ends_a_run_at_its_step() -> None:
    story = shop(
        'scenario one: on "A"\n  if contact.country == "FR"\n    send email bye\n    stop\n'
        "  wait 1 day\n  send email a\n"
    )
    story.sets(country="FR")
    decision = story.happens("A")
    assert messages(decision) == ["bye"]
    assert ends(decision) == [("one", "step")]


SPLIT = """
scenario one: on "A"
  again after 1 minute
  split
    70% plain
      send email plain
    30% playful
      send email playful
  split
    50% morning
      send email morning
    50% evening
      send email evening
"""


def test_a_split_is_fixed_for_a_contact_and_even_over_many() -> None:
    story = shop(SPLIT)
    found: Counter[tuple[str, ...]] = Counter()
    for number in range(400):
        one = Story(story.book, id=f"contact {number}")
        first = messages(one.happens("A"))
        assert messages(one.happens("A", START + HOUR)) == first
        found[tuple(first)] += 1
    assert sum(count for names, count in found.items() if names[0] == "plain") == pytest.approx(280, abs=40)
    assert sum(count for names, count in found.items() if names[1] == "morning") == pytest.approx(200, abs=45)
    assert len(found) == 4  # one split does not tell the other


def test_a_broken_condition_is_not_true_and_told_of() -> None:
    story = shop('scenario one: on "A"\n  if contact.level > 3\n    send email high\n  else\n    send email low\n')
    decision: Decision = story.happens("A")
    assert messages(decision) == ["low"]
    assert [(one.rule, one.kind, one.statement) for one in decision.mishaps] == [("one", "missing", "scenario")]


def test_an_ageing_score_is_the_one_of_the_moment() -> None:
    story = shop(
        'score warm: +16 on "A" halves every 1 day\n'
        'scenario one: on "A"\n  wait 2 days\n  if contact.score == 4\n    send email four\n'
        'trigger told: on "B" when contact.score == 8\n  send email eight\n'
    )
    story.happens("A")
    assert messages(story.happens("B", START + DAY)) == ["eight"]
    assert timed(story, DAY) == [("four", 48.0)]


def test_runs_survive_being_stored() -> None:
    story = shop('scenario one: on "A"\n  wait for "B" up to 1 day\n  if arrived\n    send email b\n')
    story.happens("A", n=1)
    assert isinstance(story.contact, Contact)
    assert story.contact.runs[0].entry.properties == {"n": 1}
    assert messages(story.happens("B")) == ["b"]
