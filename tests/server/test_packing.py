"""Records are packed with what contacts have in common, and that is all that a dictionary holds."""

from __future__ import annotations

import msgspec
import pytest

from rules import parse_rulebook
from rules.contact import Contact
from server.store import keys
from server.store.codec import Sealer, SealError, UnknownDictionary
from server.store.dictionaries import SAMPLES, trained
from server.store.store import Store
from tests.bench.crowd import RULES, crowd, decided
from tests.clock import FakeClock
from tests.conftest import SECRET
from tests.engines import drain, engine_on, event, publish

NOW = 1_790_000_000_000


@pytest.fixture(scope="module")
def contacts() -> list[Contact]:
    book = parse_rulebook(RULES)
    return [decided(contact_id, entries, book, NOW)[0] for contact_id, entries in crowd(300, NOW)]


def test_a_dictionary_holds_nothing_that_is_one_persons(contacts: list[Contact]) -> None:
    dictionary = trained([msgspec.msgpack.encode(contact) for contact in contacts])
    assert b"Product Viewed" in dictionary
    for contact in contacts:
        for name in ("email", "phone", "birthday"):
            assert contact.attributes[name].encode() not in dictionary
        for _, identity in contact.identities:
            assert identity.encode() not in dictionary
        for digests in contact.seen.values():
            assert all(digests[at : at + 8] not in dictionary for at in range(0, len(digests), 8))


@pytest.mark.parametrize("key", [{}, {1: bytes(32)}], ids=["plain", "sealed"])
def test_packed_records_are_read_again_and_take_a_third(contacts: list[Contact], key: dict[int, bytes]) -> None:
    dictionary = trained([msgspec.msgpack.encode(contact) for contact in contacts[:200]])
    writer, reader = Sealer(key, b"lookup"), Sealer(key, b"lookup")
    before = sum(len(writer.encode("contact", contact)) for contact in contacts[200:])
    early = writer.encode("contact", contacts[0])
    writer.learn(1, dictionary)
    reader.learn(1, dictionary)
    blobs = [writer.encode("contact", contact) for contact in contacts[200:]]
    assert sum(map(len, blobs)) < before / 3
    assert [reader.decode("contact", blob, Contact) for blob in blobs] == contacts[200:]
    assert reader.decode("contact", early, Contact) == contacts[0]


def test_a_record_passes_for_no_other_kind_and_no_other_dictionary(contacts: list[Contact]) -> None:
    seal = Sealer({1: bytes(32)}, b"lookup")
    dictionaries = [trained([msgspec.msgpack.encode(one) for one in some]) for some in (contacts[:150], contacts[150:])]
    for number, dictionary in enumerate(dictionaries, start=1):
        seal.learn(number, dictionary)
    blob = seal.encode("contact", contacts[0])
    with pytest.raises(SealError):
        seal.decode("history", blob, Contact)
    with pytest.raises(SealError):
        seal.decode("contact", blob[:1] + b"\x01" + blob[2:], Contact)
    packed = Sealer({}, b"lookup")
    packed.learn(1, dictionaries[0])
    with pytest.raises(UnknownDictionary):
        Sealer({}, b"lookup").decode("contact", packed.encode("contact", contacts[0]), Contact)


async def test_the_engine_makes_a_dictionary_and_who_does_not_know_it_asks_for_it(
    store: Store, clock: FakeClock
) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    await store.log.append([(f"a{n}", event(store, "Product Viewed")) for n in range(SAMPLES)])
    await drain(store, engine)
    await engine.packing.tend(engine.leases.owned)
    await engine.packing.end()
    assert await store.redis.hlen(keys.dictionaries()) == 1
    await store.log.append([("a7", event(store, "Product Added", properties={"price": 7}))])
    await drain(store, engine)
    other = await Store.open(store.redis, secret=SECRET, clock=clock, partitions=store.partitions)
    contact = await other.contacts.load("a7")
    assert contact is not None
    assert [past.name for past in contact.tail] == ["Product Viewed", "Product Added"]
    assert [seen.id async for seen in _all(other)] == sorted(f"a{n}" for n in range(SAMPLES))


async def _all(store: Store):  # type: ignore[no-untyped-def]
    cursor, found = None, []
    while True:
        page = await store.contacts.page(cursor, 37)
        assert len(page.ids) <= 37
        found += await store.contacts.load_many(page.ids)
        cursor = page.next
        if cursor is None:
            break
    for contact in sorted(found, key=lambda contact: contact.id):
        yield contact
