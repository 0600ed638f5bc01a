"""Segments and lists as ranked indexes: who is in them, by score."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from server.errors import FieldError, Invalid
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["Ranked"]


class Ranked:
    """Reads the sorted sets of one kind, one a partition and name; the engine writes them."""

    def __init__(self, redis: Redis, partitions: int, key: Callable[[int, str], str]) -> None:
        self._redis = redis
        self._partitions = partitions
        self._key = key

    async def count(self, name: str) -> int:
        """How many contacts are in it."""
        return (await self.counts([name]))[0]

    async def counts(self, names: Sequence[str]) -> list[int]:
        """How many contacts are in each."""
        if not names:
            return []
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for name in names:
                    for partition in range(self._partitions):
                        pipe.zcard(self._key(partition, name))
                sizes = await pipe.execute()
        step = self._partitions
        return [sum(sizes[start : start + step]) for start in range(0, len(sizes), step)]

    async def members(
        self, name: str, limit: int = 10, cursor: str | None = None
    ) -> tuple[list[tuple[str, float]], str | None]:
        """Contact ids with scores, the highest first, and the cursor of the next page (None: there is none).

        Equal scores come youngest id first, as Redis has them. A cursor names the last score and id given, so that
        pages stay in step while members come and go.
        """
        top, after = _position(cursor)
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for partition in range(self._partitions):
                    pipe.zrevrangebyscore(
                        self._key(partition, name), top, "-inf", start=0, num=limit + 1, withscores=True
                    )
                    if after:
                        pipe.zrangebyscore(self._key(partition, name), top, top, withscores=True)
                answers = await pipe.execute()
        found = {
            (score, member.decode())
            for answer in answers
            for member, score in answer
            if not after or (score, member.decode()) < (float(top), after)
        }
        best = heapq.nlargest(limit, found)
        following = f"{best[-1][0]:.0f}:{best[-1][1]}" if len(found) > limit and best else None
        return [(member, score / 10) for score, member in best], following


def _position(cursor: str | None) -> tuple[str, str]:
    if not cursor:
        return "+inf", ""
    score, _, contact_id = cursor.partition(":")
    try:
        return str(int(score)), contact_id
    except ValueError:
        wrong = FieldError("cursor", "take it from `next` of the page before")
        raise Invalid("the cursor is not one of ours", [wrong], code="bad_cursor") from None
