"""How far each import is, so that it can go on where it was stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from rules.contact import Millis
from server.store import keys
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["Checkpoint", "Imports"]

_KEPT: Final = 90 * 86_400  # seconds


class Checkpoint(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """The import has taken all rows up to number `row`: `taken` of them, and `bad` could not be; `place` is how long
    the file of bad rows was then. `ended` 0: it goes on. `started` names its rows in the message ids."""

    row: int = 0
    taken: int = 0
    bad: int = 0
    place: int = 0
    started: Millis = 0
    ended: Millis = 0


class Imports:
    """Keeps checkpoints, by a digest of the file and of what its columns mean."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def load(self, digest: str) -> Checkpoint | None:
        """How far an import is; None where it has not begun."""
        with redis_needed():
            found = await self._redis.get(keys.import_checkpoint(digest))
        return msgspec.msgpack.decode(found, type=Checkpoint) if found else None

    async def save(self, digest: str, checkpoint: Checkpoint) -> None:
        """Write down how far it is; raises `Unavailable`."""
        with redis_needed():
            await self._redis.set(keys.import_checkpoint(digest), msgspec.msgpack.encode(checkpoint), ex=_KEPT)
