"""Row 9: what a contact takes of Redis's memory, with everything that is kept of it."""

from __future__ import annotations

import asyncio

from server.store.codec import Sealer
from server.store.store import Store
from tests.bench.crowd import contacts_wanted, fill
from tests.bench.stand import open_store, redis_server
from tests.bench.table import Row

_MOST, _GOAL = 2048, 1229  # bytes
_COMPARED = 5000  # contacts that are also kept in the plain layout


def run() -> list[Row]:
    """Ten attributes, twenty events of three properties, two consents, three segments, two identities."""
    with redis_server("everysec") as url:
        return asyncio.run(_run(url))


async def _run(url: str) -> list[Row]:
    number = contacts_wanted()
    store = await open_store(url)
    before = await _used(store)
    await fill(store, number)
    each = (await _used(store) - before) / number
    plain = await _plain_layout(store)
    await store.redis.aclose()
    return [
        Row(
            9,
            f"memory of a contact, {number:,} contacts, indexes included",
            f"{each:,.0f} bytes",
            f"a plain key for each thing, not packed: {plain:,.0f} bytes",
            f"{each / plain:.2f} ×",
            f"≤ {_MOST} bytes (goal {_GOAL})",
            each <= _MOST,
        )
    ]


async def _used(store: Store) -> int:
    return int((await store.redis.info("memory"))["used_memory"])


async def _plain_layout(store: Store) -> float:
    """Bytes of a contact where each thing has a key and is sealed as it is."""
    bare = Sealer({1: bytes(32)}, b"lookup")
    page = await store.contacts.page(limit=_COMPARED)
    contacts = [contact for contact in await store.contacts.load_many(page.ids) if contact is not None]
    ledgers = [await store.consents.ledger(contact.id) for contact in contacts]
    sheets = [await store.consents.sheet(contact.id) for contact in contacts]
    before = await _used(store)
    async with store.redis.pipeline(transaction=False) as pipe:
        for contact, ledger, sheet in zip(contacts, ledgers, sheets, strict=True):
            start = f"plain:{{{store.partition(contact.id)}}}:"
            pipe.set(f"{start}contact:{contact.id}", bare.encode("contact", contact))
            pipe.zadd(f"{start}contacts", {contact.id: 0})
            pipe.zadd(f"{start}timers", {contact.id: contact.changes_at or 0})
            for name in contact.segments:
                pipe.zadd(f"{start}segment:{name}", {contact.id: contact.tenths})
            pipe.hset(f"{start}consents:{contact.id}", mapping={"n": 2, "s": bare.encode("consents", sheet)})
            pipe.rpush(f"{start}ledger:{contact.id}", *(bare.encode("ledger", record) for record in ledger))
            for namespace, value in contact.identities:
                pipe.set(f"plain:identity:{namespace}:{bare.digest(contact.id + value)}", contact.id)
        await pipe.execute()
    return (await _used(store) - before) / len(contacts)
