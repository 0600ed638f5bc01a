"""What becomes of runs when texts change, scenarios are paused and contacts are joined."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from rules.decide import advance, bring_up_to_date, decide
from rules.decision import Decision
from rules.renewal import Renewal
from tests.rules.scenes import HEAD, ends, joined, messages, shop, timed
from tests.rules.story import DAY, HOUR, START, Story, book, event

SERIES = """
scenario series: on "A"
  send email one
  wait 2 days
  send email two
  wait 2 days
  send email three
"""


def published(story: Story, text: str, *, live: bool = False) -> Decision:
    """A new text, and the contact brought under it: by the recompute, or `live` by its next event."""
    former, story.book = story.book, book(HEAD + text, story.book.version + 1)
    story.number += 1
    if live:
        return story.keep(
            decide(
                story.contact, event("Else", story.now), story.book, story.now,
                entry_id=str(story.number), timezone=story.timezone, past=story.past, former=former,
            )
        )  # fmt: skip
    return story.keep(
        bring_up_to_date(
            story.contact, story.past, story.book, story.now,
            entry_id="recompute", timezone=story.timezone, former=former,
        )
    )  # fmt: skip


@pytest.fixture(params=[False, True], ids=["recompute", "live"])
def publish(request: pytest.FixtureRequest) -> Callable[[Story, str], list[Decision]]:
    def both(story: Story, text: str) -> list[Decision]:
        return [published(story, text, live=request.param), *story.waits(1)]

    return both


Publish = Callable[[Story, str], list[Decision]]


def sent(decisions: list[Decision]) -> list[str]:
    return [message for decision in decisions for message in messages(decision)]


def begun(text: str = SERIES, *, after: int = 0) -> Story:
    story = shop(text)
    story.happens("A")
    story.waits(after)
    return story


def test_a_shortened_wait_is_honoured_at_once(publish: Publish) -> None:
    story = begun(after=DAY)
    decisions = publish(story, SERIES.replace("wait 2 days\n  send email two", "wait 1 hour\n  send email two"))
    assert sent(decisions) == ["two"]
    assert [name for name, _ in timed(story, 5 * DAY)] == ["three"]


def test_a_message_of_a_shortened_wait_is_due_when_it_was_shortened(publish: Publish) -> None:
    story = begun(after=DAY)
    short = SERIES.replace("wait 2 days\n  send email two", "wait 1 hour\n  send email two valid 2 hours")
    sends = [send for decision in publish(story, short) for send in decision.sends]
    assert [send.due for send in sends] == [START + DAY]


def test_a_shortened_wait_that_is_not_over_ends_sooner(publish: Publish) -> None:
    story = begun(after=DAY)
    assert sent(publish(story, SERIES.replace("wait 2 days", "wait 30 hours"))) == []
    assert [(name, round(hours)) for name, hours in timed(story, 5 * DAY)] == [("two", 30), ("three", 60)]


def test_a_lengthened_wait_ends_later(publish: Publish) -> None:
    story = begun(after=DAY)
    assert sent(publish(story, SERIES.replace("wait 2 days", "wait 3 days"))) == []
    assert [name for name, hours in timed(story, 5 * DAY + HOUR)] == ["two", "three"]


def test_a_step_put_before_or_behind_does_not_disturb_a_wait(publish: Publish) -> None:
    story = begun(after=3 * DAY)
    text = SERIES.replace("  send email one\n", "  send email zero\n  wait 1 day\n  send email one\n").replace(
        "send email three", "send email three\n  send email four"
    )
    assert sent(publish(story, text)) == []
    assert timed(story, 5 * DAY) == [("three", 96.0), ("four", 96.0)]


def test_a_run_whose_step_is_gone_stops(publish: Publish) -> None:
    story = begun(after=3 * DAY)
    short = 'scenario series: on "A"\n  send email one\n  wait 2 days\n  send email two\n'
    assert ends(*publish(story, short)) == [("series", "step removed")]
    assert story.contact.runs == []


def test_a_run_whose_scenario_is_gone_stops(publish: Publish) -> None:
    story = begun(after=DAY)
    assert ends(*publish(story, 'scenario other: on "A"\n  send email one\n')) == [("series", "scenario removed")]
    assert timed(story, 9 * DAY) == []


def test_a_label_holds_a_step_wherever_it_goes(publish: Publish) -> None:
    labelled = 'scenario s: on "A"\n  wait 2 days @hold\n  send email a\n'
    story = begun(labelled, after=DAY)
    moved = (
        'scenario s: on "A"\n  if contact.level == null\n    send email x\n    wait 3 days @hold\n    send email b\n'
    )
    assert sent(publish(story, moved)) == []
    assert timed(story, 9 * DAY) == [("b", 72.0)]


def test_publishing_starts_nothing(publish: Publish) -> None:
    story = shop('segment keen: count("A") > 5\nscenario s: on enter keen\n  send email a\n')
    story.happens("A")
    decisions = publish(story, 'segment keen: count("A") > 0\nscenario s: on enter keen\n  send email a\n')
    assert (sent(decisions), story.segments) == ([], {"keen"})


def test_a_new_stop_when_stops_runs_that_wait(publish: Publish) -> None:
    story = begun(after=DAY)
    text = SERIES.replace('on "A"\n', 'on "A"\n  stop when count("A") > 0\n')
    assert ends(*publish(story, text)) == [("series", "condition")]


def test_a_run_of_another_text_keeps_its_place_where_the_former_text_is_not_known() -> None:
    story = begun(after=DAY)
    story.publishes(HEAD + SERIES + "# the same\n")
    assert timed(story, 5 * DAY) == [("two", 48.0), ("three", 96.0)]
    other = begun(after=3 * DAY)
    decision = other.publishes(HEAD + 'scenario series: on "A"\n  send email one\n')
    assert ends(decision) == [("series", "step removed")]


def test_only_contacts_with_runs_of_a_changed_scenario_are_written() -> None:
    former = book(HEAD + SERIES + 'scenario still: on "B"\n  wait 9 days\n  send email x\n')
    changed = book(former.text.replace("wait 2 days", "wait 3 days"), 2)
    told = {}
    for name in ("A", "B", "C"):
        story = Story(former)
        story.happens(name)
        told[name] = (
            Renewal(former, changed, story.now).stays(msgspec.structs.replace(story.contact)),
            bring_up_to_date(story.contact, [], changed, story.now, entry_id="r", former=former).changed,
        )
    assert told == {"A": (False, True), "B": (True, False), "C": (True, False)}


def test_what_was_due_before_a_change_is_not_due_later_by_it() -> None:
    story = begun()
    story.now = START + 3 * DAY  # everything was off
    published(story, SERIES + 'scenario other: on "C"\n  send email x\n')
    sends = [send for decision in story.waits(1) for send in decision.sends]
    assert [(send.message, send.due) for send in sends] == [("two", START + 2 * DAY)]


# --- pausing ---


def paused(story: Story, *names: str) -> None:
    story.book = msgspec.structs.replace(story.book, paused=frozenset(names))


def test_a_paused_scenario_is_not_entered_and_its_runs_keep_their_places() -> None:
    story = begun(after=DAY)
    paused(story, "series")
    assert timed(story, 10 * DAY) == []
    assert [run.place for run in story.contact.runs] == [(1,)]
    other = shop(SERIES)
    paused(other, "series")
    assert other.happens("A").runs == []


def test_what_was_due_during_a_pause_goes_on_at_the_resume() -> None:
    story = begun(after=DAY)
    paused(story, "series")
    story.waits(3 * DAY)
    paused(story)
    decision = story.keep(advance(story.contact, story.book, story.now, entry_id="resume", roused=True))
    assert [(send.message, send.due) for send in decision.sends] == [("two", START + 2 * DAY)]
    assert timed(story, 3 * DAY) == [("three", 96.0 + 48.0)]


def test_a_paused_scenario_is_looked_at_ever_more_rarely_and_goes_on_by_itself() -> None:
    story = begun(after=DAY)
    paused(story, "series")
    assert len(story.waits(10 * DAY)) < 300
    paused(story)
    assert [name for name, _ in timed(story, HOUR)] == ["two"]


def test_a_paused_run_can_be_stopped() -> None:
    story = begun('scenario s: on "A"\n  stop on "B"\n  stop when in_list("customers")\n  wait 1 day\n  send email x\n')
    story.happens("A")
    paused(story, "s")
    assert ends(story.happens("B")) == [("s", "event")]


def test_what_a_paused_run_waits_for_is_noted() -> None:
    story = begun('scenario s: on "A"\n  wait for "B" up to 9 days\n  if arrived\n    send email b\n')
    paused(story, "s")
    assert messages(story.happens("B")) == []
    paused(story)
    assert [name for name, _ in timed(story, HOUR)] == ["b"]


# --- joining ---


CARTS = """
scenario cart: on "Product Added"
  key event.cart_id
  wait 3 hours
  send email reminder
