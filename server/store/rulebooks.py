"""Versions of the rulebook: immutable, numbered from 1."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from rules.contact import Millis
from server.errors import Conflict
from server.ports import Clock
from server.store import keys
from server.store.faults import redis_needed
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["RulebookVersion", "Rulebooks"]

_publish = script("publish")


class RulebookVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A published text: who wrote it, why, when it was published; `hash` is the SHA-256 of the text, in hex."""

    version: int
    hash: str
    text: str
    author: str
    comment: str
    time: Millis
    approver: str = ""  # who approved it, where that was a second person


class Rulebooks:
    """Reads and publishes versions."""

    def __init__(self, redis: Redis, seal: Sealer, clock: Clock) -> None:
        self._redis = redis
        self._seal = seal
        self._clock = clock

    async def current_version(self) -> int:
        """The number of the published version; 0 before the first."""
        with redis_needed():
            return int(await self._redis.get(keys.rulebook_current()) or 0)

    async def current(self) -> RulebookVersion | None:
        """The published version."""
        return await self.get(await self.current_version())

    async def get(self, version: int) -> RulebookVersion | None:
        """A version by its number."""
        with redis_needed():
            blob = await self._redis.get(keys.rulebook(version))
        return None if blob is None else self._seal.decode("rulebook", blob, RulebookVersion)

    async def versions(self, limit: int = 50) -> list[RulebookVersion]:
        """The latest versions, newest first."""
        last = await self.current_version()
        numbers = range(last, max(last - limit, 0), -1)
        if not numbers:
            return []
        with redis_needed():
            blobs = await self._redis.mget([keys.rulebook(number) for number in numbers])
        return [self._seal.decode("rulebook", blob, RulebookVersion) for blob in blobs if blob is not None]

    async def publish(self, text: str, *, author: str, comment: str, base: int) -> RulebookVersion:
        """Make a text the version after `base`; raises `Conflict` where the base has moved on."""
        version = RulebookVersion(
            version=base + 1,
            hash=hashlib.sha256(text.encode()).hexdigest(),
            text=text,
            author=author,
            comment=comment,
            time=self._clock.now(),
        )
        names = (keys.rulebook_current(), keys.rulebook(version.version))
        with redis_needed():
            done = await _publish(self._redis, names, (base, version.version, self._seal.encode("rulebook", version)))
        if not done:
            current = await self.current_version()
            raise Conflict(
                f"version {current} was published meanwhile; look at it and publish again",
                current=str(current),
                code="base_moved",
                version=str(current),
            )
        return version
