"""How often rules matched, met a missing value or another error, led to themselves; which traits no attribute takes.

Counted in memory and added to Redis about once a second: an engine that is killed loses the last second of these
figures, and of nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from server.store import keys
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["RuleStats", "Stats"]

_MOST_TRAITS = 1000  # different ones that are counted: a site may make up names without end
_LONGEST_TRAIT = 60


class RuleStats(msgspec.Struct, frozen=True):
    """Of one rule, since counting began."""

    matched: int = 0
    missing: int = 0
    errors: int = 0
    loops: int = 0  # chains of consequences that were stopped at it


class Stats:
    """Adds up and reads the counts. Names: a rule; rule and `missing`, `error` or `loop`; nothing and a trait."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: dict[str, int] = {}

    def add(self, counts: Mapping[str, int]) -> None:
        """Count."""
        for name, number in counts.items():
            self._waiting[name] = self._waiting.get(name, 0) + number

    async def flush(self) -> None:
        """Add what was counted to Redis."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        traits = {name[1:]: number for name, number in waiting.items() if name.startswith("\n")}
        if traits and await self._redis.hlen(keys.undeclared()) >= _MOST_TRAITS:
            known = await self._redis.hmget(keys.undeclared(), list(traits))
            traits = {name: traits[name] for name, count in zip(list(traits), known, strict=True) if count}
        async with self._redis.pipeline(transaction=False) as pipe:
            for name, number in waiting.items():
                if not name.startswith("\n"):
                    pipe.hincrby(keys.stats(), name, number)
            for name, number in traits.items():
                pipe.hincrby(keys.undeclared(), name[:_LONGEST_TRAIT], number)
            await pipe.execute()

    async def rule(self, name: str) -> RuleStats:
        """The counts of a rule. Raises `Unavailable`."""
        with redis_needed():
            names = [name, *(f"{name}\n{what}" for what in ("missing", "error", "loop"))]
            found = await self._redis.hmget(keys.stats(), names)
        return RuleStats(*(int(number or 0) for number in found))

    async def undeclared(self) -> dict[str, int]:
        """Traits that sites send and no attribute takes, with how often, the most frequent first."""
        with redis_needed():
            found = await self._redis.hgetall(keys.undeclared())
        counts = {name.decode(): int(number) for name, number in found.items()}
        return dict(sorted(counts.items(), key=lambda each: -each[1]))
