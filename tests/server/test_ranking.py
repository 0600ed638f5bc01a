"""Who is on top of a segment or a list, while scores age: equal to a plain calculation over everybody."""

from __future__ import annotations

import random

import pytest

from rules.contact import Millis
from rules.entry import Entry, EventReceived, ListChanged
from server.engine.engine import Engine
from server.errors import Invalid
from server.model.actor import SYSTEM
from server.services.exports import Exports
from server.services.rulebooks import Rulebooks
from server.services.segments import Lists, Segments
from server.store.store import Store
from tests.clock import FakeClock
from tests.engines import drain, engine_on, publish

DAY = 86_400_000
PEOPLE = 240

AGEING = """
list fair: "Met at the fair"
score viewed: +8 on "Viewed" halves every 10 days
score ordered: +20 on "Ordered" lasts 30 days
score complained: -15 on "Complained" halves every 5 days
score returned: -9 on "Returned" lasts 20 days
score signed: +3 on "Signed"
segment everyone: count("Viewed") >= 0
"""
POINTS: dict[str, tuple[float, float | None, float | None]] = {
    "Viewed": (8, 10 * DAY, None),
    "Ordered": (20, None, 30 * DAY),
    "Complained": (-15, 5 * DAY, None),
    "Returned": (-9, None, 20 * DAY),
    "Signed": (3, None, None),
}

Told = dict[str, list[tuple[str, Millis]]]
"""What happened to each contact, and when."""


def plain_score(events: list[tuple[str, Millis]], now: Millis) -> int:
    """Tenths of a score, worked out one event after the other."""
    total = 0.0
    for name, time in events:
        points, halves, lasts = POINTS[name]
        age = now - time
        if halves is not None:
            total += points * 0.5 ** (age / halves)
        elif lasts is None or age < lasts:
            total += points
    return round(total * 10)


def plain_ranking(told: Told, now: Millis) -> list[tuple[str, float]]:
    """Everybody, the highest score first, of equal ones the youngest id."""
    scores = sorted(((plain_score(events, now), contact_id) for contact_id, events in told.items()), reverse=True)
    return [(contact_id, tenths / 10) for tenths, contact_id in scores]


def happened(name: str, time: Millis, now: Millis, number: int) -> EventReceived:
    return EventReceived(name=name, time=time, received=now, message_id=f"m{number}", source="shop")


async def told_to(store: Store, engine: Engine, chance: random.Random) -> Told:
    """A crowd to whom things happened within sixty days, told in five parts with days between."""
    clock = store.clock
    assert isinstance(clock, FakeClock)
    told: Told = {f"a{at}": [] for at in range(PEOPLE)}
    for part in range(5):
        now = clock.now()
        entries: list[tuple[str, Entry]] = [
            (contact_id, happened(name, now - chance.randrange(12 * DAY), now, part * 100_000 + at))
            for at in range(600)
            for contact_id, name in [(f"a{chance.randrange(PEOPLE)}", chance.choice(list(POINTS)))]
        ]
        if not part:
            entries += [(contact_id, ListChanged(time=now, list="fair", member=True)) for contact_id in told]
        for contact_id, entry in entries:
            if isinstance(entry, EventReceived):
                told[contact_id].append((entry.name, entry.time))
        await store.log.append(entries)
        await drain(store, engine)
        clock.advance(days=12)
    return told


async def pages(index: Segments | Lists, name: str, limit: int) -> list[tuple[str, float]]:
    """All members, page after page."""
    found: list[tuple[str, float]] = []
    cursor = None
    while True:
        page = await index.members(SYSTEM, name, limit, cursor)
        assert len(page.members) <= limit
        found += [(one.id, one.score) for one in page.members]
        cursor = page.next
        if cursor is None:
            return found


