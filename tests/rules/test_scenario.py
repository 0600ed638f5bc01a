"""Scenarios: how runs begin, and what stops and restarts them."""

from __future__ import annotations

import pytest

from rules.scenario import RAN, RUNS
from tests.rules.scenes import ends, messages, shop, timed
from tests.rules.story import DAY, HOUR, MINUTE, START, Story, event

CART = """
scenario cart: on "Product Added"
  key event.cart_id
  stop on "Order Completed" when event.cart_id == entry.cart_id
  wait 3 hours
  send email reminder valid 1 day
  wait for "Checkout Started" up to 2 days when event.cart_id == entry.cart_id
  if not arrived
    send email coupon
  else
    send email thanks
"""


def test_a_series_goes_out_step_by_step() -> None:
    story = shop("""
scenario welcome: on "Signed Up"
  send email hello
  wait 3 hours
  send email more
  wait 2 days
  send sms last
""")
    assert messages(story.happens("Signed Up")) == ["hello"]
    assert timed(story, 3 * DAY) == [("more", 3.0), ("last", 51.0)]
    assert story.contact.runs == []
    assert story.contact.changes_at is None


def test_a_run_is_told_of_from_its_start_to_its_end() -> None:
    story = shop('scenario one: on "A"\n  wait 1 hour\n  send email a\n')
    started, waits = story.happens("A").runs
    assert (started.what, waits.what, waits.place, waits.due) == ("started", "waits", (0,), START + HOUR)
    (decision,) = story.waits(HOUR)
    assert [(step.run, step.what) for step in decision.runs] == [(started.run, "finished")]
    assert started.run == waits.run != ""


def test_the_same_entry_gives_a_run_the_same_id() -> None:
    first, again = shop(CART), shop(CART)
    for story in (first, again):
        story.happens("Product Added", cart_id="a")
        story.happens("Product Added", cart_id="b")
    ids = [run.id for run in first.contact.runs]
    assert ids == [run.id for run in again.contact.runs]
    assert len(set(ids)) == 2


def test_each_cart_has_its_own_run() -> None:
    story = shop(CART)
    for cart in ("a", "b", "a"):
        story.happens("Product Added", cart_id=cart)
    assert [run.key for run in story.contact.runs] == ["sa", "sb"]
    assert ends(story.happens("Order Completed", cart_id="b")) == [("cart", "event")]
    assert timed(story, DAY) == [("reminder", 3.0)]
    story.happens("Checkout Started", cart_id="b")
    assert messages(story.happens("Checkout Started", cart_id="a")) == ["thanks"]
    assert story.contact.runs == []


def test_what_never_comes_is_waited_for_until_the_time_is_up() -> None:
    story = shop(CART)
    story.happens("Product Added", cart_id="a")
    assert timed(story, 3 * DAY) == [("reminder", 3.0), ("coupon", 51.0)]


@pytest.mark.parametrize("cart", [{}, {"cart_id": None}, {"cart_id": ["a"]}])
def test_no_key_no_run(cart: dict[str, object]) -> None:
    story = shop(CART)
    story.happens("Product Added", **cart)
    assert story.contact.runs == []


def test_a_key_has_one_run_for_ever() -> None:
    story = shop(CART)
    story.happens("Product Added", cart_id="a")
    story.waits(10 * DAY)
    assert story.happens("Product Added", cart_id="a").runs == []
    assert story.happens("Product Added", cart_id=7).runs != []
    assert story.happens("Product Added", cart_id=7.0).runs == []


def test_a_contact_runs_once_unless_again_after_says_otherwise() -> None:
    once = shop('scenario once: on "A"\n  send email once\n')
    assert [messages(once.happens("A", START + day * DAY)) for day in range(3)] == [["once"], [], []]
    again = shop('scenario again: on "A"\n  again after 2 days\n  send email again\n')
    assert [messages(again.happens("A", START + day * DAY)) for day in range(5)] == [
        ["again"], [], ["again"], [], ["again"],
    ]  # fmt: skip


