"""The inbox that a contact has on the site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from rules.contact import Contact, Millis
from server.model.lying import InboxMessage
from server.store import keys
from server.store.codec import SealError
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["SiteInbox"]

_MOST: Final = 100  # messages of a contact


class SiteInbox:
    """Keeps messages, sealed; of too many the oldest go. Each method raises `Unavailable`."""

    def __init__(self, redis: Redis, seal: Sealer, partitions: int) -> None:
        self._redis = redis
        self._seal = seal
        self._partitions = partitions

    async def put(self, contact: str, message: InboxMessage) -> None:
        """Put a message in, once: one that is there stays as it is."""
        name = self._name(contact)
        with redis_needed():
            if not await self._redis.hsetnx(name, message.id, self._seal.encode("site_inbox", message)):
                return
            held = await self._all(contact)
            if len(held) > _MOST:
                await self._redis.hdel(name, *(one.id for one in held[_MOST:]))

    async def of(self, contact: Contact) -> list[InboxMessage]:
        """The messages of a contact and of those that were joined into it, the newest first."""
        owners = dict.fromkeys([contact.id, *(merge.partition(">")[0] for merge in contact.merged)])
        with redis_needed():
            found = {one.id: one for owner in owners for one in await self._all(owner)}
        return sorted(found.values(), key=lambda one: (-one.time, one.id))[:_MOST]

    async def read(self, contact: Contact, message_id: str, now: Millis) -> bool:
        """Note that a message was read; False where there is none."""
        for owner in dict.fromkeys([contact.id, *(merge.partition(">")[0] for merge in contact.merged)]):
            with redis_needed():
                blob = await self._redis.hget(self._name(owner), message_id)
                if blob is None:
                    continue
                message: InboxMessage = self._seal.decode("site_inbox", blob, InboxMessage)
                if not message.read:
                    message = msgspec.structs.replace(message, read=now)
                    await self._redis.hset(self._name(owner), message_id, self._seal.encode("site_inbox", message))
                return True
        return False

    async def _all(self, contact: str) -> list[InboxMessage]:
        found: list[InboxMessage] = []
        for blob in await self._redis.hvals(self._name(contact)):
            try:
                found.append(self._seal.decode("site_inbox", blob, InboxMessage))
            except SealError:
                continue
        return sorted(found, key=lambda one: (-one.time, one.id))

    def _name(self, contact: str) -> str:
        return keys.site_inbox(keys.partition_of(contact, self._partitions), contact)
