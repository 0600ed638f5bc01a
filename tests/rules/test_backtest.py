"""What publishing would change, and what would have happened: over histories that are counted by hand."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.backtest import FIRST, Backtest, Moves, Tally, sample_hash
from rules.contact import Contact
from rules.estimate import Estimate, Spread
from rules.history import by_time
from rules.reacting import fires_alike, reacting
from rules.rerun import Rerun, rerun
from rules.rulebook import Rulebook
from tests.rules.story import DAY, HOUR, MINUTE, START, Story, book, copy_of

RULES = """
attribute country: text
purpose ads: "Ads?"
team sales: slack "#sales"
team bosses: slack "#bosses"
list vip: "VIP"
score cart: +10 on "Cart" at most 2 per day
score told for ads: +1 on "Visit"
segment hot: contact.score >= 30
segment busy: count("Visit", t"PT2H") >= 2
segment french for ads: contact.country == "FR"
trigger lead: on enter hot
  alert sales "hot"
trigger calm: on leave busy
  alert bosses "calm again"
trigger dear: on "Cart" when event.price > 100
  alert sales "dear"
  alert bosses "dear"
trigger mine for ads: on "Visit"
  alert sales "visit"
"""


def rerun_of(story: Story, draft: Rulebook | None = None) -> Rerun:
    events = by_time([*story.past, *story.contact.tail])
    return rerun(story.contact, events, draft or story.book, story.now, story.timezone)


def backtest_of(story: Story, draft: str, **options: Any) -> Tally:
    backtest = Backtest(story.book, book(draft, story.book.version + 1), story.now, **options)
    backtest.take(copy_of(story.contact), story.past)
    return backtest.tally


# --- a history told again ---------------------------------------------------------------------------------------


def test_triggers_fire_again_as_often_as_they_did() -> None:
    story = Story(RULES)
    fired: Counter[str] = Counter()
    for day in range(12):
        decisions = [story.happens("Cart", price=60 * day), story.happens("Visit"), story.happens("Visit")]
        decisions += story.waits(DAY)
        fired.update(name for decision in decisions for name in decision.fired)
    assert fired == {"lead": 1, "calm": 12, "dear": 10}
    assert rerun_of(story).fired == dict(fired)


def test_an_alert_is_a_card_a_day_and_trigger_and_team() -> None:
    story = Story(RULES)
    for hour in (0, 1, 2, 25, 26, 60):
        story.waits(START + hour * HOUR - story.now)
        story.happens("Cart", price=200)
    found = rerun_of(story)
    assert found.fired["dear"] == 6
    # at hours 0, 25 and 60: those between are counted on the card that is there
    assert {place: number for place, number in found.alerts.items() if place[0] == "dear"} == {
        ("dear", "sales"): 3,
        ("dear", "bosses"): 3,
    }


def test_attributes_lists_and_consents_were_then_what_they_were_then() -> None:
    rules = """
attribute country: text
purpose ads: "Ads?"
team sales: slack "#sales"
list vip: "VIP"
trigger fr: on "Visit" when contact.country == "FR"
  alert sales "fr"
trigger de: on "Visit" when contact.country == "DE"
  alert sales "de"
trigger vips: on "Visit" when in_list("vip")
  alert sales "vip"
trigger allowed for ads: on "Visit"
  alert sales "allowed"
trigger joined: on list vip
  alert sales "joined"
trigger agreed: on consent ads
  alert sales "agreed"
"""
    story = Story(rules)
    steps: list[Any] = [
        lambda: story.happens("Visit"),
        lambda: story.learns(country="FR"),
        lambda: story.happens("Visit"),
        lambda: story.consents("ads"),
        lambda: story.happens("Visit"),
        lambda: story.learns(country="DE"),
        lambda: story.listed("vip"),
        lambda: story.happens("Visit"),
        lambda: story.consents("ads", "withdrawn"),
        lambda: story.listed("vip", False),
        lambda: story.happens("Visit"),
    ]
    for step in steps:
        story.waits(HOUR)
        step()
    found = rerun_of(story)
    assert found.fired == {"fr": 2, "de": 2, "vips": 1, "allowed": 2, "joined": 1, "agreed": 1}
    assert found.left_out == {"allowed"}


def test_points_by_hand_count_again_and_points_of_triggers_are_given_anew() -> None:
    rules = """