async def test_the_top_is_that_of_a_plain_calculation_at_any_moment(store: Store, clock: FakeClock) -> None:
    await publish(store, AGEING)
    engine = engine_on(store)
    told = await told_to(store, engine, random.Random(1))
    rulebooks = Rulebooks(store)
    segments, lists = Segments(store, rulebooks), Lists(store, rulebooks)
    for days in (0, 1, 3, 9, 20, 60):
        clock.advance(days=days)
        expected = plain_ranking(told, clock.now())
        for limit in (1, 10, 100):
            page = await segments.members(SYSTEM, "everyone", limit)
            assert [(one.id, one.score) for one in page.members] == expected[:limit]
            listed = await lists.members(SYSTEM, "fair", limit)
            assert [(one.id, one.score) for one in listed.members] == expected[:limit]


@pytest.mark.parametrize("limit", [7, 100, 1000])
async def test_pages_together_are_the_whole_ranking(store: Store, clock: FakeClock, limit: int) -> None:
    await publish(store, AGEING)
    told = await told_to(store, engine_on(store), random.Random(2))
    clock.advance(days=11)
    expected = plain_ranking(told, clock.now())
    assert await pages(Segments(store, Rulebooks(store)), "everyone", limit) == expected
    assert await pages(Lists(store, Rulebooks(store)), "fair", limit) == expected


async def test_pages_stay_in_step_while_scores_age_and_others_rise(store: Store, clock: FakeClock) -> None:
    await publish(store, AGEING)
    engine = engine_on(store)
    told = await told_to(store, engine, random.Random(3))
    segments = Segments(store, Rulebooks(store))
    expected = plain_ranking(told, clock.now())
    first = await segments.members(SYSTEM, "everyone", 50)
    clock.advance(days=6)
    moved = {contact_id for contact_id, _ in expected[100:110]}
    now = clock.now()
    await store.log.append([(one, happened("Ordered", now, now, 900_000 + at)) for at, one in enumerate(moved)])
    await drain(store, engine)

    found = [(one.id, one.score) for one in first.members]
    cursor = first.next
    while cursor:
        page = await segments.members(SYSTEM, "everyone", 50, cursor)
        found += [(one.id, one.score) for one in page.members]
        cursor = page.next
    assert [one for one in found if one[0] not in moved] == [one for one in expected if one[0] not in moved]
    top = await segments.members(SYSTEM, "everyone", 1)
    for contact_id in moved:
        told[contact_id].append(("Ordered", now))
    assert (top.members[0].id, top.members[0].score) == plain_ranking(told, now)[0]


async def test_equal_scores_are_paged_without_gap_or_repeat(store: Store) -> None:
    await publish(store, 'score signed: +3 on "Signed"\nsegment signed: count("Signed") >= 1\n')
    now = store.clock.now()
    await store.log.append([(f"a{at}", happened("Signed", now, now, at)) for at in range(PEOPLE)])
    await drain(store, engine_on(store))
    segments = Segments(store, Rulebooks(store))
    expected = [(contact_id, 3.0) for contact_id in sorted((f"a{at}" for at in range(PEOPLE)), reverse=True)]
    assert await pages(segments, "signed", 7) == expected
    ids: list[str] = []
    cursor = None
    while not ids or cursor:
        some, cursor = await segments.ids(SYSTEM, "signed", 50, cursor)
        ids += some
    assert ids == [contact_id for contact_id, _ in expected]


async def test_an_export_has_the_scores_as_they_are_now(store: Store, clock: FakeClock) -> None:
    await publish(store, AGEING)
    told = await told_to(store, engine_on(store), random.Random(4))
    clock.advance(days=9)
    rows = [row async for row in Exports(store, Rulebooks(store)).rows(SYSTEM, "segment", "everyone")]
    assert sorted((row["id"], row["score"]) for row in rows) == sorted(plain_ranking(told, clock.now()))


@pytest.mark.parametrize("cursor", ["x", "1", "1:a", "1:a:x", "x:a:1"])
async def test_a_cursor_of_somebody_else_is_refused(store: Store, cursor: str) -> None:
    await publish(store, AGEING)
    segments = Segments(store, Rulebooks(store))
    with pytest.raises(Invalid):
        await segments.members(SYSTEM, "everyone", 10, cursor)
