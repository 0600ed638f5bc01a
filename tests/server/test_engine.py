"""The engine: each entry takes effect exactly once, in order, whoever dies."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from rules.contact import Alert, Contact
from server.errors import Unavailable
from server.services.rulebooks import Rulebooks
from server.store import keys
from server.store.log import Position
from server.store.store import Store
from tests.clock import FakeClock
from tests.engines import RecordingBell, drain, engine_on, event, publish

RULES = """
attribute email: text, personal
attribute plan: one of "free" | "pro"
team sales: slack "#hot-leads", telegram "-1001"
list customers: "Customers"

score visit: +10 on "Page Viewed"
score pro: +5 while contact.plan == "pro"
segment warm: contact.score >= 20
segment lively: count("Page Viewed", t"PT2H") > 0

trigger warm_lead: on enter warm
  alert sales "{{ contact.score }} points"

trigger bought: on "Order Completed"
  add to list customers
"""


async def load(store: Store, contact: str) -> Contact:
    found = await store.contacts.load(contact)
    assert found is not None
    return found


async def test_an_event_makes_the_contact_and_its_score(store: Store) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    await store.log.append([("a1", event(store, "Page Viewed"))])
    await drain(store, engine)
    contact = await load(store, "a1")
    assert contact.score == 10
    assert [past.name for past in contact.tail] == ["Page Viewed"]
    assert await store.contacts.count() == 1


async def test_the_same_message_id_takes_effect_once_even_when_appended_twice(store: Store) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    await store.log.append([("a1", event(store, "Page Viewed", "m1"))])
    await drain(store, engine)
    await store.log.append([("a1", event(store, "Page Viewed", "m1"))])
    await drain(store, engine)
    assert (await load(store, "a1")).score == 10


async def test_entering_a_segment_raises_one_alert_and_makes_its_cards_due(store: Store, redis: Redis) -> None:
    await publish(store, RULES)
    bell = RecordingBell()
    engine = engine_on(store, bell=bell)
    await store.log.append([("a1", event(store, "Page Viewed", f"m{n}")) for n in range(3)])
    await drain(store, engine)
    await asyncio.sleep(0.05)
    partition = store.partition("a1")
    alerts, following = await store.alerts.listing(["open"])
    assert [alert.trigger for alert in alerts] == ["warm_lead"]
    assert following is None
    due = {member.decode() for member in await redis.zrange(keys.due(partition), 0, -1)}
    name = alerts[0].id
    assert due == {f"card:{name}:slack:#hot-leads", f"card:{name}:telegram:-1001", f"card:{name}:terminal:"}
    assert bell.rung == [partition]
    assert await store.segments.members("warm") == ([("a1", 30.0)], None)


async def test_a_segment_that_time_ends_ends_with_no_event(store: Store, clock: FakeClock) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    await store.log.append([("a1", event(store, "Page Viewed"))])
    await drain(store, engine)
    assert await store.segments.count("lively") == 1
    clock.advance(hours=2, milliseconds=-1)
    await engine.turn()
    assert await store.segments.count("lively") == 1
    clock.advance(milliseconds=1)
    await engine.turn()
    assert await store.segments.count("lively") == 0
    assert "lively" not in (await load(store, "a1")).segments


async def test_a_writer_whose_lease_was_taken_is_refused_and_changes_nothing(store: Store, redis: Redis) -> None:
    await publish(store, RULES)
    paused = engine_on(store)
    await drain(store, paused)
    partition = store.partition("a1")
    await redis.set(keys.lease(partition), "another engine", px=60_000)
    await store.log.append([("a1", event(store, "Page Viewed"))])
    await paused.turn()
    assert await redis.get(keys.cursor(partition)) is None
    assert await store.contacts.load("a1") is None
    assert partition not in {own.partition for own in paused.owned}


async def test_an_engine_that_was_paused_past_its_lease_applies_nothing_twice(store: Store, redis: Redis) -> None:
    await publish(store, RULES)
    paused, other = engine_on(store), engine_on(store)
    await drain(store, paused)
    for partition in range(store.partitions):  # what time does to the leases of a stopped process
        await redis.delete(keys.lease(partition))
    await redis.delete(keys.engines())
    await store.log.append([("a1", event(store, "Page Viewed"))])
    await drain(store, other)
    await paused.turn()
    await paused.turn()
    contact = await load(store, "a1")
    assert contact.score == 10
    assert len(contact.tail) == 1


async def test_two_engines_share_the_partitions_and_one_that_ends_leaves_them_all_to_the_other(store: Store) -> None:
    one, two = engine_on(store), engine_on(store)
    for _ in range(3):
        await one.rebalance()
        await two.rebalance()
    assert len(one.owned) == len(two.owned) == store.partitions / 2
    await one.leases.end()
    await two.rebalance()
    assert len(two.owned) == store.partitions


async def test_entries_of_one_contact_apply_in_the_order_of_the_log(store: Store) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    await store.log.append([("a1", event(store, "Page Viewed", f"m{n}", properties={"n": n})) for n in range(600)])
    await drain(store, engine)
    contact = await load(store, "a1")
    history = await store.contacts.history(contact)
    assert [past.properties["n"] for past in history] == list(range(600))
    assert contact.score == 6000


async def test_an_entry_that_cannot_be_opened_is_set_aside_and_stops_nothing(store: Store, redis: Redis) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    partition = store.partition("a1")
    await redis.xadd(keys.log(partition), {"c": "a1", "e": b"\x01\x01 not an envelope of ours"})
    await store.log.append([("a1", event(store, "Page Viewed"))])
    await drain(store, engine)
    assert (await load(store, "a1")).score == 10
    assert await redis.llen(keys.failed(partition)) == 1


async def test_publishing_brings_every_contact_up_to_date_and_fires_nothing(store: Store) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    await store.log.append([(f"a{n}", event(store, "Page Viewed")) for n in range(500)])
    await drain(store, engine)
    await asyncio.sleep(0.3)
    await publish(store, RULES.replace("+10 on", "+25 on"))
    await asyncio.sleep(0.3)
    await drain(store, engine)
    assert await store.segments.count("warm") == 500
    assert {(await load(store, f"a{n}")).score for n in range(500)} == {25}
    assert await store.alerts.listing(["open"]) == ([], None)


async def test_waiting_for_an_entry_ends_when_it_has_taken_effect(store: Store) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    [position] = await store.log.append([("a1", event(store, "Page Viewed"))])
    assert not await store.log.wait(position, timeout=0.02)
    await drain(store, engine)
    assert await store.log.wait(position, timeout=0.02)
    assert not await store.log.wait(Position(position.partition, "99999999999999-0"), timeout=0.02)


async def test_an_append_that_redis_does_not_take_is_an_error_never_silence(store: Store, redis: Redis) -> None:
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(Unavailable):
            await store.log.append([("a1", event(store, "Page Viewed"))])
    finally:
        await redis.config_set("maxmemory", 0)


async def test_alert_ids_are_told_apart_as_typed(store: Store) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    await store.log.append([(f"a{n}", event(store, "Page Viewed", f"m{m}")) for n in range(9) for m in range(3)])
    await drain(store, engine)
    alerts: list[Alert] = []
    page, cursor = await store.alerts.listing(["open"], limit=4)
    while page:
        alerts += page
        page, cursor = await store.alerts.listing(["open"], limit=4, cursor=cursor) if cursor else ([], None)
    assert len({alert.id for alert in alerts}) == 9
    for alert in alerts:
        again = await store.alerts.load(alert.id.lower())
        assert again is not None
        assert again.contact == alert.contact
    assert await store.alerts.load("no such") is None


async def test_an_event_that_comes_late_within_one_batch_scores_as_if_it_had_come_in_time(store: Store) -> None:
    """More events than the tail keeps, a late one last: the daily cap must look back into the stored chunks."""
    await publish(store, 'score visit: +10 on "Page Viewed" at most 2 per day\n')
    engine = engine_on(store)
    now = store.clock.now()
    times = [now - 3_600_000 + n * 10_000 for n in range(120)]
    entries = [event(store, "Page Viewed", f"m{n}", time=time) for n, time in enumerate(times)]
    late = event(store, "Page Viewed", "late", time=now - 3_900_000)
    await store.log.append([("a1", entry) for entry in (*entries, late)])
    await drain(store, engine)
    contact = await load(store, "a1")
    assert contact.score == 20
    assert contact.hits["visit"][0] == now - 3_900_000
    assert len(await store.contacts.history(contact)) == 121


async def test_a_chain_of_consequences_that_leads_to_itself_is_stopped_and_counted(store: Store) -> None:
    await publish(
        store,
        'list a: "A"\ntrigger on_a: on list a\n  remove from list a\n  convert "Again"\n'
        'trigger again: on "Converted"\n  add to list a\n',
    )
    engine = engine_on(store)
    await store.log.append([("a1", event(store, "Converted"))])
    await drain(store, engine)
    await store.stats.flush()
    counts = await store.stats.rule("again")
    assert (counts.matched, counts.loops) == (1, 1)


async def test_matches_missing_values_and_traits_sent_in_vain_are_counted(store: Store) -> None:
    await publish(store, RULES + 'score dear: +1 on "Page Viewed" when event.price > 10\n')
    engine = engine_on(store)
    rulebooks = Rulebooks(store)
    for number, properties in enumerate([{"price": 20}, {}, {"price": "much"}]):
        entry = event(store, "Page Viewed", f"m{number}", properties=properties, traits={"shoe_size": 42})
        await store.log.append([("a1", entry)])
    await drain(store, engine)
    await store.stats.flush()
    counts = await rulebooks.counts("dear")
    assert (counts.matched, counts.missing, counts.errors) == (1, 1, 1)
    assert await rulebooks.sent_in_vain() == {"shoe_size": 3}
