"""Appending to the log on the strength of what a process knows of identities from before."""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis

from server.store import keys
from server.store.identities import Caller
from server.store.store import Store
from tests.clock import FakeClock
from tests.conftest import PARTITIONS, SECRET
from tests.engines import event


async def logged(store: Store, contact: str) -> int:
    """How many entries wait for a contact."""
    rows = await store.redis.xrange(keys.log(store.partition(contact)))
    return sum(1 for _, fields in rows if fields[b"c"] == contact.encode())


async def test_a_visitor_who_was_seen_is_known_without_asking(store: Store) -> None:
    caller = Caller(anonymous="v1")
    assert store.identities.recall([caller]) is None
    [resolved] = await store.identities.resolve_many([caller])
    assert store.identities.recall([caller, caller]) == (
        [resolved.contact] * 2,
        {store.identities.key("anonymous", "v1"): resolved.contact},
    )


async def test_a_call_that_names_somebody_new_or_two_contacts_is_not_known(store: Store) -> None:
    await store.identities.resolve_many([Caller(anonymous="v1"), Caller(user="1")])
    assert store.identities.recall([Caller(anonymous="v1"), Caller(anonymous="v2")]) is None
    assert store.identities.recall([Caller(user="1", anonymous="v1")]) is None
    assert store.identities.recall([Caller(user="1"), Caller(anonymous="v1")]) is not None


async def test_nothing_of_a_call_is_stored_once_an_identity_names_another_contact(redis: Redis, store: Store) -> None:
    other = await Store.open(redis, secret=SECRET, clock=FakeClock(), partitions=PARTITIONS)
    callers = [Caller(user="1"), Caller(anonymous="shared")]
    await store.identities.resolve_many([Caller(user="1", anonymous="shared")])
    known = store.identities.recall(callers)
    assert known is not None
    contacts, expected = known
    entries = [(contact, event(store, "Page Viewed", f"m{n}")) for n, contact in enumerate(contacts)]
    assert await store.log.append_if(entries, expected) is not None

    [second] = await other.identities.resolve_many([Caller(user="2", anonymous="shared")])  # the next one at the device
    assert await store.log.append_if(entries, expected) is None
    assert await logged(store, contacts[0]) == 2
    assert [who.contact for who in await store.identities.resolve_many(callers)] == [contacts[0], second.contact]


async def test_a_call_that_is_left_out_leaves_the_calls_beside_it(store: Store) -> None:
    await store.identities.resolve_many([Caller(anonymous="v1"), Caller(anonymous="v2")])
    names = [store.identities.key("anonymous", visitor) for visitor in ("v1", "v2")]
    contacts = [await store.identities.find("anonymous", visitor) or "" for visitor in ("v1", "v2")]
    entry = event(store, "Page Viewed")
    answers = await asyncio.gather(
        store.log.append_if([(contacts[0], entry)] * 2, {names[0]: "somebody else"}),
        store.log.append_if([(contacts[1], entry)] * 3, {names[1]: contacts[1]}),
        store.log.append([(contacts[0], entry)]),
    )
    assert answers[0] is None
    assert len(answers[1] or []) == 3
    assert len(answers[2] or []) == 1
    assert (await logged(store, contacts[0]), await logged(store, contacts[1])) == (1, 3)


async def test_a_large_call_is_appended_whole_and_in_order(store: Store) -> None:
    entries = [("a1", event(store, "Page Viewed", f"m{n}")) for n in range(2500)]
    places = await store.log.append(entries)
    assert len(places) == 2500
    assert await logged(store, "a1") == 2500
    assert await store.log.append_if(entries, {}) is None
    assert await store.log.append([]) == []
