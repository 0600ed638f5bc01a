"""Requests of chat platforms: each taken once, kept until it has been worked.

A platform repeats a request whose answer it missed, and a process may die between the acknowledgement and the work.
So a request is stored before it is acknowledged, a repeated one is dropped, and what a dead process left is found
again by `left`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from rules.contact import Millis
from server.store import keys
from server.store.codec import Sealer, SealError
from server.store.faults import redis_needed
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.ports import Clock

__all__ = ["Inbox"]

REMEMBER: Final[Millis] = 24 * 3600 * 1000  # Telegram repeats for up to a day
GIVE_UP: Final[Millis] = 10 * 60 * 1000  # nobody waits for an answer longer than this
_KIND: Final = "inbox"


class _Waiting(msgspec.Struct, array_like=True, frozen=True):
    taken: Millis
    request: bytes


class Inbox:
    """The requests of one platform."""

    def __init__(self, redis: Redis, seal: Sealer, clock: Clock, platform: str) -> None:
        self._redis = redis
        self._seal = seal
        self._clock = clock
        self._platform = platform

    async def take(self, request_id: str, request: bytes) -> bool:
        """Store a request; False where it was taken before. Raises `Unavailable`."""
        digest = self._seal.digest(f"{self._platform}:{request_id}")
        sealed = self._seal.encode(_KIND, _Waiting(self._clock.now(), request))
        with redis_needed():
            taken = await script("take")(
                self._redis,
                [keys.inbox_seen(self._platform, digest), keys.inbox(self._platform)],
                [REMEMBER, digest, sealed],
            )
        return bool(taken)

    async def done(self, request_id: str) -> None:
        """Forget a request that has been worked; a repetition of it stays known."""
        with redis_needed():
            await self._redis.hdel(keys.inbox(self._platform), self._seal.digest(f"{self._platform}:{request_id}"))

    async def turn(self, name: str, milliseconds: Millis) -> bool:
        """Whether this process is the one that asks the platform for requests, for so long. Raises `Unavailable`."""
        with redis_needed():
            return bool(
                await script("acquire")(self._redis, [keys.inbox_turn(self._platform)], [name, name, milliseconds])
            )

    async def end_turn(self, name: str) -> None:
        """Let another process ask. Raises `Unavailable`."""
        with redis_needed():
            await script("release")(self._redis, [keys.inbox_turn(self._platform)], [name])

    async def left(self, *, older_than: Millis) -> list[bytes]:
        """Requests taken longer ago than this and not worked: their process died. They are handed out once.

        Those that nobody waits for any more, or that cannot be opened, are dropped.
        """
        now, found = self._clock.now(), []
        with redis_needed():
            waiting: dict[bytes, bytes] = await self._redis.hgetall(keys.inbox(self._platform))
            for digest, sealed in waiting.items():
                try:
                    entry: _Waiting = self._seal.decode(_KIND, sealed, _Waiting)
                except SealError:
                    entry = _Waiting(0, b"")
                if now - entry.taken < older_than:
                    continue
                mine = await self._redis.hdel(keys.inbox(self._platform), digest)
                if mine and now - entry.taken < GIVE_UP:
                    found.append(entry.request)
        return found
