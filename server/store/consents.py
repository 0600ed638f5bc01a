"""Consent: an append-only, chained ledger a contact, and what holds now, both written at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from rules.entry import ConsentRecorded
from server.errors import Unavailable
from server.model.consent import ConsentRecord, ConsentSheet
from server.store import keys
from server.store.faults import redis_needed
from server.store.log import Position
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Consents", "Written", "chain_digest"]

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


class Consents:
    """Reads and writes consents. A written one holds before the call returns."""

    def __init__(self, redis: Redis, seal: Sealer, partitions: int) -> None:
        self._redis = redis
        self._seal = seal
        self._partitions = partitions

    async def sheet(self, contact: str) -> ConsentSheet:
        """What a contact consents to now; follows joins."""
        for _ in range(_TRIES):
            _, sheet = await self._read(contact)
            if not sheet.moved_to:
                return sheet
            contact = sheet.moved_to
        raise Unavailable("the contact is being joined; try again", code="joining")

    async def ledger(self, contact: str) -> list[ConsentRecord]:
        """All records of a contact, oldest first."""
        with redis_needed():
            blobs = await self._redis.lrange(keys.ledger(self._partition(contact), contact), 0, -1)
        return [self._seal.decode("ledger", blob, ConsentRecord) for blob in blobs]

    async def write(self, contact: str, change: Change) -> Written:
        """Append the record that `change` makes of the sheet, with the sheet that then holds.

        `change` returns None where nothing is to be written. It may be called again when somebody else wrote in
        between. Where the contact was joined into another, that one is written.
        """
        for _ in range(_TRIES):
            number, sheet = await self._read(contact)
            if sheet.moved_to:
                contact = sheet.moved_to
                continue
            changed = change(sheet)
            if changed is None:
                return Written(contact, sheet, None)
            record, after = changed
            answer = await self._write(contact, number, record, after)
            if answer[0] == b"written":
                return Written(contact, after, Position(self._partition(contact), answer[1].decode()))
            if answer[0] == b"moved":
                contact = answer[1].decode()
        raise Unavailable("too many consents are written to this contact at once; try again", code="busy_contact")

    async def _write(self, contact: str, number: int, record: ConsentRecord, after: ConsentSheet) -> list[bytes]:
        partition = self._partition(contact)
        last = await self._last_digest(contact) if number else ""
        record = msgspec.structs.replace(record, previous=last)
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
        names = (keys.consents(partition, contact), keys.ledger(partition, contact), keys.log(partition))
        encode = self._seal.encode
        words = (number, encode("consents", after), encode("ledger", record), contact, encode("log", entry))
        with redis_needed():
            answer: list[bytes] = await _consent(self._redis, names, words)
        return answer

    async def _last_digest(self, contact: str) -> str:
        with redis_needed():
            blob = await self._redis.lindex(keys.ledger(self._partition(contact), contact), -1)
        return "" if blob is None else self._seal.decode("ledger", blob, ConsentRecord).digest

    async def _read(self, contact: str) -> tuple[int, ConsentSheet]:
        with redis_needed():
            number, blob, moved = await self._redis.hmget(
                keys.consents(self._partition(contact), contact), ["n", "s", "m"]
            )
        sheet: ConsentSheet = ConsentSheet() if blob is None else self._seal.decode("consents", blob, ConsentSheet)
        if moved:
            sheet = msgspec.structs.replace(sheet, moved_to=moved.decode())
        return int(number or 0), sheet

    async def frozen(self, contact: str) -> ConsentSheet:
        """The sheet of this very contact, joined away or not."""
        return (await self._read(contact))[1]

    def _partition(self, contact: str) -> int:
        return keys.partition_of(contact, self._partitions)
