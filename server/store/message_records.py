"""Deliveries of messages as they are known: one by its id, those of a contact, those in a state."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

from server.model.outgoing import MessageDelivery, MessageState, partition_of_delivery
from server.store import keys
from server.store.codec import SealError
from server.store.faults import redis_needed
from server.store.message_outbox import MOVED, SEAL, Found, index_of

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["MessageRecords"]

_MOVES: Final = 20  # a chain of joins longer than this is damage


class MessageRecords:
    """Reads deliveries; raises `Unavailable` where Redis does not answer."""

    def __init__(self, redis: Redis, seal: Sealer, partitions: int) -> None:
        self._redis = redis
        self._seal = seal
        self._partitions = partitions

    async def find(self, delivery_id: str) -> Found | None:
        """A delivery by its id, wherever its contact was joined to; None where there is none, or none any more."""
        partition = partition_of_delivery(delivery_id)
        for _ in range(_MOVES):
            if partition is None or partition >= self._partitions:
                return None
            [row] = await self._rows([(partition, delivery_id)])
            if row is None:
                return None
            if not row.startswith(MOVED):
                delivery = self._opened(row)
                return None if delivery is None else Found(partition, delivery, row)
            partition = self._partition(row[1:].decode())
        return None

    async def listing(
        self, states: Collection[MessageState], limit: int, cursor: str | None = None
    ) -> tuple[list[MessageDelivery], str | None]:
        """Deliveries in these states, the newest in it first, and the cursor of the next page (None: there is none)."""
        indexes = sorted({index_of(state) for state in states})
        named = [(keys.deliveries(at, state), at) for state in indexes for at in range(self._partitions)]
        return await self._page(named, limit, cursor, states)

    async def of_contacts(
        self, contacts: Sequence[str], states: Collection[MessageState], limit: int, cursor: str | None = None
    ) -> tuple[list[MessageDelivery], str | None]:
        """The deliveries of a contact, of all the ids that it has had, in these states, the newest first."""
        homes = [(keys.deliveries_of(self._partition(one), one), self._partition(one)) for one in contacts]
        return await self._page(homes, limit, cursor, states)

    async def counts(self) -> dict[MessageState, int]:
        """How many deliveries each state's index holds."""
        states: list[MessageState] = ["waiting", "sent", "delivered", "refused", "failed", "unknown", "dropped"]
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for state in states:
                    for partition in range(self._partitions):
                        pipe.zcard(keys.deliveries(partition, state))
                sizes = await pipe.execute()
        step = self._partitions
        return {state: sum(sizes[at * step : (at + 1) * step]) for at, state in enumerate(states)}

    async def _page(
        self, named: Sequence[tuple[str, int]], limit: int, cursor: str | None, states: Collection[MessageState]
    ) -> tuple[list[MessageDelivery], str | None]:
        found: list[MessageDelivery] = []
        while True:
            places = await self._places(named, limit + 1, cursor)
            some = places[:limit]
            rows = await self._rows([(partition, name) for _, name, partition in some])
            for (score, name, _), row in zip(some, rows, strict=True):
                cursor = f"{score:.0f}:{name}"
                if row is not None and (delivery := self._opened(row)) is not None and delivery.state in states:
                    found.append(delivery)
                if len(found) == limit:
                    more = len(places) > limit or (score, name) != some[-1][:2]
                    return found, cursor if more else None
            if len(places) <= limit:
                return found, None

    async def _places(
        self, named: Sequence[tuple[str, int]], number: int, cursor: str | None
    ) -> list[tuple[float, str, int]]:
        before, _, after = (cursor or "+inf:").partition(":")
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for name, _ in named:
                    pipe.zrevrangebyscore(name, before, "-inf", start=0, num=number, withscores=True)
                    if after:
                        pipe.zrangebyscore(name, before, before, withscores=True)
                answers = await pipe.execute()
        step = 2 if after else 1
        found = {
            (score, member.decode(), partition)
            for at, (_, partition) in enumerate(named)
            for answer in answers[at * step : (at + 1) * step]
            for member, score in answer
            if not after or (score, member.decode()) < (float(before), after)
        }
        return heapq.nlargest(number, found)

    async def _rows(self, wanted: Sequence[tuple[int, str]]) -> list[bytes | None]:
        if not wanted:
            return []
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for partition, delivery_id in wanted:
                    pipe.get(keys.delivery(partition, delivery_id))
                rows: list[bytes | None] = await pipe.execute()
        return rows

    def _opened(self, row: bytes) -> MessageDelivery | None:
        try:
            delivery: MessageDelivery = self._seal.decode(SEAL, row, MessageDelivery)
        except SealError:
            return None
        return delivery

    def _partition(self, contact: str) -> int:
        return keys.partition_of(contact, self._partitions)