"""


def test_of_two_runs_with_one_key_the_older_stays() -> None:
    one, other = shop(CARTS), Story(book(HEAD + CARTS), id="c2")
    one.happens("Product Added", START + HOUR, cart_id="a")
    other.happens("Product Added", cart_id="a")
    other.happens("Product Added", START + HOUR, cart_id="b")
    assert ends(joined(one, other)) == [("cart", "joined")]
    assert [(run.key, run.started) for run in one.contact.runs] == [("sa", START), ("sb", START + HOUR)]
    assert timed(one, DAY) == [("reminder", 3.0), ("reminder", 4.0)]


def test_what_either_has_run_is_not_run_again() -> None:
    once = 'scenario once: on "A"\n  send email once\n'
    one, other = shop(once), Story(book(HEAD + once), id="c2")
    one.happens("B")
    other.happens("A")
    joined(one, other)
    assert messages(one.happens("A")) == []


def test_a_run_stops_where_the_joined_contact_has_withdrawn_consent() -> None:
    text = 'scenario s for news: on "A"\n  wait 1 day\n  send email x\n'
    one, other = shop(text), Story(book(HEAD + text), id="c2")
    one.consents("news")
    one.happens("A")
    other.consents("news", "denied")
    assert ends(joined(one, other)) == [("s", "consent withdrawn")]


def test_runs_of_a_contact_of_an_older_text_are_brought_along() -> None:
    one, other = shop(SERIES), Story(book(HEAD + SERIES), id="c2")
    other.happens("A")
    one.happens("B")
    one.publishes(HEAD + SERIES.replace("wait 2 days", "wait 5 days"))
    joined(one, other)
    assert timed(one, 11 * DAY) == [("two", 120.0), ("three", 240.0)]


def test_a_birthday_that_came_while_nobody_looked_is_not_lost_by_publishing() -> None:
    rules = (
        'scenario birthday: every year on contact.birthday at 09:30\n  send sms happy\nscenario o: on "A"\n  wait {}\n'
    )
    story = shop(rules.format("1 hour"))
    story.sets(birthday="1990-03-03")
    story.now = START + 3 * DAY  # an outage
    story.publishes(HEAD + rules.format("2 hours"))
    assert story.decision.sends == []
    assert timed(story, 400 * DAY) == [("happy", 72.0), ("happy", 24 * 366 + 0.5)]
