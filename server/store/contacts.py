"""Contacts as the engine last wrote them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rules.contact import Contact, Event
from server.store import keys
from server.store.codec import SealError
from server.store.dictionaries import Dictionaries
from server.store.faults import redis_needed
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Contacts", "Page", "Slice"]

_MOVES = 20  # a chain of joins longer than this is damage

_load = script("load")
_slice = script("slice")


class Page(NamedTuple):
    """Some contact ids in order, and where the next page starts (None: there is none)."""

    ids: list[str]
    next: str | None


class Slice(NamedTuple):
    """The contacts of some buckets, tombstones included, and the bucket to go on with (None: these were the last).

    They are still sealed: to open one after the other, and let go of it, keeps them in the processor's own memory, and
    is three times as fast as to open them all.
    """

    sealed: list[tuple[str, bytes]]
    next: int | None


class Contacts:
    """Reads contact states and histories. Only the engine writes them (`server.engine.batch`)."""

    def __init__(self, redis: Redis, seal: Sealer, partitions: int) -> None:
        self._redis = redis
        self._seal = seal
        self._dictionaries = Dictionaries(redis, seal)
        self._partitions = partitions

    async def load(self, contact_id: str) -> Contact | None:
        """The contact, or the one that it was joined into; None where there is none."""
        for _ in range(_MOVES):
            [contact] = await self.load_many([contact_id])
            if contact is None or not contact.moved_to:
                return contact
            contact_id = contact.moved_to
        return None

    async def load_many(self, contact_ids: Sequence[str]) -> list[Contact | None]:
        """Contacts as stored, tombstones included, in the order of the ids."""
        found: list[Contact | None] = []
        for contact in await self.read([(self._partition(contact_id), contact_id) for contact_id in contact_ids]):
            if isinstance(contact, SealError):
                raise contact
            found.append(contact)
        return found

    async def read(self, wanted: Sequence[tuple[int, str]]) -> list[Contact | SealError | None]:
        """Contacts by partition and id; the error in the place of one that cannot be opened."""
        if not wanted:
            return []
        words: dict[int, list[int | str]] = {}
        for partition, contact_id in wanted:
            words.setdefault(partition, []).extend((keys.bucket_of(contact_id, self._partitions), contact_id))
        calls = [([keys.contacts_start(partition)], some) for partition, some in words.items()]
        with redis_needed():
            answers = await _load.each(self._redis, calls)
            in_order = {partition: iter(answer) for partition, answer in zip(words, answers, strict=True)}
            blobs = [next(in_order[partition]) for partition, _ in wanted]
            return await self._dictionaries.decode_all("contact", blobs, Contact)

    async def slice(self, partition: int, bucket: int, enough: int) -> Slice:
        """The contacts of whole buckets from `bucket` on, until `enough` are read."""
        with redis_needed():
            answers = await _slice.each(
                self._redis, [([keys.contacts_start(partition)], [bucket, keys.BUCKETS, enough])]
            )
            [following, *buckets] = answers[0]
            sealed = [(pairs[at].decode(), pairs[at + 1]) for pairs in buckets for at in range(0, len(pairs), 2)]
            await self._dictionaries.prepare([blob for _, blob in sealed])
        return Slice(sealed, following if following < keys.BUCKETS else None)

    def open(self, sealed: bytes) -> Contact | SealError:
        """A contact of a slice; the error where it cannot be opened."""
        try:
            contact: Contact = self._seal.decode("contact", sealed, Contact)
        except SealError as error:
            return error
        return contact

    def look(self, sealed: bytes, shape: Any, stays: Callable[[Any], bool]) -> Contact | SealError | None:
        """A contact of a slice, unless it stays as it is: that is asked with a part of it, of the type `shape`."""
        try:
            plain = self._seal.open("contact", sealed)
            if stays(self._seal.read("contact", plain, shape)):
                return None
            contact: Contact = self._seal.read("contact", plain, Contact)
        except SealError as error:
            return error
        return contact

    async def past(self, contact: Contact) -> list[Event]:
        """The events of a contact's stored chunks, in order of arrival."""
        with redis_needed():
            blobs = await self._redis.lrange(keys.history(self._partition(contact.id), contact.id), 0, -1)
            past: list[Event] = []
            for events in await self._dictionaries.decode_all("history", blobs, list[Event]):
                if isinstance(events, SealError):
                    raise events
                past += events
        return past

    async def history(self, contact: Contact) -> list[Event]:
        """All events kept of a contact, in order of time."""
        past = await self.past(contact) if contact.chunks else []
        return sorted((*past, *contact.tail), key=lambda event: event.time)

    async def count(self) -> int:
        """How many contacts there are."""
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for partition in range(self._partitions):
                    pipe.hget(keys.meta(partition), "contacts")
                return sum(int(number or 0) for number in await pipe.execute())

    async def page(self, cursor: str | None = None, limit: int = 100) -> Page:
        """Contact ids, bucket by bucket, by age within each; `cursor` is the `next` of the page before."""
        partition, bucket, last = _position(cursor)
        ids: list[str] = []
        while partition < self._partitions and len(ids) <= limit:
            some = await self.slice(partition, bucket, limit + 1 - len(ids))
            found = [(keys.bucket_of(contact_id, self._partitions), contact_id) for contact_id in self._living(some)]
            ids += [contact_id for place, contact_id in sorted(found) if (place, contact_id) > (bucket, last)]
            partition, bucket, last = (partition + 1, 0, "") if some.next is None else (partition, some.next, "")
        if len(ids) <= limit:
            return Page(ids, None)
        del ids[limit:]
        place = self._partition(ids[-1]), keys.bucket_of(ids[-1], self._partitions)
        return Page(ids, f"{place[0]}:{place[1]}:{ids[-1]}")

    def _living(self, some: Slice) -> list[str]:
        opened = ((contact_id, self.open(sealed)) for contact_id, sealed in some.sealed)
        return [
            contact_id for contact_id, contact in opened if not isinstance(contact, SealError) and not contact.moved_to
        ]

    def _partition(self, contact_id: str) -> int:
        return keys.partition_of(contact_id, self._partitions)


def _position(cursor: str | None) -> tuple[int, int, str]:
    partition, bucket, last = (cursor or "0:0:").split(":")
    return int(partition), int(bucket), last
