"""A new rulebook reaches every contact once and exactly, whatever happens meanwhile; who stays so is not written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from rules.contact import Contact
from rules.decide import bring_up_to_date
from server.engine.engine import Engine
from server.errors import Unavailable
from server.services.rulebooks import Rulebooks
from server.store import keys
from server.store.faults import REDIS_FAULTS
from server.store.store import Store
from tests.clock import FakeClock
from tests.conftest import PARTITIONS, SECRET
from tests.crashing import Fuse, crashing_redis
from tests.engines import drain, engine_on, event, publish

RULES = """
attribute plan: one of "free" | "pro"
team sales: slack "#hot-leads"
score visit: +10 on "Page Viewed"
score pro: +5 while contact.plan == "pro"
segment warm: contact.score >= 20
"""
MORE = 'segment fan: contact.score >= 30\nscore order: +50 on "Order Completed"\n'
WINDOW = 'segment lively: count("Page Viewed", t"PT2H") >= 3\n'
PEOPLE = 60


async def crowd(store: Store, engine: Engine, people: int = PEOPLE) -> None:
    """Contacts with one to four views of a page."""
    entries = [(f"a{n}", event(store, "Page Viewed", f"m{n}-{m}")) for n in range(people) for m in range(1 + n % 4)]
    await store.log.append(entries)
    await drain(store, engine)


async def stored(store: Store) -> dict[str, bytes]:
    """What lies in Redis of each contact."""
    found: dict[str, bytes] = {}
    for partition in range(store.partitions):
        for bucket in range(keys.BUCKETS):
            found |= {
                one.decode(): blob
                for one, blob in (await store.redis.hgetall(keys.contacts(partition, bucket))).items()
            }
    return found


async def publish_and_wait(store: Store, text: str) -> None:
    await publish(store, text)
    await asyncio.sleep(0.3)  # everybody asks for the version each quarter of a second


def shape(contact: Contact) -> dict[str, Any]:
    """What a contact's state must be; since when it is in a segment depends on when the recompute came by."""
    names = ("attributes", "hits", "index", "static", "tail", "chunks")
    return {
        **{name: getattr(contact, name) for name in names},
        "holds": sorted(contact.holds),
        "segments": sorted(contact.segments),
    }


async def assert_exact(store: Store) -> None:
    """Every contact is what its history gives under the present rulebook, and so are the indexes."""
    book = await Rulebooks(store).live()
    page = await store.contacts.page(limit=10_000)
    members: dict[str, set[str]] = {name: set() for name in book.segments}
    for contact in await store.contacts.load_many(page.ids):
        assert contact is not None
        fresh = Contact(id=contact.id, created=contact.created, last_seen=contact.last_seen, tail=list(contact.tail))
        fresh.attributes, fresh.chunks, fresh.former = contact.attributes, list(contact.chunks), contact.former
        bring_up_to_date(fresh, await store.contacts.past(contact), book, store.clock.now(), entry_id="fresh")
        assert shape(contact) == shape(fresh), contact.id
        for name in contact.segments:
            members[name].add(contact.id)
    for name, expected in members.items():
        found, _ = await store.segments.members(name, 10_000)
        assert {contact_id for contact_id, _ in found} == expected, name


async def test_only_contacts_that_change_are_written(store: Store) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    await crowd(store, engine)
    before = await stored(store)
    await publish_and_wait(store, RULES + "segment fan: contact.score >= 40\n")
    await drain(store, engine)
    after = await stored(store)
    fans, _ = await store.segments.members("fan", 100)
    assert len(fans) == PEOPLE // 4
    assert {one for one in after if after[one] != before[one]} == {contact_id for contact_id, _ in fans}
    await assert_exact(store)


async def test_a_contact_that_was_not_written_is_not_worked_out_again_by_its_next_event(
    store: Store, redis: Redis
) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    await store.log.append([("a1", event(store, "Page Viewed", f"m{n}")) for n in range(100)])
    await drain(store, engine)
    await publish_and_wait(store, RULES + "segment poor: contact.score < 0\n")
    await drain(store, engine)
    await redis.delete(keys.history(store.partition("a1"), "a1"))  # whoever worked it out again would miss these
    other = engine_on(store)
    await engine.leases.end()
    await store.log.append([("a1", event(store, "Page Viewed"))])
    await drain(store, other)
    contact = await store.contacts.load("a1")
    assert contact is not None
    assert contact.score == 1010
    assert contact.version == 2