team sales: slack "#sales"
segment hot: contact.score >= 10
trigger bonus: on "Visit"
  add 6 points
trigger lead: on enter hot
  alert sales "hot"
"""
    story = Story(rules)
    story.happens("Visit")
    story.waits(HOUR)
    story.happens("Visit")
    assert rerun_of(story).fired == {"bonus": 2, "lead": 1}
    without = book(rules.replace("add 6 points", "add 4 points"), 2)
    assert rerun_of(story, without).fired == {"bonus": 2}
    story.gets(50)
    assert rerun_of(story, without).fired == {"bonus": 2, "lead": 1}


def test_a_history_that_lost_its_beginning_keeps_its_counts() -> None:
    rules = """
team sales: slack "#sales"
score visit: +1 on "Visit"
trigger many: on "Visit" when count("Visit") > 1100
  alert sales "many"
trigger high: on "Visit" when contact.score > 1150
  alert sales "high"
"""
    story = Story(rules)
    for _ in range(1200):
        story.happens("Visit")
        story.waits(HOUR)
    assert len(story.past) + len(story.contact.tail) <= 1000
    assert rerun_of(story).fired == {"many": 100, "high": 50}


def test_a_rulebook_that_changes_every_hour_is_followed_only_so_far() -> None:
    rules = """
team sales: slack "#sales"
segment odd: now.hour % 2 == 1
trigger tick: on enter odd
  alert sales "tick"
"""
    story = Story(rules)
    story.happens("Visit")
    story.now += 3 * DAY
    assert (rerun_of(story).fired, rerun_of(story).cut) == ({"tick": 37}, False)
    story.now += 300 * DAY
    assert rerun_of(story).cut


def test_telling_a_history_again_leaves_the_contact_as_it_is() -> None:
    story = Story(RULES)
    story.learns(country="FR")
    story.consents("ads")
    for _ in range(60):
        story.happens("Cart", price=150)
        story.happens("Visit")
        story.waits(5 * HOUR)
    before = msgspec.msgpack.encode(story.contact)
    rerun_of(story)
    assert msgspec.msgpack.encode(story.contact) == before


steps = st.one_of(
    st.tuples(st.just("event"), st.sampled_from(["Cart", "Visit", "Visit"]), st.sampled_from([None, 50, 150, "much"])),
    st.tuples(st.just("learn"), st.sampled_from(["FR", "DE", None]), st.none()),
    st.tuples(st.just("consent"), st.sampled_from(["granted", "withdrawn", "denied"]), st.none()),
    st.tuples(st.just("list"), st.booleans(), st.none()),
    st.tuples(st.just("points"), st.integers(-150, 150), st.none()),
)
spans = st.sampled_from([1, 17, MINUTE, 59 * MINUTE, HOUR, 3 * HOUR, 11 * HOUR, DAY, 2 * DAY])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(spans, steps), min_size=1, max_size=60))
def test_any_story_fires_again_what_it_fired(told: list[tuple[int, Any]]) -> None:
    story = Story(
        RULES
        + """
trigger fr: on "Visit" when contact.country == "FR"
  alert sales "fr"
trigger vips: on "Visit" when in_list("vip")
  alert sales "vip"
trigger joined: on list vip
  alert sales "joined"
trigger agreed: on consent ads
  alert sales "agreed"
trigger french_left: on leave french
  alert sales "left"
"""
    )
    fired: Counter[str] = Counter()
    for span, step in told:
        decisions = story.waits(span)
        match step:
            case ("event", name, price):
                decisions.append(story.happens(name, **({} if price is None else {"price": price})))
            case ("learn", country, _):
                decisions.append(story.learns(country=country))
            case ("consent", status, _):
                decisions.append(story.consents("ads", status))
            case ("list", member, _):
                decisions.append(story.listed("vip", member))
            case ("points", tenths, _):
                decisions.append(story.gets(tenths))
        fired.update(name for decision in decisions for name in decision.fired)
    found = rerun_of(story)
    assert found.fired == dict(fired)
    part = rerun_of(story, reacting(story.book))
    assert (part.fired, part.alerts, part.left_out) == (found.fired, found.alerts, found.left_out)


def test_only_what_triggers_depend_on_is_told_again() -> None:
    rules = """
