"""Events that were rejected, as they came, with the reason: kept for inspection, the oldest dropped first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from rules.contact import Millis
from server.errors import FieldError
from server.store import keys
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Rejected", "RejectedEvent"]

_KEPT: Final = 10_000
_KIND: Final = "rejected"


class RejectedEvent(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """An event that was not taken: its text as it came, of which kind, from which source, when, and why not."""

    raw: bytes
    kind: str  # "" where its own `type` says
    source: str
    trusted: bool
    received: Millis
    sent: Millis | None = None
    history_only: bool = False
    errors: list[FieldError] = msgspec.field(default_factory=list)


class Rejected:
    """Keeps rejected events, sealed, in one stream; an event's id is its place there."""

    def __init__(self, redis: Redis, seal: Sealer) -> None:
        self._redis = redis
        self._seal = seal

    async def keep(self, events: Sequence[RejectedEvent]) -> list[str]:
        """Keep some; return their ids. Raises `Unavailable`."""
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for event in events:
                    pipe.xadd(keys.rejected(), {"e": self._seal.encode(_KIND, event)}, maxlen=_KEPT, approximate=True)
                return [place.decode() for place in await pipe.execute()]

    async def get(self, event_id: str) -> RejectedEvent | None:
        """One, by id."""
        with redis_needed():
            found = await self._redis.xrange(keys.rejected(), event_id, event_id)
        return self._open(found[0][1]) if found else None

    async def page(self, cursor: str | None, limit: int) -> tuple[list[tuple[str, RejectedEvent]], str | None]:
        """Some, newest first, with their ids, and the cursor of the next page (None: there is none)."""
        with redis_needed():
            found = await self._redis.xrevrange(keys.rejected(), f"({cursor}" if cursor else "+", "-", limit + 1)
        events = [(place.decode(), self._open(fields)) for place, fields in found[:limit]]
        return events, events[-1][0] if len(found) > limit else None

    async def count(self) -> int:
        """How many are kept."""
        with redis_needed():
            return int(await self._redis.xlen(keys.rejected()))

    async def drop(self, event_id: str) -> bool:
        """Forget one; False where it is gone already."""
        with redis_needed():
            return bool(await self._redis.xdel(keys.rejected(), event_id))

    def _open(self, fields: dict[bytes, bytes]) -> RejectedEvent:
        return self._seal.decode(_KIND, fields[b"e"], RejectedEvent)
