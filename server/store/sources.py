"""Sources and API keys, found by the keyed hash of their key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.model.source import ApiKey, Source
from server.store import keys
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Sources"]


class Sources:
    """Each method raises `Unavailable` where Redis does not answer."""

    def __init__(self, redis: Redis, seal: Sealer) -> None:
        self._redis = redis
        self._seal = seal

    async def add(self, source: Source, write_key: str) -> bool:
        """Keep a source under its key; False where its name is taken."""
        with redis_needed():
            if not await self._redis.hsetnx(keys.sources(), source.name, self._seal.encode("source", source)):
                return False
            await self._redis.hset(keys.write_keys(), self._seal.digest("write:" + write_key), source.name)
        return True

    async def load(self, name: str) -> Source | None:
        with redis_needed():
            blob = await self._redis.hget(keys.sources(), name)
        return None if blob is None else self._seal.decode("source", blob, Source)

    async def find(self, write_key: str) -> Source | None:
        """The source of a write key."""
        with redis_needed():
            name = await self._redis.hget(keys.write_keys(), self._seal.digest("write:" + write_key))
        return None if name is None else await self.load(name.decode())

    async def all(self) -> list[Source]:
        with redis_needed():
            blobs = await self._redis.hvals(keys.sources())
        return sorted((self._seal.decode("source", blob, Source) for blob in blobs), key=lambda source: source.name)

    async def remove(self, name: str) -> bool:
        """Forget a source: its key opens nothing any more. False where there is none of this name."""
        with redis_needed():
            if not await self._redis.hdel(keys.sources(), name):
                return False
            held = await self._redis.hgetall(keys.write_keys())
            stale = [digest for digest, owner in held.items() if owner.decode() == name]
            if stale:
                await self._redis.hdel(keys.write_keys(), *stale)
        return True

    async def add_key(self, key: ApiKey, secret: str) -> None:
        with redis_needed():
            await self._redis.hset(keys.api_keys(), self._key_field(secret), self._seal.encode("api_key", key))

    async def find_key(self, secret: str) -> ApiKey | None:
        """What the key may do."""
        with redis_needed():
            blob = await self._redis.hget(keys.api_keys(), self._key_field(secret))
        return None if blob is None else self._seal.decode("api_key", blob, ApiKey)

    async def all_keys(self) -> dict[str, ApiKey]:
        """Every API key by the hash it is kept under."""
        with redis_needed():
            blobs = await self._redis.hgetall(keys.api_keys())
        return {field.decode(): self._seal.decode("api_key", blob, ApiKey) for field, blob in blobs.items()}

    async def remove_keys(self, fields: list[str]) -> None:
        """Forget API keys by the hashes they are kept under."""
        with redis_needed():
            await self._redis.hdel(keys.api_keys(), *fields)

    def _key_field(self, secret: str) -> str:
        return self._seal.digest("key:" + secret)