def test_there_is_no_second_run_while_one_is_running() -> None:
    story = shop('scenario long: on "A"\n  again after 1 day\n  wait 5 days\n  send email late\n')
    story.happens("A")
    assert story.happens("A", START + 2 * DAY).runs == []
    story.waits(4 * DAY)
    assert [step.what for step in story.happens("A").runs] == ["started", "waits"]


def test_again_after_days_is_counted_by_the_clock_on_the_wall() -> None:
    story = shop('scenario daily: on "A"\n  again after 1 day\n  send email daily\n', timezone="Europe/Paris")
    eve = START + 26 * DAY  # Saturday 2026-03-28; the clocks are put forward in the night
    assert messages(story.happens("A", eve)) == ["daily"]
    assert messages(story.happens("A", eve + 22 * HOUR)) == []
    assert messages(story.happens("A", eve + 23 * HOUR)) == ["daily"]


@pytest.mark.parametrize(
    ("entry", "act"),
    [
        ("on enter keen", lambda story: story.happens("Page Viewed")),
        ("on leave calm", lambda story: story.happens("Page Viewed")),
        ("on list customers", lambda story: story.listed("customers")),
        ("on consent news", lambda story: story.consents("news")),
    ],
)
def test_each_kind_of_entry_starts_a_run(entry: str, act: object) -> None:
    story = shop(
        'segment keen: count("Page Viewed") > 0\nsegment calm: count("Page Viewed") == 0\n'
        f'scenario one: {entry}\n  wait 1 hour\n  alert sales "{{{{ entry.name }}}} {{{{ entry.time }}}}"\n'
    )
    story.sets(country="FR")
    act(story)  # type: ignore[operator]
    (decision,) = story.waits(HOUR)
    assert [alert.text for alert in decision.alerts] == [f"{entry.split()[-1]} 2026-03-02 09:00"]


def test_an_entry_asks_its_when() -> None:
    story = shop('scenario big: on "Order" when event.total > 100 and contact.country == "FR"\n  send email big\n')
    story.sets(country="FR")
    assert [messages(story.happens("Order", total=total)) for total in (50, 150)] == [[], ["big"]]
    assert [(one.rule, one.statement) for one in story.happens("Order").mishaps] == [("big", "scenario")]


def test_a_late_or_imported_event_starts_nothing() -> None:
    story = shop('scenario one: on "A"\n  send email a\n')
    assert story.apply(event("A", START - 2 * DAY, received=START)).sends == []
    assert story.apply(event("A", START, history_only=True, message_id="i")).sends == []
    assert messages(story.happens("A")) == ["a"]


def test_a_late_event_stops_what_began_before_its_time() -> None:
    text = 'scenario one: on "A"\n  stop on "B"\n  wait 9 days\n  send email a\n'
    story = shop(text)
    story.happens("A")
    story.waits(5 * DAY)
    story.apply(event("B", START - HOUR, received=story.now))
    assert len(story.contact.runs) == 1
    assert ends(story.apply(event("B", START + HOUR, received=story.now))) == [("one", "event")]


def test_a_late_event_is_what_a_run_waits_for_where_the_wait_began_before_it() -> None:
    story = shop(
        "trigger told: on list lost_carts\n  send email told\n"
        'scenario one: on "A"\n  wait 1 day\n  wait for "B" up to 9 days\n  add to list lost_carts\n  send email b\n'
    )
    story.happens("A")
    story.waits(5 * DAY)
    assert story.apply(event("B", START + HOUR, received=story.now)).sends == []
    decision = story.apply(event("B", START + 2 * DAY, received=story.now))
    assert messages(decision) == ["b", "told"]  # what the run does is not late


def test_a_late_event_restarts_nothing() -> None:
    story = shop('scenario one: on "A"\n  restart on "B"\n  wait 9 days\n  send email a\n')
    story.happens("A")
    story.waits(5 * DAY)
    assert story.apply(event("B", START + HOUR, received=story.now)).runs == []


