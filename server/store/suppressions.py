"""Addresses to which no message goes, by keyed hash of channel and address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.model.suppression import Suppression
from server.store import keys
from server.store.coalesce import Coalescer
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Suppressions"]

_REMEMBERED: Final = 180 * 24 * 3600  # seconds that a soft bounce counts


class Suppressions:
    """Each method raises `Unavailable` where Redis does not answer. `address` is in its usual form."""

    def __init__(self, redis: Redis, seal: Sealer) -> None:
        self._redis = redis
        self._seal = seal
        self._find = Coalescer(self._find_each, limit=500, parallel=2)

    async def find(self, channel: str, address: str) -> Suppression | None:
        with redis_needed():
            [blob] = await self._find([self._digest(channel, address)])
        return None if blob is None else self._seal.decode("suppression", blob, Suppression)

    async def _find_each(self, fields: list[str]) -> list[bytes | None]:
        found: list[bytes | None] = await self._redis.hmget(keys.suppressed(), fields)
        return found

    async def add(self, address: str, suppression: Suppression) -> bool:
        """Keep a suppression; False where there is one already, which stays."""
        field = self._digest(suppression.channel, address)
        with redis_needed():
            new = await self._redis.hsetnx(keys.suppressed(), field, self._seal.encode("suppression", suppression))
        return bool(new)

    async def remove(self, channel: str, address: str) -> bool:
        """Lift a suppression, and forget soft bounces; False where there is none."""
        field = self._digest(channel, address)
        with redis_needed():
            await self._redis.delete(keys.soft_bounces(field))
            return bool(await self._redis.hdel(keys.suppressed(), field))

    async def page(self, cursor: int, limit: int) -> tuple[list[Suppression], int]:
        """Some suppressions in no order that means anything, and the cursor of the next page (0: these were the
        last)."""
        with redis_needed():
            following, found = await self._redis.hscan(keys.suppressed(), cursor, count=limit)
        return [self._seal.decode("suppression", blob, Suppression) for blob in found.values()], int(following)

    async def soft_bounce(self, channel: str, address: str, occasion: str) -> int:
        """Count a message that came back for now, once an occasion; return how many did since one arrived."""
        name = keys.soft_bounces(self._digest(channel, address))
        with redis_needed():
            async with self._redis.pipeline() as pipe:
                pipe.sadd(name, self._seal.digest("bounce:" + occasion))
                pipe.expire(name, _REMEMBERED)
                pipe.scard(name)
                [_, _, number] = await pipe.execute()
        return int(number)

    async def arrived(self, channel: str, address: str) -> None:
        """A message arrived: soft bounces before it do not count."""
        with redis_needed():
            await self._redis.delete(keys.soft_bounces(self._digest(channel, address)))

    def _digest(self, channel: str, address: str) -> str:
        return self._seal.digest(f"suppressed:{channel}:{address}")
