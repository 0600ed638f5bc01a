"""What is kept up to date step by step equals what is worked out from scratch, in whatever order things arrive."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.contact import Contact
from rules.entry import Absorbed, EventReceived, Joined
from rules.facts import facts_now
from rules.history import History, by_time
from rules.planning import plan_of
from rules.score import score_at
from tests.rules.story import DAY, HOUR, MINUTE, START, Story, book, copy_of, event, play

RULES = """
attribute country: text
attribute size: number
purpose news: "News?"
purpose ads: "Ads?", profiling
list vip: "VIP"
score visit: +1 on "Visit" at most 2 per day
score week: +0.5 on "Visit" at most 3 per week
score rolling: +2 on "Order" at most 1 per 2 days
score once: +7 on "Order" at most 1 ever
score fade: +10 on "Order" halves every 3 days
score sour: -6 on "Ignored" halves every 2 days
score brief: +4 on "Visit" lasts 5 hours
score big: +5 on "Order" when event.amount >= 49.5 and contact.size % 2 == 1
score third: +3 on "Order" when count("Order", t"P3D") == 2
score first_visit: +9 on "Visit" when count("Visit") == 1
score spent: +2 on "Order" when total("Order", "amount", t"P5D") > 100
score told for ads: +1 on "Visit"
score from_fr: +5 while contact.country == "FR"
score shoes: +1 while count("Visit", t"PT6H", "page", "shoes") >= 2
score listed: +2 on "Visit" when in_list("vip")
segment warm: contact.score >= 20
segment odd: contact.score < 5 or contact.score == 12.5
segment busy: count("Visit", t"PT3H") >= 2
segment silent: last("Visit") < now - t"PT5H"
segment loyal for news: count("Order", t"P4D") >= 2
segment hot: in_segment("warm") and in_segment("busy")
segment spender: total("Order", "amount") > 120 or total("Order", "amount", t"P1D") > 60
segment old: days_since(first("Visit")) >= 2
segment of_list: in_list("vip") and consented("news")
"""
BOOK = book(RULES)
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

names = st.sampled_from(["Visit", "Visit", "Order", "Ignored", "Other"])
properties = st.fixed_dictionaries(
    {"amount": st.sampled_from([10, 49.5, 50, 0.1, "none"]), "page": st.sampled_from(["shoes", "hats"])}
)
steps = st.one_of(
    st.tuples(st.just("event"), names, properties),
    st.tuples(st.just("event"), names, properties),
    st.tuples(st.just("learn"), st.sampled_from(["FR", "DE", None]), st.integers(0, 3)),
    st.tuples(st.just("consent"), st.sampled_from(["news", "ads"]), st.sampled_from(["granted", "withdrawn"])),
    st.tuples(st.just("list"), st.booleans(), st.just(None)),
    st.tuples(st.just("points"), st.integers(-50, 50), st.just(None)),
)
spans = st.sampled_from([0, 1, 17, MINUTE, 59 * MINUTE, HOUR, 3 * HOUR, 5 * HOUR, 11 * HOUR, DAY, 2 * DAY])
stories = st.lists(st.tuples(spans, steps), min_size=1, max_size=40)


def tell(story: Story, step: tuple[Any, Any, Any]) -> None:
    match step:
        case ("event", name, values):
            story.happens(name, **values)
        case ("learn", country, size):
            story.learns(country=country, size=size)
        case ("consent", purpose, status):
            story.consents(purpose, status)
        case ("list", member, _):
            story.listed("vip", member)
        case ("points", tenths, _):
            story.gets(tenths)


def state(contact: Contact) -> dict[str, Any]:
    """What must not depend on the way to it."""
    return {
        "score": score_at(contact, BOOK, START + 400 * DAY),
        "segments": set(contact.segments),
        "hits": contact.hits,
        "static": contact.static,
        "holds": set(contact.holds),
        "index": {key: (one.number, one.amount, one.first, one.last, one.times) for key, one in contact.index.items()},
    }


def naive_segments(story: Story) -> set[str]:
    """The segments as each expression gives them over the whole list of events, without an index."""
    contact = copy_of(story.contact)
    contact.segments = {}
    contact.tenths = score_at(contact, story.book, story.now)
    events = by_time([*story.past, *contact.tail])
    for node in plan_of(story.book).nodes:
        if node.kind != "segment":
            continue
        facts = facts_now(contact, story.book, story.now, History({}, {}, story.now, events))
        consent = contact.consents.get(node.purpose or "")
        allowed = node.purpose is None or (consent is not None and consent.status == "granted")
        if allowed and node.expression.matches(facts):
            contact.segments[node.name] = story.contact.segments.get(node.name)  # type: ignore[assignment]
    return set(contact.segments)


@SLOW
@given(stories)
def test_step_by_step_equals_from_scratch_at_every_moment(told: list[tuple[int, Any]]) -> None:
    story = Story(BOOK)
    for span, step in told:
        story.waits(span)
        tell(story, step)
        assert story.segments == naive_segments(story)
        before = state(story.contact)
        fresh = Story(BOOK)
        fresh.contact, fresh.chunks, fresh.now = copy_of(story.contact), story.chunks, story.now
        decision = fresh.recomputed()
        assert state(fresh.contact) == before
        assert (decision.entered, decision.left) == ([], [])


@SLOW
@given(stories, st.integers(0, 10 * DAY))
def test_segments_are_true_between_events_too(told: list[tuple[int, Any]], rest: int) -> None:
    story = Story(BOOK)
    for span, step in told:
        story.waits(span)
        tell(story, step)
    story.waits(rest)
    assert story.segments == naive_segments(story)


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[list[EventReceived], list[EventReceived]]:
    """Events with distinct times, in order of time and in an order of arrival."""
    moments = draw(st.lists(st.integers(0, 6 * DAY), min_size=1, max_size=70, unique=True))
    entries = [
        event(
            draw(names),
            START + moment,
            draw(properties),
            received=START + 7 * DAY,
            traits=draw(st.sampled_from([{}, {}, {"size": moment}, {"country": f"{moment}"}])),
            history_only=True,
            message_id=str(moment),
        )
        for moment in sorted(moments)
    ]
    return entries, draw(st.permutations(entries))


@SLOW
@given(shuffled())
def test_the_order_of_arrival_changes_nothing(entries: tuple[list[EventReceived], list[EventReceived]]) -> None:
    now = START + 7 * DAY
    in_order, arrived = (play(Story(BOOK), one, now) for one in entries)
    assert state(arrived.contact) == state(in_order.contact)
    assert arrived.contact.attributes == in_order.contact.attributes


@SLOW
@given(
    st.lists(st.tuples(st.integers(0, DAY), st.sampled_from(["FR", "DE"])), unique_by=lambda one: one[0], min_size=1)
)
def test_the_newest_value_of_an_attribute_is_the_current_one(values: list[tuple[int, str]]) -> None:
    story = Story(BOOK)
    for moment, country in values:
        told = event("identify", START + moment, received=START + DAY, traits={"country": country}, silent=True)
        story.apply(told, START + DAY)
    assert story.contact.attributes["country"] == max(values)[1]


@SLOW
@given(shuffled(), st.data())
def test_duplicates_change_nothing(
    entries: tuple[list[EventReceived], list[EventReceived]], data: st.DataObject
) -> None:
    now = START + 7 * DAY
    once = play(Story(BOOK), entries[0], now)
    again = data.draw(st.lists(st.sampled_from(entries[0])))
    twice = play(Story(BOOK), [*entries[0], *again], now)
    assert state(twice.contact) == state(once.contact)
    assert twice.contact.tail == once.contact.tail


def absorbed(survivor: Story, other: Story, merge: str = "m1") -> Story:
    """`other` joined into `survivor`, by way of a snapshot."""
    result, source = Story(BOOK), Story(BOOK)
    result.contact, result.chunks, result.now = copy_of(survivor.contact), survivor.chunks[:], survivor.now
    source.contact, source.now = copy_of(other.contact), other.now
    source.chunks = other.chunks[:]
    decision = source.apply(Joined(time=source.now, merge=merge, into=survivor.contact.id))
    assert decision.snapshot is not None
    result.apply(
        Absorbed(time=result.now, merge=merge, snapshot=copy_of(decision.snapshot), past=other.past), result.now
    )
    return result


@SLOW
@given(stories, stories)
def test_merging_commutes(first: list[tuple[int, Any]], second: list[tuple[int, Any]]) -> None:
    told = []
    for name, steps_told in (("a", first), ("b", second)):
        story = Story(BOOK, id=name)
        for span, step in steps_told:
            story.now += span
            if step[0] in ("event", "points", "consent"):
                tell(story, step)
        told.append(story)
    told[0].now = told[1].now = max(one.now for one in told)
    one, other = absorbed(told[0], told[1]), absorbed(told[1], told[0])
    assert state(one.contact) == state(other.contact)
    assert one.contact.consents == other.contact.consents
    assert by_time([*one.past, *one.contact.tail]) == by_time([*other.past, *other.contact.tail])


@SLOW
@given(shuffled(), st.integers(0, 70))
def test_a_merged_history_is_the_history_that_one_contact_would_have(
    entries: tuple[list[EventReceived], list[EventReceived]], cut: int
) -> None:
    now = START + 7 * DAY
    plain = [EventReceived(**{**_fields(entry), "traits": {}}) for entry in entries[0]]
    mixed = [EventReceived(**{**_fields(entry), "traits": {}}) for entry in entries[1]]
    whole = play(Story(BOOK), plain, now)
    parts = [play(Story(BOOK, id=name), part, now) for name, part in (("a", mixed[:cut]), ("b", mixed[cut:]))]
    for part in parts:
        part.now = now
    assert state(absorbed(parts[0], parts[1]).contact) == state(whole.contact)


def _fields(entry: EventReceived) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in entry.__struct_fields__}


@pytest.mark.parametrize("change", ["points", "condition", "cap"])
def test_a_new_rulebook_gives_what_a_fresh_import_under_it_gives_and_a_rollback_the_old(change: str) -> None:
    text = 'attribute country: text\nscore s: +2 on "Order" at most 1 per day when event.amount > 20\n'
    other = {
        "points": text.replace("+2", "+3.5"),
        "condition": text.replace("event.amount > 20", 'event.amount > 55 or contact.country == "FR"'),
        "cap": text.replace("1 per day", "2 per week"),
    }[change]
    entries = []
    for place in range(60):
        traits = {"country": "FR" if place // 10 % 2 else "DE"} if place % 10 == 0 else {}
        time = START + place * 7 * HOUR
        entries.append(event("Order", time, {"amount": place % 60}, received=time, traits=traits))
    story = play(Story(text), entries, START + 30 * DAY)
    before = story.score
    story.publishes(other)
    fresh = play(Story(other), entries, START + 30 * DAY)
    assert story.score == fresh.score != before
    story.publishes(text)
    assert story.score == before