async def test_a_new_trigger_or_label_needs_no_look_at_any_contact(store: Store) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    await crowd(store, engine)
    before = await stored(store)
    await publish_and_wait(store, RULES + 'trigger hot: on enter warm\n  alert sales "warm"\n')
    await engine.turn()
    assert all(own.base == 2 and not own.recomputing for own in engine.owned)
    assert await stored(store) == before
    await store.log.append([("a0", event(store, "Page Viewed", f"late{n}")) for n in range(2)])
    await drain(store, engine)
    assert len((await store.alerts.listing(["open"]))[0]) == 1
    await assert_exact(store)


async def test_contacts_that_come_and_act_meanwhile_are_under_the_new_rules(store: Store) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    await crowd(store, engine, 2000)
    await publish_and_wait(store, RULES.replace("+10", "+15") + MORE + WINDOW)
    await engine.turn()
    assert any(own.recomputing for own in engine.owned)
    await store.log.append([(f"a{n}", event(store, "Order Completed", f"o{n}")) for n in range(0, 2000, 7)])
    await store.log.append([(f"b{n}", event(store, "Page Viewed", f"b{n}-{m}")) for n in range(9) for m in range(3)])
    await drain(store, engine)
    await assert_exact(store)
    assert await store.contacts.count() == 2009


@pytest.mark.parametrize("answered", [False, True])
async def test_engines_that_die_anywhere_leave_a_second_publication_exact(
    store: Store, redis_url: str, clock: FakeClock, answered: bool
) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    await crowd(store, engine, 200)
    await engine.leases.end()
    texts = [RULES.replace("+10", "+15") + WINDOW, RULES + MORE, RULES.replace("+5 while", "+7 while"), RULES + WINDOW]
    for round_trips in range(8, 120, 9):
        await publish_and_wait(store, texts[round_trips % len(texts)])
        fuse = Fuse(answered=answered)
        dying = await Store.open(crashing_redis(redis_url, fuse), secret=SECRET, clock=clock, partitions=PARTITIONS)
        doomed = engine_on(dying)
        await store.log.append(
            [(f"a{n}", event(store, "Order Completed", f"{round_trips}-{n}")) for n in range(0, 200, 9)]
        )
        fuse.budget = round_trips
        try:
            for _ in range(100):
                await doomed.turn()
        except (*REDIS_FAULTS, Unavailable):
            pass
        assert fuse.dead
        await dying.redis.connection_pool.disconnect()
        for partition in range(store.partitions):  # what time does to the leases of a dead process
            await store.redis.delete(keys.lease(partition))
        await store.redis.delete(keys.engines())
    survivor = engine_on(store)
    await publish_and_wait(store, RULES + MORE + WINDOW)
    await drain(store, survivor)
    await assert_exact(store)


async def test_a_contact_that_cannot_be_opened_holds_up_nobody_and_is_not_taken_for_done(
    store: Store, redis: Redis
) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    await crowd(store, engine)
    name = keys.contacts(store.partition("a1"), keys.bucket_of("a1", store.partitions))
    whole = await redis.hget(name, "a1")
    await redis.hset(name, "a1", b"\x01\x01 not an envelope of ours")
    await engine.leases.end()
    other = engine_on(store)
    await publish_and_wait(store, RULES.replace("+10", "+25"))
    await drain(store, other)
    await redis.hset(name, "a1", whole)
    await store.log.append([(f"a{n}", event(store, "Page Viewed", f"again{n}")) for n in range(PEOPLE)])
    await drain(store, other)
    await assert_exact(store)


async def test_a_recompute_lets_live_events_through_between_its_slices(store: Store) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    await crowd(store, engine, 3000)
    await publish_and_wait(store, RULES.replace("+10", "+15"))
    await engine.turn()
    [position] = await store.log.append([("a5", event(store, "Order Completed"))])
    await engine.turn()
    assert any(own.recomputing for own in engine.owned)
    assert await store.log.wait(position, timeout=0.01)
    await drain(store, engine)
    await assert_exact(store)
