"""Alerts as the engine last wrote them."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from rules.contact import Alert, AlertStatus, Millis
from server.store import keys
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Alerts", "alert_id", "alert_partition"]

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: nothing to confuse when it is typed
_STATUSES: tuple[AlertStatus, ...] = ("open", "claimed", "snoozed", "done", "dismissed")
_TYPED = str.maketrans("OIL", "011")


def alert_id(number: int, partition: int, partitions: int) -> str:
    """A short id, from which the partition can be told: the partition's nth alert."""
    value, text = number * partitions + partition, ""
    while value or not text:
        value, digit = divmod(value, 32)
        text = _DIGITS[digit] + text
    return text


def alert_partition(identifier: str, partitions: int) -> int | None:
    """The partition that an alert id tells; None where it is not one."""
    value = 0
    for digit in identifier.upper().translate(_TYPED):
        at = _DIGITS.find(digit)
        if at < 0:
            return None
        value = value * 32 + at
    return value % partitions if identifier and len(identifier) <= 13 else None


class Alerts:
    """Reads alerts; the engine writes them (`partition.Partition`)."""

    def __init__(self, redis: Redis, seal: Sealer, partitions: int) -> None:
        self._redis = redis
        self._seal = seal
        self._partitions = partitions

    async def load(self, identifier: str) -> Alert | None:
        """An alert by its id, as typed; None where there is none."""
        identifier = identifier.upper().translate(_TYPED)
        partition = alert_partition(identifier, self._partitions)
        for _ in range(20):
            if partition is None:
                return None
            with redis_needed():
                blob = await self._redis.get(keys.alert(partition, identifier))
            if blob is None:
                return None
            if not blob.startswith(b">"):
                return self._seal.decode("alert", blob, Alert)
            partition = keys.partition_of(blob[1:].decode(), self._partitions)
        return None

    async def load_many(self, identifiers: Sequence[str]) -> list[Alert]:
        """Alerts by their ids, in this order; those that are gone are left out."""
        homes = [alert_partition(identifier, self._partitions) for identifier in identifiers]
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for home, identifier in zip(homes, identifiers, strict=True):
                    pipe.get(keys.alert(home or 0, identifier))
                blobs = await pipe.execute() if identifiers else []
        found: list[Alert | None] = []
        for identifier, blob in zip(identifiers, blobs, strict=True):
            moved = blob is not None and blob.startswith(b">")
            found.append(await self.load(identifier) if moved else blob and self._seal.decode("alert", blob, Alert))
        return [alert for alert in found if alert is not None]

    async def tasks(self, limit: int) -> list[Alert]:
        """Tasks that are not over, at most so many a partition."""
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for partition in range(self._partitions):
                    pipe.zrange(keys.tasks(partition), 0, limit - 1)
                answers = await pipe.execute()
        return await self.load_many([identifier.decode() for answer in answers for identifier in answer])

    async def raised_since(self, moment: Millis, limit: int) -> list[Alert]:
        """Alerts in any state that were raised since a moment; of more than `limit` the newest."""
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for partition in range(self._partitions):
                    for status in _STATUSES:
                        name = keys.alerts(partition, status)
                        pipe.zrevrangebyscore(name, "+inf", moment, start=0, num=limit, withscores=True)
                answers = await pipe.execute()
        found = heapq.nlargest(limit, ((created, name) for answer in answers for name, created in answer))
        return await self.load_many([name.decode() for _, name in found])

    async def listing(
        self, statuses: Collection[AlertStatus], limit: int = 20, cursor: str | None = None
    ) -> tuple[list[Alert], str | None]:
        """Alerts in these states, the newest first, and the cursor of the next page (None: there is none)."""
        before, _, after = (cursor or "+inf:").partition(":")
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for status in statuses:
                    for partition in range(self._partitions):
                        name = keys.alerts(partition, status)
                        pipe.zrevrangebyscore(name, before, "-inf", start=0, num=limit + 1, withscores=True)
                answers = await pipe.execute()
        found = {(created, identifier.decode()) for answer in answers for identifier, created in answer}
        if after:
            found = {item for item in found if item < (float(before), after)}
        newest = heapq.nlargest(limit, found)
        alerts = [await self.load(identifier) for _, identifier in newest]
        following = f"{newest[-1][0]:.0f}:{newest[-1][1]}" if len(found) > limit and newest else None
        return [alert for alert in alerts if alert is not None], following

    async def count(self, status: AlertStatus) -> int:
        """How many alerts are in a state."""
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for partition in range(self._partitions):
                    pipe.zcard(keys.alerts(partition, status))
                return sum(await pipe.execute())
