"""Token buckets: how many events a source may still send, agreed between all servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rules.contact import Millis
from server.store import keys
from server.store.faults import redis_needed
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["Buckets"]

_take = script("bucket_take")


class Buckets:
    """Takes tokens out of buckets that fill at a rate."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def take(self, name: str, *, need: int, ask: int, rate: int, burst: int, now: Millis) -> tuple[int, Millis]:
        """Take `need` tokens, and up to `ask` where there are more; return how many, or 0 and how long to wait.

        `rate` is tokens a second, `burst` what a bucket holds. A need greater than the bucket is met by a full one,
        which then owes the rest. Raises `Unavailable`.
        """
        with redis_needed():
            got, wait = await _take(self._redis, [keys.bucket(name)], [need, ask, rate, burst, now])
        return int(got), int(wait)
