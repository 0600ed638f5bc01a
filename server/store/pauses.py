"""Rules that do not fire for now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.model.draft import Pause
from server.store import keys
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Pauses"]


class Pauses:
    """Keeps pauses, by kind and name, until they end. Each method raises `Unavailable`."""

    def __init__(self, redis: Redis, seal: Sealer) -> None:
        self._redis = redis
        self._seal = seal

    async def all(self) -> list[Pause]:
        """Every pause, by name."""
        with redis_needed():
            blobs = await self._redis.hvals(keys.paused())
        return sorted((self._seal.decode("pause", blob, Pause) for blob in blobs), key=lambda pause: pause.name)

    async def names(self, *kinds: str) -> frozenset[str]:
        """The names of the rules of some kinds that are paused."""
        with redis_needed():
            fields = await self._redis.hkeys(keys.paused())
        pairs = (field.decode().partition(":") for field in fields)
        return frozenset(name for own, _, name in pairs if own in kinds)

    async def begin(self, pause: Pause) -> bool:
        """Pause a rule; False where it is paused already."""
        with redis_needed():
            field = f"{pause.kind}:{pause.name}"
            return bool(await self._redis.hsetnx(keys.paused(), field, self._seal.encode("pause", pause)))

    async def end(self, kind: str, name: str) -> bool:
        """End a pause; False where there is none."""
        with redis_needed():
            return bool(await self._redis.hdel(keys.paused(), f"{kind}:{name}"))
