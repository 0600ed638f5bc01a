"""The ledger of consents: it only grows, each record is chained to the one before, and two writers lose nothing."""

from __future__ import annotations

import asyncio

import pytest

from rules.contact import Consent
from server.model.consent import ConsentRecord, ConsentSheet
from server.store import keys
from server.store.codec import SealError
from server.store.consents import Change, chain_digest
from server.store.store import Store

NOW = 1_790_000_000_000


def granting(record_id: str, purpose: str) -> Change:
    def change(sheet: ConsentSheet) -> tuple[ConsentRecord, ConsentSheet]:
        record = ConsentRecord(
            id=record_id, time=NOW, purpose=purpose, action="grant", status="granted", wording="Yes,\nplease: 12 3\n"
        )
        consent = Consent(status="granted", since=NOW)
        return record, ConsentSheet(purposes={**sheet.purposes, purpose: consent})

    return change


async def test_each_record_holds_the_digest_of_the_one_before_and_its_own(store: Store) -> None:
    for number in range(5):
        await store.consents.write("a1", granting(f"r{number}", f"p{number}"))
    ledger = await store.consents.ledger("a1")
    assert [record.id for record in ledger] == ["r0", "r1", "r2", "r3", "r4"]
    assert [record.previous for record in ledger] == ["", *(record.digest for record in ledger[:-1])]
    assert all(record.digest == chain_digest(record) for record in ledger)
    assert sorted((await store.consents.sheet("a1")).purposes) == ["p0", "p1", "p2", "p3", "p4"]
    assert await store.consents.ledger("a2") == []


async def test_records_written_at_once_are_all_kept_in_one_chain(store: Store) -> None:
    await asyncio.gather(*(store.consents.write("a1", granting(f"r{n}", f"p{n}")) for n in range(10)))
    ledger = await store.consents.ledger("a1")
    assert {record.id for record in ledger} == {f"r{n}" for n in range(10)}
    assert all(record.digest == chain_digest(record) for record in ledger)
    assert len((await store.consents.sheet("a1")).purposes) == 10


async def test_what_is_damaged_is_told_not_taken_for_no_consent(store: Store) -> None:
    await store.consents.write("a1", granting("r1", "newsletter"))
    name = keys.consents(store.partition("a1"), keys.bucket_of("a1", store.partitions))
    held = await store.redis.hget(name, "a1")
    await store.redis.hset(name, "a1", held[:20] + bytes((held[20] ^ 1,)) + held[21:])
    with pytest.raises(SealError):
        await store.consents.sheet("a1")
