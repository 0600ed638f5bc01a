"""Contacts as the engine last wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rules.contact import Contact, Event
from server.store import keys
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Contacts", "Page"]

_MOVES = 20  # a chain of joins longer than this is damage


class Page(NamedTuple):
    """Some contact ids in order, and where the next page starts (None: there is none)."""

    ids: list[str]
    next: str | None


class Contacts:
    """Reads contact states and histories. Only the engine writes them (`partition.Partition`)."""

    def __init__(self, redis: Redis, seal: Sealer, partitions: int) -> None:
        self._redis = redis
        self._seal = seal
        self._partitions = partitions

    async def load(self, contact_id: str) -> Contact | None:
        """The contact, or the one that it was joined into; None where there is none."""
        for _ in range(_MOVES):
            with redis_needed():
                blob = await self._redis.get(keys.contact(self._partition(contact_id), contact_id))
            if blob is None:
                return None
            contact: Contact = self._seal.decode("contact", blob, Contact)
            if not contact.moved_to:
                return contact
            contact_id = contact.moved_to
        return None

    async def load_many(self, contact_ids: Sequence[str]) -> list[Contact | None]:
        """Contacts as stored, tombstones included, in the order of the ids."""
        if not contact_ids:
            return []
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for contact_id in contact_ids:
                    pipe.get(keys.contact(self._partition(contact_id), contact_id))
                blobs = await pipe.execute()
        return [None if blob is None else self._seal.decode("contact", blob, Contact) for blob in blobs]

    async def past(self, contact: Contact) -> list[Event]:
        """The events of a contact's stored chunks, in order of arrival."""
        with redis_needed():
            blobs = await self._redis.lrange(keys.history(self._partition(contact.id), contact.id), 0, -1)
        past: list[Event] = []
        for blob in blobs:
            past += self._seal.decode("history", blob, list[Event])
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
                    pipe.zcard(keys.contacts(partition))
                return sum(await pipe.execute())

    async def page(self, cursor: str | None = None, limit: int = 100) -> Page:
        """Contact ids, partition by partition, by age within each; `cursor` is the `next` of the page before."""
        partition, _, last = (cursor or "0:").partition(":")
        at, after = int(partition), f"({last}" if last else "-"
        ids: list[str] = []
        while at < self._partitions and len(ids) < limit:
            with redis_needed():
                found = await self._redis.zrangebylex(keys.contacts(at), after, "+", 0, limit - len(ids))
            ids += [contact_id.decode() for contact_id in found]
            if len(ids) < limit:
                at, after = at + 1, "-"
        return Page(ids, f"{at}:{ids[-1]}" if len(ids) == limit and ids else None)

    def _partition(self, contact_id: str) -> int:
        return keys.partition_of(contact_id, self._partitions)
