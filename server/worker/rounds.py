"""Rounds of couriers: one a partition at most in this process, beside the jobs: no mail server holds up cards, and of
many bells for a partition the first begins a round and the others have it look again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import structlog

from server.errors import Unavailable
from server.services.rounds import Moments
from server.store.faults import REDIS_FAULTS
from server.worker.queue import Queue

__all__ = ["Rounds"]

log = structlog.get_logger(__name__)

Work: TypeAlias = Callable[[int, asyncio.Event], Awaitable[Moments]]


class Rounds:
    """Starts a round where a bell rings: `work` with a partition and the bells of that time, until `stop` is called.

    `await end(grace)` lets those that are under way finish.
    """

    def __init__(self, queue: Queue, work: Work, stop: Callable[[], None]) -> None:
        self._queue = queue
        self._work = work
        self._stop = stop
        self._bells: dict[int, asyncio.Event] = {}  # of the partitions where a round is under way
        self._under_way: set[asyncio.Task[None]] = set()

    def look(self, partition: int) -> None:
        """Work off what is due in a partition; a round that is under way there is told."""
        if (bell := self._bells.get(partition)) is not None:
            bell.set()
            return
        bell = self._bells[partition] = asyncio.Event()
        bell.set()
        task = asyncio.create_task(self._rounds(partition, bell))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def end(self, grace: float) -> None:
        """Begin nothing more, and wait for what is in hand, so many seconds at most; what is cut off is unknown."""
        self._stop()
        tasks = list(self._under_way)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _rounds(self, partition: int, bell: asyncio.Event) -> None:
        """Work until no bell has rung meanwhile. It is under way until the very moment at which that was seen."""
        try:
            while bell.is_set():
                bell.clear()
                await self._round(partition, bell)
        finally:
            del self._bells[partition]

    async def _round(self, partition: int, bell: asyncio.Event) -> None:
        try:
            for place, moment in (await self._work(partition, bell)).items():
                await self._queue.ring_at(place, moment)
        except (Unavailable, *REDIS_FAULTS) as error:
            log.warning("outbox out of reach", partition=partition, reason=type(error).__name__)
        except Exception:
            log.exception("round failed", partition=partition)
