"""Rounds of couriers: one a partition at most in this process, beside the jobs: no mail server holds up cards, and of
many bells for a partition the first begins a round and the others one more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from server.errors import Unavailable
from server.services.rounds import Moments
from server.store.faults import REDIS_FAULTS
from server.worker.queue import Queue

__all__ = ["Rounds"]

log = structlog.get_logger(__name__)


class Rounds:
    """Starts a round where a bell rings: `work` with a partition, until `stop` has been called.

    `await end(grace)` lets those that are under way finish.
    """

    def __init__(self, queue: Queue, work: Callable[[int], Awaitable[Moments]], stop: Callable[[], None]) -> None:
        self._queue = queue
        self._work = work
        self._stop = stop
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._again: set[int] = set()

    def look(self, partition: int) -> None:
        """Work off what is due in a partition; where a round is under way there, another follows it."""
        if partition in self._under_way:
            self._again.add(partition)
            return
        task = self._under_way[partition] = asyncio.create_task(self._rounds(partition))
        task.add_done_callback(lambda _: self._under_way.pop(partition))

    async def end(self, grace: float) -> None:
        """Begin nothing more, and wait for what is in hand, so many seconds at most; what is cut off is unknown."""
        self._stop()
        tasks = list(self._under_way.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _rounds(self, partition: int) -> None:
        self._again.add(partition)
        while partition in self._again:
            self._again.discard(partition)
            try:
                for place, moment in (await self._work(partition)).items():
                    await self._queue.ring_at(place, moment)
            except (Unavailable, *REDIS_FAULTS) as error:
                log.warning("outbox out of reach", partition=partition, reason=type(error).__name__)
            except Exception:
                log.exception("round failed", partition=partition)
