"""Broadcasts and dates, for all contacts at once: each takes one once, whoever dies, and live events do not wait."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from rules.contact import Contact, Event, Millis
from rules.entry import AttributesSet, Broadcast
from server.engine.engine import Engine
from server.errors import Unavailable
from server.model.actor import SYSTEM
from server.model.outgoing import MessageDelivery
from server.services.pauses import Pauses
from server.services.rulebooks import Rulebooks
from server.store import keys
from server.store.store import Store
from tests.clock import FakeClock
from tests.conftest import PARTITIONS, SECRET
from tests.crashing import Crash, Fuse, crashing_redis
from tests.engines import drain, engine_on, event, publish

RULES = """
attribute wishlist: list of text
attribute country: text
list told: "Told"
trigger dropped: on broadcast "Price Dropped" to event.product in contact.wishlist
  send email price_drop
  add 1 points
"""
DATED = """
attribute country: text
trigger letter: at "2026-03-20 10:00" to contact.country == "FR"
  send email letter
trigger weekly: every monday at 09:30 to contact.country == "BE"
  send email weekly
"""


async def deliveries(store: Store) -> list[MessageDelivery]:
    """All deliveries there are, in no order."""
    found = []
    for partition in range(store.partitions):
        for name in await store.redis.zrange(keys.messages_due(partition), 0, -1):
            blob = await store.redis.get(keys.delivery(partition, name.decode()))
            found.append(store.seal.decode("delivery", blob, MessageDelivery))
    return found


async def sweep(store: Store, *engines: Engine) -> None:
    """Let engines work until no sweep is under way."""
    await drain(store, *engines)
    for _ in range(400):
        if not any(own.agenda.sweeps for engine in engines for own in engine.owned):
            return
        for engine in engines:
            await engine.turn()
    raise AssertionError("a sweep never came to its end")


def price_drop(store: Store, product: str, name: str) -> Broadcast:
    now = store.clock.now()
    return Broadcast(time=now, id=name, event=Event("Price Dropped", now, {"product": product}))


async def people(store: Store, number: int, **values: object) -> list[str]:
    """So many contacts with these attributes."""
    ids = [f"u{at:04}" for at in range(number)]
    entry = AttributesSet(time=store.clock.now(), values=dict(values))
    await store.log.append([(one, entry) for one in ids])
    return ids


async def load(store: Store, contact: str) -> Contact:
    found = await store.contacts.load(contact)
    assert found is not None
    return found


async def test_a_broadcast_reaches_those_whom_it_concerns_once(store: Store) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    ids = await people(store, 300, wishlist=["p1"])
    await store.log.append([("x1", AttributesSet(time=store.clock.now(), values={"wishlist": ["p2"]}))])
    await drain(store, engine)
    await store.log.append_everywhere(price_drop(store, "p1", "b1"))
    await sweep(store, engine)
    sent = await deliveries(store)
    assert sorted(one.contact for one in sent) == ids
    assert {(one.channel, one.message, one.rule, one.state) for one in sent} == {
        ("email", "price_drop", "dropped", "waiting")
    }
    assert sent[0].event is not None
    assert sent[0].event.properties == {"product": "p1"}
    assert (await load(store, "x1")).score == 0


async def test_the_same_broadcast_twice_has_no_effect_for_seven_days(store: Store, clock: FakeClock) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    [contact] = await people(store, 1, wishlist=["p1"])
    await drain(store, engine)
    for _ in range(2):
        await store.log.append_everywhere(price_drop(store, "p1", "b1"))
    await sweep(store, engine)
    clock.advance(days=6)
    await store.log.append_everywhere(price_drop(store, "p1", "b1"))
    await sweep(store, engine)
    assert (await load(store, contact)).score == 1
    await store.log.append_everywhere(price_drop(store, "p1", "b2"))
    await sweep(store, engine)
    assert (await load(store, contact)).score == 2


async def test_a_broadcast_is_known_again_by_the_engine_that_comes_after(store: Store, redis: Redis) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    [contact] = await people(store, 1, wishlist=["p1"])
    await store.log.append_everywhere(price_drop(store, "p1", "b1"))
    await sweep(store, engine)
    await engine.leases.end()
    await store.log.append_everywhere(price_drop(store, "p1", "b1"))
    await sweep(store, engine_on(store))
    assert (await load(store, contact)).score == 1


async def test_a_dated_rule_comes_about_at_the_local_time_of_each_contact(store: Store, clock: FakeClock) -> None:
    await publish(store, DATED)
    engine = engine_on(store, timezone="Europe/Paris", lease=60_000)
    values = {"country": "FR"}
    for name, zone in (("t1", "Asia/Tokyo"), ("p1", ""), ("n1", "America/New_York"), ("q1", "Nowhere/Else")):
        await store.log.append([(name, event(store, "Visit", timezone=zone))])
        await store.log.append([(name, AttributesSet(time=clock.now(), values=values))])
    await drain(store, engine)
    moments = {}
    for hour in range(24):
        clock.set(_utc(20, hour))
        await sweep(store, engine)
        for one in await deliveries(store):
            moments.setdefault(one.contact, hour)
    assert moments == {"t1": 1, "p1": 9, "q1": 9, "n1": 14}
    assert len(await deliveries(store)) == 4


async def test_a_moment_that_is_past_when_a_rule_is_published_never_comes(store: Store, clock: FakeClock) -> None:
    await publish(store, 'segment fr: count("Visit") > 0\n')
    engine = engine_on(store, lease=60_000)
    await people(store, 20, country="FR")
    await drain(store, engine)
    clock.set(_utc(20, 10) + 1)
    await publish(store, DATED)
    await asyncio.sleep(0.3)  # an engine asks for the version each quarter of a second
    await sweep(store, engine)
    clock.advance(hours=2)
    await sweep(store, engine)
    assert await deliveries(store) == []


async def test_after_an_outage_what_was_due_comes_about_once_and_of_a_weekly_rule_the_latest(
    store: Store, clock: FakeClock
) -> None:
    await publish(store, DATED)
    engine = engine_on(store, lease=60_000)
    await store.log.append([("b1", AttributesSet(time=clock.now(), values={"country": "BE"}))])
    await store.log.append([("f1", AttributesSet(time=clock.now(), values={"country": "FR"}))])
    await drain(store, engine)
    await engine.leases.end()
    clock.advance(days=25)
    later = engine_on(store, lease=60_000)
    await sweep(store, later)
    clock.advance(minutes=5)
    await sweep(store, later)
    sent = await deliveries(store)
    assert sorted((one.contact, one.message) for one in sent) == [("b1", "weekly"), ("f1", "letter")]


async def test_a_rule_whose_text_changes_keeps_its_date(store: Store, clock: FakeClock) -> None:
    await publish(store, DATED)
    engine = engine_on(store, lease=60_000)
    await people(store, 5, country="FR")
    await drain(store, engine)
    await engine.leases.end()
    clock.set(_utc(20, 11))
    await publish(store, DATED.replace("email letter", "email other_letter"))
    await sweep(store, engine_on(store, lease=60_000))
    assert {one.message for one in await deliveries(store)} == {"other_letter"}


DAILY = """
trigger morning: every day at 09:00 to count("Visit") > 0
  add 1 points