attribute country: text
team sales: slack "#sales"
score cart: +10 on "Cart"
score home: +5 while in_segment("french")
segment french: contact.country == "FR"
segment hot: contact.score >= 10
segment busy: count("Visit") > 3
segment idle: count("Visit") < 3
"""
    count_only = reacting(book(rules + 'trigger a: on "Cart" when in_segment("busy")\n  alert sales "a"\n'))
    assert (list(count_only.segments), list(count_only.scores)) == (["busy"], [])
    by_score = reacting(book(rules + 'trigger a: on leave hot\n  alert sales "a"\n'))
    assert (list(by_score.segments), list(by_score.scores)) == (["french", "hot"], ["cart", "home"])


def test_present_triggers_are_counted_apart_where_the_draft_makes_them_fire_otherwise() -> None:
    story = Story(RULES)
    for _ in range(5):
        story.happens("Cart", price=150)
        story.waits(DAY)
    one_more = RULES + 'trigger more: on "Cart"\n  alert sales "more"\n'
    louder = RULES + 'trigger more: on "Cart"\n  add 30 points\n'
    other = RULES.replace("> 100", "> 200")
    for draft, alike, dear in ((RULES, True, 5), (one_more, True, 5), (louder, False, 5), (other, False, 0)):
        assert fires_alike(story.book, book(draft, 2)) is alike
        tally = backtest_of(story, draft)
        assert {name: spread.total for name, spread in tally.fired_before.items()} == {"lead": 1, "dear": 5}
        assert (tally.fired["dear"].total if dear else 0) == dear
        assert {place: spread.total for place, spread in tally.teams_before.items()} == {"sales": 6, "bosses": 5}


# --- what publishing would change -------------------------------------------------------------------------------


def test_entries_and_leaves_are_those_of_the_recompute() -> None:
    story = Story(RULES)
    story.learns(country="FR")
    story.consents("ads")
    for _ in range(4):
        story.happens("Cart", price=1)
        story.waits(DAY)
    draft = RULES.replace("+10 on", "+5 on").replace('== "FR"', '== "DE"') + "segment cheap: contact.score < 30\n"
    tally = backtest_of(story, draft)
    decision = story.publishes(draft)
    assert set(tally.entered) == set(decision.entered) == {"cheap"}
    assert set(tally.left) == set(decision.left) == {"hot", "french"}
    assert (tally.before, tally.after) == ({"hot": 1, "french": 1}, {"cheap": 1})
    assert tally.rescored == 1


def test_a_segment_that_is_taken_out_is_left_by_all() -> None:
    story = Story("segment all: contact.score >= 0")
    story.happens("Visit")
    tally = backtest_of(story, "segment none: contact.score < 0")
    assert (tally.left["all"].count, tally.before, tally.after) == (1, {"all": 1}, {})


def test_what_time_has_changed_meanwhile_is_not_laid_to_the_draft() -> None:
    story = Story(RULES)
    story.happens("Visit")
    story.happens("Visit")
    assert story.segments == {"busy"}
    story.now += DAY  # its moment has come, and no engine has looked yet
    tally = backtest_of(story, RULES)
    assert (tally.before, tally.entered, tally.left) == ({}, {}, {})


def test_those_without_consent_are_counted_as_left_out() -> None:
    story = Story(RULES)
    story.learns(country="FR")
    story.happens("Visit")
    tally = backtest_of(story, RULES)
    assert tally.left_out == {("segment", "french"): 1, ("score", "told"): 1}
    assert tally.unheard["mine"].contacts == 1
    story.consents("ads")
    story.happens("Visit")
    tally = backtest_of(story, RULES)
    assert tally.left_out == {}
    assert (tally.matched["segment", "french"], tally.matched["score", "told"]) == (1, 1)


def test_missing_values_are_told_by_rule() -> None:
    rules = """
attribute size: number
team sales: slack "#sales"
score big: +1 on "Cart" when event.price > 10
segment large: contact.size > 3
trigger big: on "Cart" when event.price > 10
  alert sales "big"