def test_a_restart_begins_again_with_the_same_entry_and_key() -> None:
    story = shop("""
scenario cart: on "Product Added"
  key event.cart_id
  restart on "Cart Updated" when event.cart_id == entry.cart_id
  wait 3 hours
  if entry.total > 10
    send email reminder
""")
    story.happens("Product Added", cart_id="a", total=20)
    decision = story.happens("Cart Updated", START + 2 * HOUR, cart_id="a")
    assert [(step.what, step.reason) for step in decision.runs] == [
        ("stopped", "restart"), ("started", ""), ("waits", ""),
    ]  # fmt: skip
    assert story.happens("Cart Updated", START + 2 * HOUR, cart_id="b").runs == []
    assert timed(story, DAY) == [("reminder", 5.0)]


def test_on_one_event_runs_stop_restart_go_on_and_begin_in_this_order() -> None:
    story = shop("""
scenario last: on "Go"
  send email entered
scenario third: on "A"
  wait for "Go" up to 1 day
  send email arrived
scenario second: on "A"
  restart on "Go"
  send email restarted
  wait 1 day
scenario first: on "A"
  stop on "Go"
  wait for "Go" up to 1 day
  send email never
""")
    story.happens("A")
    decision = story.happens("Go")
    assert messages(decision) == ["restarted", "arrived", "entered"]
    assert ends(decision)[0] == ("first", "event")


def test_an_event_that_stops_a_run_may_start_the_next() -> None:
    story = shop('scenario one: on "A"\n  again after 1 hour\n  stop on "A"\n  wait 1 day\n  send email a\n')
    story.happens("A")
    decision = story.happens("A", START + 2 * HOUR)
    assert [step.what for step in decision.runs] == ["stopped", "started", "waits"]
    assert timed(story, 3 * DAY) == [("a", 26.0)]


def test_a_run_that_comes_to_wait_for_an_event_by_that_event_waits_for_the_next() -> None:
    story = shop('scenario one: on "A"\n  wait for "A" up to 1 day\n  wait for "A" up to 1 day\n  send email third\n')
    assert [messages(story.happens("A")) for _ in range(3)] == [[], [], ["third"]]


def test_stop_when_ends_a_run_as_soon_as_it_is_true() -> None:
    text = (
        'scenario one: on "A"\n  stop when in_list("customers") or count("B", t"PT2H") >= 2\n'
        "  wait 1 day\n  send email a\n"
    )
    for acts in ((lambda s: s.listed("customers"),), (lambda s: s.happens("B"), lambda s: s.happens("B"))):
        story = shop(text)
        story.happens("A")
        decision = [act(story) for act in acts][-1]
        assert ends(decision) == [("one", "condition")]
        assert timed(story, 2 * DAY) == []


def test_stop_when_ends_a_run_to_the_second_when_time_makes_it_true() -> None:
    story = shop('scenario one: on "A"\n  stop when count("A", t"PT2H") == 0\n  wait 1 day\n  send email a\n')
    story.happens("A")
    (decision,) = story.waits(DAY)
    assert ends(decision) == [("one", "condition")]
    assert story.contact.changes_at is None


def test_stop_when_is_asked_before_the_first_step_too() -> None:
    story = shop('scenario one: on "A"\n  stop when in_list("customers")\n  send email a\n')
    story.listed("customers")
    decision = story.happens("A")
    assert decision.sends == []
    assert ends(decision) == [("one", "condition")]


def test_stop_when_may_read_what_the_run_began_with() -> None:
    story = shop('scenario one: on "A"\n  stop when contact.level >= entry.level\n  wait 1 day\n  send email a\n')
    story.sets(level=1)
    story.happens("A", level=3)
    assert ends(story.sets(level=2)) == []
    assert ends(story.sets(level=3)) == [("one", "condition")]