"""


async def test_engines_that_restart_every_hour_bring_each_day_once(store: Store, clock: FakeClock) -> None:
    await publish(store, DAILY)
    clock.set(_utc(3, 0))
    for hour in range(72):
        if not hour:
            await store.log.append([("u1", event(store, "Visit"))])
            await store.log.append([("t1", event(store, "Visit", timezone="Asia/Tokyo"))])
        if hour == 15:  # 11:00 in New York
            await store.log.append([("n1", event(store, "Visit", timezone="America/New_York"))])
        engine = engine_on(store, lease=60_000)
        await sweep(store, engine)
        await engine.leases.end()
        clock.advance(hours=1)
    scores = {contact: (await load(store, contact)).score for contact in ("u1", "t1", "n1")}
    assert scores == {"u1": 3, "t1": 2, "n1": 2}, "what was past in a zone when its first contact came never comes"


async def test_what_comes_during_a_pause_is_not_made_up_for(store: Store, clock: FakeClock) -> None:
    await publish(store, DAILY)
    engine = engine_on(store, lease=60_000)
    await store.log.append([("u1", event(store, "Visit"))])
    await sweep(store, engine)
    pauses = Pauses(store, clock, Rulebooks(store))
    await pauses.pause(SYSTEM, "morning")
    await asyncio.sleep(0.3)
    clock.advance(days=1)
    await sweep(store, engine)
    await pauses.resume(SYSTEM, "morning")
    await asyncio.sleep(0.3)
    await sweep(store, engine)
    assert (await load(store, "u1")).score == 0
    clock.advance(days=1)
    await sweep(store, engine)
    assert (await load(store, "u1")).score == 1


async def test_a_contact_that_moves_to_a_zone_where_it_is_earlier_takes_a_date_once(
    store: Store, clock: FakeClock
) -> None:
    await publish(store, DATED)
    engine = engine_on(store, lease=60_000)
    moved = AttributesSet(time=clock.now(), values={"country": "FR"})
    await store.log.append([("m1", event(store, "Visit", timezone="Europe/Paris")), ("m1", moved)])
    await store.log.append([("n1", event(store, "Visit", timezone="America/New_York"))])
    await drain(store, engine)
    clock.set(_utc(20, 9))
    await sweep(store, engine)
    await store.log.append([("m1", event(store, "Visit", "v2", timezone="America/New_York"))])
    await drain(store, engine)
    clock.set(_utc(20, 14))
    await sweep(store, engine)
    assert [one.contact for one in await deliveries(store)] == ["m1"]
    zones = [{zone: number for zone, number in own.agenda.zones.items() if number} for own in engine.owned]
    assert sum((Counter(found) for found in zones), Counter()) == {"America/New_York": 2}


async def test_a_version_that_is_published_during_a_sweep_and_live_events_do_not_disturb_it(store: Store) -> None:
    await publish(store, RULES)
    engine = engine_on(store, lease=60_000)
    ids = await people(store, 1500, wishlist=["p1"])
    await drain(store, engine)
    await store.log.append_everywhere(price_drop(store, "p1", "b1"))
    await engine.turn()
    assert any(own.agenda.sweeps for own in engine.owned)
    await publish(store, RULES + 'segment seen: count("Visit") > 0\nscore visited: +10 on "Visit"\n')
    await asyncio.sleep(0.3)
    for at in range(0, 1500, 5):
        await store.log.append([(ids[at], event(store, "Visit", f"v{at}"))])
        if at % 50 == 0:
            await engine.turn()
    await store.log.append_everywhere(price_drop(store, "p1", "b2"))
    await sweep(store, engine)
    assert Counter(one.contact for one in await deliveries(store)) == dict.fromkeys(ids, 2)
    scores = Counter([(await load(store, contact)).score for contact in ids])
    assert scores == {2: 1200, 12: 300}
    assert await store.segments.count("seen") == 300


async def test_zones_in_which_a_date_is_the_same_moment_are_swept_together(store: Store, clock: FakeClock) -> None:
    await publish(store, DATED)
    engine = engine_on(store, timezone="Europe/Paris", lease=60_000)
    zones = ("Europe/Berlin", "Europe/Rome", "Europe/Paris", "", "Africa/Lagos")  # there is no summer time before it
    for at, zone in enumerate(zones):
        await store.log.append([(f"z{at}", event(store, "Visit", timezone=zone, traits={"country": "FR"}))])
    await drain(store, engine)
    clock.set(_utc(20, 9))
    await engine.turn()
    begun = [sweep for own in engine.owned for sweep in own.agenda.sweeps.values()]
    ended = [name for own in engine.owned for name in own.agenda.through]
    letters = [one for one in begun if one.occurrences[0].rules == ("letter",)]
    assert len(begun) + len(ended) == 2 * PARTITIONS, "one of the letter, one of the weekly rule for each partition"
    assert {one.moment for one in letters} <= {clock.now()}
    await sweep(store, engine)
    assert len([one for one in await deliveries(store) if one.message == "letter"]) == len(zones)


async def test_a_partition_that_changes_hands_during_a_sweep_goes_on_where_it_was(store: Store) -> None:
    await publish(store, RULES)
    first = engine_on(store, lease=60_000)
    ids = await people(store, 1500, wishlist=["p1"])
    await drain(store, first)
    await store.log.append_everywhere(price_drop(store, "p1", "b1"))
    await first.turn()
    await first.turn()
    second = engine_on(store, lease=60_000)
    for _ in range(2):
        for engine in (second, first):
            await engine.rebalance()
    assert len(first.owned) == len(second.owned) == PARTITIONS // 2
    await sweep(store, first, second)
    assert sorted(one.contact for one in await deliveries(store)) == ids
    assert {(await load(store, contact)).score for contact in ids} == {1}


async def test_a_condition_that_misses_a_value_is_counted_for_its_rule(store: Store) -> None:
    await publish(store, RULES)
    engine = engine_on(store, lease=60_000)
    await people(store, 30, wishlist=["p1"])
    await store.log.append([(f"m{at}", event(store, "Visit")) for at in range(20)])
    await drain(store, engine)
    await store.log.append_everywhere(price_drop(store, "p1", "b1"))
    await sweep(store, engine)
    await engine.rebalance()
    await store.stats.flush()
    counts = await Rulebooks(store).counts("dropped")
    assert (counts.matched, counts.missing, counts.errors) == (30, 20, 0)


@pytest.mark.parametrize("answered", [False, True], ids=["before a command", "before its answer"])
async def test_whoever_dies_during_a_sweep_each_contact_takes_it_once(
    store: Store, redis: Redis, redis_url: str, clock: FakeClock, answered: bool
) -> None:
    await publish(store, RULES)
    engine = engine_on(store, lease=60_000)
    ids = await people(store, 800, wishlist=["p1"])
    await drain(store, engine)
    await engine.leases.end()
    await store.log.append_everywhere(price_drop(store, "p1", "b1"))
    deaths = 0
    for budget in itertools.count(30, 3):
        fuse = Fuse(answered=answered)
        crashing = crashing_redis(redis_url, fuse)
        dying = await Store.open(crashing, secret=SECRET, clock=clock, partitions=PARTITIONS)
        mortal = engine_on(dying, lease=60_000)
        fuse.budget = budget
        with suppress(Crash, Unavailable):
            await sweep(dying, mortal)
        deaths += fuse.dead
        await crashing.aclose()
        for partition in range(PARTITIONS):  # the leases of the dead run out
            await redis.delete(keys.lease(partition))
        await redis.delete(keys.engines())
        if not fuse.dead:
            break
    assert deaths > 3
    assert sorted(one.contact for one in await deliveries(store)) == ids
    assert {(await load(store, contact)).score for contact in ids} == {1}


async def test_sigkill_of_an_engine_during_a_sweep_loses_and_doubles_nothing(store: Store, redis_url: str) -> None:
    await publish(store, RULES)
    engine = engine_on(store, lease=60_000)
    ids = await people(store, 3000, wishlist=["p1"])
    await drain(store, engine)
    await engine.leases.end()
    await store.log.append_everywhere(price_drop(store, "p1", "b1"))
    kills = 0
    while True:
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.engine_process", redis_url)
        try:
            before = await _taken(store)
            while (now := await _taken(store)) == before < len(ids):
                await asyncio.sleep(0.005)
        finally:
            process.kill()
            await process.wait()
        for partition in range(PARTITIONS):
            await store.redis.delete(keys.lease(partition))
        await store.redis.delete(keys.engines())
        if now == len(ids) or kills == 3:
            break
        kills += 1
    assert kills
    await sweep(store, engine_on(store, lease=60_000))
    assert sorted(one.contact for one in await deliveries(store)) == ids
    assert {(await load(store, contact)).score for contact in ids} == {1}


async def _taken(store: Store) -> int:
    return sum([await store.redis.zcard(keys.messages_due(partition)) for partition in range(PARTITIONS)])


def _utc(day: int, hour: int) -> Millis:
    return FakeClock(datetime(2026, 3, day, hour, tzinfo=UTC)).now()