"""
    story = Story(rules)
    story.happens("Cart", price=20)
    story.happens("Cart")
    story.happens("Cart", price="much")
    tally = backtest_of(story, rules)
    assert {key: (one.missing.total, one.errors.total) for key, one in tally.trouble.items()} == {
        ("score", "big"): (1, 1),
        ("segment", "large"): (1, 0),
        ("trigger", "big"): (1, 1),
    }
    assert tally.fired["big"].total == 1


def test_tombstones_are_nobody() -> None:
    backtest = Backtest(book(RULES), book(RULES, 2), START)
    backtest.take(Contact(id="c1", moved_to="c2"), [])
    assert backtest.tally == Tally()


def test_only_contacts_of_the_sample_are_told_again() -> None:
    story = Story(RULES, id="c7")
    story.happens("Cart", price=200)
    inside, outside = sample_hash("c7"), sample_hash("c7") - 1
    assert backtest_of(story, RULES, bound=inside).sampled == 1
    tally = backtest_of(story, RULES, bound=outside)
    assert (tally.contacts, tally.sampled, tally.fired) == (1, 0, {})


# --- adding up --------------------------------------------------------------------------------------------------


def test_tallies_add_up_in_any_order_and_travel() -> None:
    stories = []
    for number in range(50):
        story = Story(RULES, id=f"c{number:02}")
        for _ in range(number % 6):
            story.happens("Cart", price=30 * number)
            story.waits(7 * HOUR)
        stories.append(story)
    draft = book(RULES.replace(">= 30", ">= 20"), 2)
    whole = Backtest(stories[0].book, draft, START + 9 * DAY)
    parts = [Backtest(stories[0].book, draft, START + 9 * DAY) for _ in range(3)]
    for number, story in enumerate(stories):
        whole.take(copy_of(story.contact), story.past)
        parts[number % 3].take(copy_of(story.contact), story.past)
    for order in ([0, 1, 2], [2, 0, 1]):
        merged = Tally()
        for place in order:
            merged.merge(msgspec.msgpack.decode(msgspec.msgpack.encode(parts[place].tally), type=Tally))
        assert merged == whole.tally
    assert whole.tally.since == START


@given(st.permutations(range(100)), st.integers(0, 100))
def test_the_first_twenty_are_the_oldest_whoever_is_looked_at_first(order: list[int], cut: int) -> None:
    ids = [f"c{number:03}" for number in order]
    one, other = Moves(), Moves()
    for contact in ids[:cut]:
        one.add(contact)
    for contact in ids[cut:]:
        other.add(contact)
    one.merge(other)
    assert (one.count, one.first) == (100, sorted(ids)[:FIRST])


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([0.8, 0.1, 0.01, 0.002]), st.sampled_from([(300, 100), (2000, 400), (2000, 1500)]), st.integers()
)
def test_an_interval_holds_what_was_seen_and_narrows_to_it(rate: float, sizes: tuple[int, int], seed: int) -> None:
    random, (of, seen) = Random(seed), sizes
    spread = Spread()
    for _ in range(seen):
        spread.add(sum(random.random() < rate for _ in range(3)))
    found = spread.estimate(seen, of)
    assert spread.total <= found.low <= found.value <= found.high
    assert found.value == pytest.approx(spread.total * of / seen, abs=0.1)
    assert spread.estimate(seen, seen) == Estimate(value=spread.total, low=spread.total, high=spread.total)


def test_nineteen_intervals_of_twenty_contain_the_truth() -> None:
    random, held = Random(1), 0
    for _ in range(400):
        numbers = [sum(random.random() < 0.1 for _ in range(5)) for _ in range(1000)]
        spread = Spread()
        for number in random.sample(numbers, 200):
            spread.add(number)
        found = spread.estimate(200, 1000)
        held += found.low <= sum(numbers) <= found.high
    assert 0.92 <= held / 400 <= 0.98


def test_what_was_never_seen_in_a_sample_may_still_be() -> None:
    found = Spread().estimate(100, 1000)
    assert (found.value, found.low) == (0, 0)
    assert 30 < found.high < 40  # the rule of three, with the correction for a tenth that was seen


def test_the_sample_is_the_same_for_the_same_ids_and_a_fair_share() -> None:
    ids = [f"u{number}" for number in range(20_000)]
    inside = sum(sample_hash(contact) < (1 << 63) // 10 for contact in ids)
    assert 1850 < inside < 2150
    assert sample_hash("u1") == 502301336413293823  # another hash would be another sample