def test_stop_when_follows_a_score_that_ages() -> None:
    story = shop(
        'score warm: +10 on "A" halves every 1 day\n'
        'scenario one: on "A"\n  stop when contact.score < 6\n  wait 5 days\n  send email a\n'
    )
    story.happens("A")
    (ended,) = [decision for decision in story.waits(2 * DAY) if ends(decision)]
    assert ends(ended) == [("one", "condition")]
    assert story.contact.runs == []


def test_without_consent_nobody_enters_and_its_end_stops_a_run() -> None:
    story = shop('scenario one for news: on "A"\n  again after 1 minute\n  wait 1 day\n  send email a\n')
    assert story.happens("A").runs == []
    story.consents("news")
    assert [step.what for step in story.happens("A").runs] == ["started", "waits"]
    assert ends(story.consents("news", "withdrawn")) == [("one", "consent withdrawn")]
    assert timed(story, 2 * DAY) == []


def test_a_run_of_a_purpose_may_begin_with_the_consent() -> None:
    story = shop("scenario one for news: on consent news\n  send email hello\n")
    assert messages(story.consents("news")) == ["hello"]


def test_events_of_a_decision_woken_late_come_after_what_was_due() -> None:
    story = shop('scenario one: on "A"\n  stop on "B"\n  wait 1 hour\n  send email a\n')
    story.happens("A")
    decision = story.happens("B", START + 3 * HOUR)
    assert messages(decision) == ["a"]
    assert decision.sends[0].due == START + HOUR


def test_what_is_due_after_an_outage_goes_out_once_in_its_order() -> None:
    story = shop(
        'scenario one: on "A"\n  wait 3 hours\n  send email three\n  wait 1 hour\n  send email four\n'
        'scenario two: on "A"\n  wait 2 hours\n  send email two valid 1 day\n'
    )
    story.happens("A")
    story.now = START + 25 * HOUR
    (decision,) = story.waits(0)
    assert [(send.message, send.due - START) for send in decision.sends] == [("two", 2 * HOUR), ("three", 3 * HOUR)]
    assert [send.valid_until - START for send in decision.sends] == [26 * HOUR, -START]
    assert timed(story, DAY) == [("four", 26.0)]


def test_a_contact_without_runs_is_not_looked_at_again() -> None:
    story = shop(CART)
    story.happens("Page Viewed")
    assert story.contact.changes_at is None
    assert story.waits(DAY) == []


def test_a_wait_of_minutes_is_exact() -> None:
    story = Story('scenario one: on "A"\n  wait 90 minutes\n  send email a\n')
    story.happens("A", START + MINUTE)
    assert timed(story, DAY) == [("a", 1.5 + 1 / 60)]


def test_a_scenario_that_restarts_itself_by_what_it_does_is_stopped_there() -> None:
    story = shop("""
scenario one: on "A"
  restart on "Converted"
  convert "X"
  send email a
  wait 1 day
  convert "X"
  wait 1 day
""")
    decision = story.happens("A")
    assert messages(decision) == ["a"]
    assert decision.loops == ["one"]
    (later,) = story.waits(DAY)
    assert messages(later) == ["a"]  # once more, and no further
    assert later.loops == ["one"]
    assert messages(story.happens("Converted")) == ["a"]


def test_a_contact_has_a_bounded_number_of_runs_and_remembers_a_bounded_number() -> None:
    story = shop('scenario many: on "A"\n  key event.n\n  stop on "B"\n  wait 9 days\n  send email a\n')
    for number in range(RUNS):
        assert story.happens("A", n=number).runs != []
    refused = story.happens("A", n=RUNS)
    assert (refused.runs, [(one.rule, one.symbol) for one in refused.mishaps]) == ([], [("many", "runs")])
    story.happens("B")
    story.contact.ran = {f"many\0n{number}": START for number in range(RAN)}
    assert story.happens("A", n=RAN).runs != []
    assert len(story.contact.ran) == RAN
    assert story.happens("A", n=1).runs == []
    assert story.happens("A", n=0).runs != []  # the oldest is forgotten
