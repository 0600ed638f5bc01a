"""How fast an address may be written to, agreed between all couriers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from rules.contact import Millis
from server.store import keys
from server.store.coalesce import Coalescer
from server.store.faults import redis_needed
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["Limit", "Pace"]


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """`burst` calls at once, then one an `interval` (milliseconds), of the calls named `name`."""

    name: str
    interval: Millis
    burst: int = 1


class Pace:
    """Reserves moments at which a platform may be called; the limits of a call are met all together."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._reserve = Coalescer(self._reserve_each, limit=200, parallel=2)
        self._hold = script("pace_hold")

    async def reserve(self, platform: str, limits: Sequence[Limit], now: Millis) -> Millis:
        """Reserve the next free moment, `now` or later. Raises `Unavailable`."""
        named = [keys.pace(platform, limit.name) for limit in limits]
        with redis_needed():
            [moment] = await self._reserve([(named, [now, *_numbers(limits)])])
        return moment

    async def hold(self, platform: str, limits: Sequence[Limit], now: Millis, moment: Millis) -> None:
        """Let nothing through before a moment."""
        named = [keys.pace(platform, limit.name) for limit in limits]
        with redis_needed():
            await self._hold(self._redis, named, [now, moment, *_numbers(limits)])

    async def _reserve_each(self, calls: list[tuple[list[str], list[Any]]]) -> list[Millis]:
        return [int(moment) for moment in await script("pace_reserve").each(self._redis, calls)]


def _numbers(limits: Sequence[Limit]) -> Iterator[int]:
    for limit in limits:
        yield limit.interval
        yield limit.burst
