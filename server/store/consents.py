"""Consent: an append-only, chained ledger a contact, and what holds now, both written at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from rules.entry import ConsentRecorded
from server.errors import Unavailable
from server.model.consent import ConsentRecord, ConsentSheet
from server.store import keys
from server.store.codec import SealError
from server.store.dictionaries import Dictionaries
from server.store.faults import redis_needed
from server.store.log import Position
from server.store.scripts import script
from server.store.wire import exchange

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Consents", "Standing", "Written", "chain_digest"]

_consent = script("consent")
_TRIES = 50

Change = Callable[[ConsentSheet], tuple[ConsentRecord, ConsentSheet] | None]


class Written(msgspec.Struct, frozen=True):
    """What came of writing a consent: the sheet that holds now, where the engine is told, the contact concerned."""

    contact: str
    sheet: ConsentSheet
    position: Position | None


def chain_digest(record: ConsentRecord) -> str:
    """SHA-256 over a record with its `previous`, without its own `digest`: what chains the ledger."""
    plain = msgspec.structs.replace(record, digest="")
    return hashlib.sha256(msgspec.msgpack.encode(plain)).hexdigest()


class Standing(NamedTuple):
    """How many consent records a contact has, and what holds by them."""

    number: int
    sheet: ConsentSheet


class _Held(NamedTuple):
    """What lies in Redis of a contact: how many records, the sheet, the sealed records."""

    number: int
    sheet: ConsentSheet
    ledger: list[bytes]


class Consents:
    """Reads and writes consents. A written one holds before the call returns."""

    def __init__(self, redis: Redis, seal: Sealer, partitions: int) -> None:
        self._redis = redis
        self._seal = seal
        self._dictionaries = Dictionaries(redis, seal)
        self._partitions = partitions

    async def sheet(self, contact: str) -> ConsentSheet:
        """What a contact consents to now; follows joins."""
        for _ in range(_TRIES):
            sheet = (await self._read(contact)).sheet
            if not sheet.moved_to:
                return sheet
            contact = sheet.moved_to
        raise Unavailable("the contact is being joined; try again", code="joining")

    async def standing(self, contacts: Sequence[str]) -> list[Standing | SealError]:
        """What these very contacts consent to now, joined away or not, and by how many records."""
        with redis_needed():
            heads = [_head(held) for held in await self._held(contacts)]
            sheets = await self._dictionaries.decode_all("consents", [sealed for _, sealed, _ in heads], ConsentSheet)
        return [
            sheet if isinstance(sheet, SealError) else Standing(number, sheet or ConsentSheet())
            for (number, _, _), sheet in zip(heads, sheets, strict=True)
        ]

    async def _held(self, contacts: Sequence[str]) -> list[bytes | None]:
        """What lies of contacts, as consent.lua puts it together."""
        answers = await exchange(self._redis, [("HGET", self._key(contact), contact) for contact in contacts])
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    async def ledger(self, contact: str) -> list[ConsentRecord]:
        """All records of a contact, oldest first."""
        held = await self._read(contact)
        return await self._records(held.ledger)

    async def write(self, contact: str, change: Change) -> Written:
        """Append the record that `change` makes of the sheet, with the sheet that then holds.

        `change` returns None where nothing is to be written. It may be called again when somebody else wrote in
        between. Where the contact was joined into another, that one is written.
        """
        for _ in range(_TRIES):
            held = await self._read(contact)
            sheet = held.sheet
            if sheet.moved_to:
                contact = sheet.moved_to
                continue
            changed = change(sheet)
            if changed is None:
                return Written(contact, sheet, None)
            record, after = changed
            answer = await self._write(contact, held, record, after)
            if answer[0] == b"written":
                return Written(contact, after, Position(self._partition(contact), answer[1].decode()))
            if answer[0] == b"moved":
                contact = answer[1].decode()
        raise Unavailable("too many consents are written to this contact at once; try again", code="busy_contact")

    async def _write(self, contact: str, held: _Held, record: ConsentRecord, after: ConsentSheet) -> list[bytes]:
        partition = self._partition(contact)
        before = await self._records(held.ledger)
        record = msgspec.structs.replace(record, previous=before[-1].digest if before else "")
        record = msgspec.structs.replace(record, digest=chain_digest(record))
        consent = after.purposes[record.purpose]
        entry = ConsentRecorded(
            time=record.time,
            purpose=record.purpose,
            status=consent.status,
            wording_version=consent.wording_version,
            channels=consent.channels,
            record=record.id,
        )
        names = (self._key(contact), keys.joined(partition), keys.log(partition))
        encode = self._seal.encode
        kept = msgspec.structs.replace(record, previous="")  # it is the digest of the one before
        words = (contact, held.number, encode("consents", after), encode("ledger", kept), encode("log", entry))
        with redis_needed():
            answer: list[bytes] = await _consent(self._redis, names, words)
        return answer

    async def _read(self, contact: str) -> _Held:
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hget(self._key(contact), contact)
                pipe.hget(keys.joined(self._partition(contact)), contact)
                held, moved = await pipe.execute()
            number, sealed, ledger = _cut(held)
            [sheet] = await self._dictionaries.decode_all("consents", [sealed], ConsentSheet)
        if isinstance(sheet, SealError):
            raise sheet
        if sheet is None:
            sheet = ConsentSheet()
        if moved:
            sheet = msgspec.structs.replace(sheet, moved_to=moved.decode())
        return _Held(number, sheet, ledger)

    async def _records(self, ledger: Sequence[bytes]) -> list[ConsentRecord]:
        with redis_needed():
            found = await self._dictionaries.decode_all("ledger", ledger, ConsentRecord)
        records: list[ConsentRecord] = []
        for record in found:
            if isinstance(record, SealError):
                raise record
            records.append(msgspec.structs.replace(record, previous=records[-1].digest if records else ""))
        return records

    async def frozen(self, contact: str) -> ConsentSheet:
        """The sheet of this very contact, joined away or not."""
        return (await self._read(contact)).sheet

    def _key(self, contact: str) -> str:
        return keys.consents(self._partition(contact), keys.bucket_of(contact, self._partitions))

    def _partition(self, contact: str) -> int:
        return keys.partition_of(contact, self._partitions)


def _head(held: bytes | None) -> tuple[int, bytes | None, bytes]:
    """The number of records, the sealed sheet, and the rest, as consent.lua puts them together."""
    if held is None:
        return 0, None, b""
    head, _, rest = held.partition(b"\n")
    number, size = (int(word) for word in head.split())
    return number, rest[:size], rest[size:]


def _cut(held: bytes | None) -> tuple[int, bytes | None, list[bytes]]:
    """The number of records, the sealed sheet and the sealed records."""
    number, sheet, rest = _head(held)
    records: list[bytes] = []
    while rest:
        length, _, rest = rest.partition(b"\n")
        records.append(rest[: int(length)])
        rest = rest[int(length) :]
    return number, sheet, records
