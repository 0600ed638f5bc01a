"""Digests whose cards are to be delivered, and how far each statement has come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from rules.contact import Millis
from server.model.delivery import Place
from server.model.digest import DigestCard
from server.store import keys
from server.store.faults import redis_needed
from server.store.outbox import member
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Digests"]

KEPT: Final[Millis] = 60 * 24 * 3600 * 1000


class Digests:
    """Each method raises `Unavailable`."""

    def __init__(self, redis: Redis, seal: Sealer, partitions: int) -> None:
        self._redis = redis
        self._seal = seal
        self._partitions = partitions

    async def put(self, card: DigestCard, places: Iterable[Place], due: Millis) -> int | None:
        """Keep a digest and make its cards due, all or nothing; its partition, or None where it is kept already."""
        partition = self.home(card.id)
        members = [member(card.id, place) for place in places]
        with redis_needed():
            made = await script("digest_put")(
                self._redis,
                [keys.digest(partition, card.id), keys.due(partition)],
                [self._seal.encode("digest", card), KEPT, due, *members],
            )
        return partition if made else None

    async def load(self, card_id: str) -> DigestCard | None:
        """A digest by the id of its card; None where it is not kept any more."""
        with redis_needed():
            blob = await self._redis.get(keys.digest(self.home(card_id), card_id))
        return None if blob is None else self._seal.decode("digest", blob, DigestCard)

    def home(self, card_id: str) -> int:
        """The partition in whose outbox a digest's cards lie."""
        return keys.partition_of(card_id, self._partitions)

    async def progress(self, names: Iterable[str], start: Millis) -> dict[str, Millis]:
        """How far each has come: a moment up to which its occurrences are dealt with; `start` for a new one.

        What is known of any other is forgotten.
        """
        asked = list(names)
        with redis_needed():
            known: dict[bytes, bytes] = await self._redis.hgetall(keys.digests_begun())
            gone = [name for name in known if name.decode() not in asked]
            new = {name: start for name in asked if name.encode() not in known}
            if gone:
                await self._redis.hdel(keys.digests_begun(), *gone)
            for name, moment in new.items():
                await self._redis.hsetnx(keys.digests_begun(), name, moment)
        return {name: new[name] if name in new else int(known[name.encode()]) for name in asked}

    async def came(self, name: str, moment: Millis) -> None:
        """The occurrences of a digest up to a moment are dealt with."""
        with redis_needed():
            await self._redis.hset(keys.digests_begun(), name, moment)
