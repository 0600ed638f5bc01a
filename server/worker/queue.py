"""The bell: tells the workers, through arq's queue, which partitions' outboxes to look at.

A job holds partition numbers and nothing else. Losing one costs time, never a card: the sweep looks at every outbox.
Beside the job lies a stroke on the doorbell, a list on which a sleeping worker waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, Self

import msgspec
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool

from rules.contact import Millis
from server.ports import Clock, SystemClock
from server.store.faults import redis_needed

__all__ = ["DELIVER", "QUEUE", "Queue"]

QUEUE: Final = "relance:queue"
DOORBELL: Final = "relance:doorbell"
DELIVER: Final = "deliver"

_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=repr)  # arq keeps the error of a job that a dead worker had
_STALE: Final[Millis] = 60_000  # a bell that is heard later than this tells nothing: the sweep has been there
_STROKES: Final = 64  # strokes that the doorbell holds
_TICK: Final[Millis] = 50  # deferred bells of a partition within this time are one


class Queue:
    """arq's queue in one Redis (no cluster: arq cannot use one). Implements `ports.Bell`."""

    def __init__(self, pool: ArqRedis, clock: Clock | None = None) -> None:
        self.pool = pool
        self._machine = SystemClock()  # arq knows no other
        self._clock = clock or self._machine

    @classmethod
    def open(cls, url: str, clock: Clock | None = None) -> Self:
        """The queue in the Redis at `url` (redis://, rediss://, unix://); connects when it is first used.

        `clock`: of the moments for which is rung; the machine's where none is given.
        """
        pool: ConnectionPool[Any] = ConnectionPool.from_url(url)
        arq = ArqRedis(
            pool,
            job_serializer=_ENCODER.encode,
            job_deserializer=msgspec.msgpack.decode,
            default_queue_name=QUEUE,
            expires_extra_ms=_STALE,
        )
        return cls(arq, clock)

    async def ring(self, partitions: Iterable[int]) -> None:
        """Have the outboxes of some partitions looked at now. Raises `Unavailable`."""
        if asked := sorted(set(partitions)):
            with redis_needed():
                await self.pool.enqueue_job(DELIVER, asked)
                await self._stroke()

    async def ring_at(self, partition: int, moment: Millis) -> None:
        """Have an outbox looked at at a moment; what is asked twice is done once. Raises `Unavailable`."""
        moment += -moment % _TICK
        if moment <= self._clock.now():
            # Under an id of its own: a killed worker hides the ids of its jobs for a while.
            await self.ring([partition])
            return
        until = moment - self._clock.now() + self._machine.now()
        with redis_needed():
            await self.pool.enqueue_job(
                DELIVER,
                [partition],
                _job_id=f"deliver:{partition}:{moment}",
                _defer_until=datetime.fromtimestamp(until / 1000, UTC),
            )
            await self._stroke()

    async def wait(self, seconds: float) -> None:
        """Sleep until somebody rings, at most so long."""
        await self.pool.blpop([DOORBELL], timeout=max(seconds, 0.001))

    async def until_next(self) -> float | None:
        """Seconds until the next deferred job is due; None where there is none."""
        now = self._machine.now()
        first = await self.pool.zrangebyscore(QUEUE, f"({now}", "+inf", start=0, num=1, withscores=True)
        return (first[0][1] - now) / 1000 if first else None

    async def close(self) -> None:
        """Close the connections."""
        await self.pool.aclose(close_connection_pool=True)

    async def _stroke(self) -> None:
        async with self.pool.pipeline(transaction=False) as pipe:
            pipe.lpush(DOORBELL, b"")
            pipe.ltrim(DOORBELL, 0, _STROKES - 1)
            await pipe.execute()
