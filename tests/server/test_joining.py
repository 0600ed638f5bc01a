"""Joining two contacts: whatever dies at whatever command, it ends in one contact with everything of both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from redis.asyncio import Redis

from rules.entry import EventReceived
from server.errors import Unavailable
from server.model.actor import SYSTEM
from server.services.consents import ConsentRequest, Consents
from server.services.joining import Joining
from server.services.rulebooks import Rulebooks
from server.store import keys
from server.store.identities import Caller
from server.store.store import Store
from tests.clock import FakeClock
from tests.conftest import PARTITIONS, SECRET
from tests.crashing import Crash, Fuse, crashing_redis
from tests.engines import drain, engine_on, event, publish

RULES = """
attribute email: text, personal
purpose newsletter: "Yes, the newsletter."
purpose targeting: "Yes, targeting."
team sales: slack "#hot-leads"
score visit: +10 on "Page Viewed"
segment warm: contact.score >= 20
trigger warm_lead: on enter warm
  alert sales "warm"
"""


def services(store: Store) -> tuple[Consents, Joining]:
    consents = Consents(store, store.clock, Rulebooks(store))
    return consents, Joining(store, store.clock, consents)


async def open_store(redis: Redis, clock: FakeClock) -> Store:
    return await Store.open(redis, secret=SECRET, clock=clock, partitions=PARTITIONS)


def named(store: Store, message: str, user: str = "", anonymous: str = "") -> EventReceived:
    names = [("user", user), ("anonymous", anonymous)]
    return event(store, "Page Viewed", message, identities=tuple(pair for pair in names if pair[1]))


async def both_ids(store: Store) -> str:
    """What a call with both ids does: resolve, begin the join, append the event. Returns the contact written to."""
    _, joining = services(store)
    [resolved] = await store.identities.resolve_many([Caller(user="42", anonymous="v1")])
    if resolved.joins:
        await joining.join(resolved.joins, resolved.contact)
    await store.log.append([(resolved.contact, named(store, "m9", "42", "v1"))])
    return resolved.contact


async def two_contacts(store: Store, clock: FakeClock) -> tuple[str, str]:
    """A visitor with two visits and a withdrawal, and a user with one visit and both consents."""
    await publish(store, RULES)
    consents, _ = services(store)
    [visitor] = await store.identities.resolve_many([Caller(anonymous="v1")])
    [user] = await store.identities.resolve_many([Caller(user="42")])
    assert visitor.contact != user.contact
    await store.log.append([(visitor.contact, named(store, f"v{n}", anonymous="v1")) for n in range(2)])
    await store.log.append([(user.contact, named(store, "u1", user="42"))])
    for purpose in ("newsletter", "targeting"):
        grant = ConsentRequest(purpose=purpose, action="grant", source="form")
        await _record(consents, store, user.contact, grant)
    await _record(consents, store, visitor.contact, ConsentRequest(purpose="targeting", action="withdraw", source="x"))
    return visitor.contact, user.contact


async def _record(consents: Consents, store: Store, contact: str, request: ConsentRequest) -> None:
    engine = engine_on(store)
    recording = asyncio.create_task(consents.record(SYSTEM, contact, request))
    while not recording.done():
        await engine.turn()
    await recording
    await drain(store, engine)
    await engine.leases.end()


@pytest.fixture
async def careless_redis(redis: Redis) -> AsyncIterator[Redis]:
    """Redis without a sync to disk a write: what dies here is a process of ours, many times."""
    await redis.config_set("appendfsync", "no")
    yield redis
    await redis.config_set("appendfsync", "always")


@pytest.mark.parametrize("answered", [False, True], ids=["before the command", "before the answer"])
async def test_a_join_that_dies_at_any_command_ends_right(
    careless_redis: Redis, redis_url: str, clock: FakeClock, answered: bool
) -> None:
    redis = careless_redis
    budget, died = 0, True
    while died:
        await redis.flushall()
        store = await open_store(redis, clock)
        visitor, user = await two_contacts(store, clock)
        fuse = Fuse(answered=answered)
        crashing = crashing_redis(redis_url, fuse)
        mortal = await open_store(crashing, clock)
        engine = engine_on(mortal)
        fuse.budget = budget
        with suppress(Crash, Unavailable):
            await both_ids(mortal)
            await drain(mortal, engine, turns=30)
        died = fuse.dead
        await crashing.aclose()
        for partition in range(PARTITIONS):  # the leases of the dead run out
            await redis.delete(keys.lease(partition))
        await redis.delete(keys.engines())

        await both_ids(store)  # a sender without an answer sends again; one with an answer may do so too
        survivor = engine_on(store)
        await drain(store, survivor)
        await check_joined(store, visitor, user, f"died at round trip {budget}")
        await survivor.leases.end()
        budget += 1
    assert budget > 20, "the flow has more commands than that"


async def check_joined(store: Store, visitor: str, user: str, when: str) -> None:
    contact = await store.contacts.load(visitor)
    assert contact is not None, when
    assert contact.id == user, when
    assert sorted(contact.identities) == [("anonymous", "v1"), ("user", "42")], when
    assert len(await store.contacts.history(contact)) == 4, when
    assert contact.score == 40, when
    sheet = await store.consents.sheet(visitor)
    held = {name: consent.status for name, consent in sheet.purposes.items()}
    assert held == {"newsletter": "granted", "targeting": "withdrawn"}, when
    assert {name: consent.status for name, consent in contact.consents.items()} == held, when
    assert await store.identities.find("anonymous", "v1") == user, when
    assert await store.segments.count("warm") == 1, when
    assert await store.contacts.count() == 1, when
    alerts, _ = await store.alerts.listing(["open"])
    assert len(alerts) == 1, when
    assert alerts[0].contact == user, when


async def test_what_arrives_for_a_contact_that_is_gone_reaches_the_one_that_stays(
    store: Store, clock: FakeClock
) -> None:
    visitor, user = await two_contacts(store, clock)
    await both_ids(store)
    engine = engine_on(store)
    await store.log.append([(visitor, named(store, "late", anonymous="v1"))])
    await drain(store, engine)
    await store.log.append([(visitor, named(store, "later", anonymous="v1"))])
    await store.log.append([(visitor, named(store, "later", anonymous="v1"))])
    await drain(store, engine)
    contact = await store.contacts.load(user)
    assert contact is not None
    assert len(contact.tail) == 6


async def test_an_alert_of_a_joined_contact_is_found_under_its_id(store: Store, clock: FakeClock) -> None:
    visitor, user = await two_contacts(store, clock)
    engine = engine_on(store)
    await drain(store, engine)
    [alert], _ = await store.alerts.listing(["open"])
    await both_ids(store)
    await drain(store, engine)
    moved = await store.alerts.load(alert.id)
    assert moved is not None
    assert moved.contact == user
    assert visitor != user


async def test_a_visitor_of_another_user_is_pointed_at_the_new_user_and_nothing_is_joined(store: Store) -> None:
    [first] = await store.identities.resolve_many([Caller(user="1", anonymous="shared")])
    [second] = await store.identities.resolve_many([Caller(user="2", anonymous="shared")])
    assert second.contact != first.contact
    assert not second.joins
    assert await store.identities.find("anonymous", "shared") == second.contact


async def test_a_visitor_who_signs_in_keeps_the_contact(store: Store) -> None:
    [visitor] = await store.identities.resolve_many([Caller(anonymous="v")])
    [user] = await store.identities.resolve_many([Caller(user="1", anonymous="v")])
    assert user.contact == visitor.contact
    assert not user.joins
    [other] = await store.identities.resolve_many([Caller(user="2", anonymous="v")])
    assert other.contact != visitor.contact


async def test_joins_in_both_directions_at_once_close_no_circle(store: Store, clock: FakeClock) -> None:
    visitor, user = await two_contacts(store, clock)
    _, joining = services(store)
    assert await joining.join(visitor, user) is not None
    assert await joining.join(user, visitor) is None
    engine = engine_on(store)
    await drain(store, engine)
    contact = await store.contacts.load(visitor)
    assert contact is not None
    assert contact.id == user


async def test_an_email_address_joins_a_visitor_to_the_user_who_has_it(store: Store) -> None:
    _, joining = services(store)
    [user] = await store.identities.resolve_many([Caller(user="1")])
    [visitor] = await store.identities.resolve_many([Caller(anonymous="v")])
    assert await joining.claim_email(user.contact, "Ann@Example.org ") is None
    assert await joining.claim_email(visitor.contact, "ann@example.org") is not None
    [other] = await store.identities.resolve_many([Caller(user="2")])
    assert await joining.claim_email(other.contact, "ann@example.org") is None
    assert await store.identities.find("email", "ANN@example.org") == user.contact
