"""Segments and lists as ranked indexes: who is in them, by an upper bound of the score."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from server.errors import FieldError, Invalid
from server.store.faults import redis_needed
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["Place", "Ranked", "bad_cursor"]

Place: TypeAlias = tuple[int, str]
"""Tenths of a score, or of its bound, and a contact id: what a ranking is in the order of, the highest first."""

_rank = script("rank")


class Ranked:
    """Reads the sorted sets of one kind, one a partition and name; the engine writes them."""

    def __init__(self, redis: Redis, partitions: int, key: Callable[[int, str], str]) -> None:
        self._redis = redis
        self.partitions = partitions
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
                    for partition in range(self.partitions):
                        pipe.zcard(self._key(partition, name))
                sizes = await pipe.execute()
        step = self.partitions
        return [sum(sizes[start : start + step]) for start in range(0, len(sizes), step)]

    async def of_partition(self, partition: int, name: str) -> list[str]:
        """The ids of all in a partition."""
        with redis_needed():
            return [member.decode() for member in await self._redis.zrange(self._key(partition, name), 0, -1)]

    async def below(self, name: str, places: Mapping[int, Place | None], number: int) -> dict[int, list[Place]]:
        """So many bounds and ids of each of these partitions, the highest first: those below a place (None: from the
        top). Fewer: there are no more.
        """
        calls = [([self._key(partition, name)], (number, *(place or ()))) for partition, place in places.items()]
        with redis_needed():
            answers = await _rank.each(self._redis, calls)
        return {
            partition: [(int(answer[at + 1]), answer[at].decode()) for at in range(0, len(answer), 2)]
            for partition, answer in zip(places, answers, strict=True)
        }

    async def members(
        self, name: str, limit: int = 10, cursor: str | None = None
    ) -> tuple[list[tuple[str, float]], str | None]:
        """Contact ids as the index has them, the highest bound first, and the cursor of the next page (None: there is
        none).

        A cursor names the last bound and id given, so that pages stay in step while members come and go. Under rules
        that age, the order is not that of the scores (see `server.services.ranking`).
        """
        place = _place(cursor) if cursor else None
        answers = await self.below(name, dict.fromkeys(range(self.partitions), place), limit + 1)
        found = [member for answer in answers.values() for member in answer]
        best = heapq.nlargest(limit, found)
        following = f"{best[-1][0]}:{best[-1][1]}" if len(found) > limit and best else None
        return [(contact_id, bound / 10) for bound, contact_id in best], following


def _place(cursor: str) -> Place:
    bound, _, contact_id = cursor.partition(":")
    try:
        return int(bound), contact_id
    except ValueError:
        raise bad_cursor() from None


def bad_cursor() -> Invalid:
    """What is raised for a cursor that no page gave."""
    wrong = FieldError("cursor", "take it from `next` of the page before")
    return Invalid("the cursor is not one of ours", [wrong], code="bad_cursor")
