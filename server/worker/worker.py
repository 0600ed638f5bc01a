"""The worker: arq's, but asleep until the doorbell rings, and alive through an outage of Redis.

arq polls its queue twice a second, awake or not. This one waits on the doorbell, until the next deferred job at the
latest; so a job starts within milliseconds and an idle worker costs next to nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

import structlog
from arq.cron import cron
from arq.worker import Worker as ArqWorker
from arq.worker import func

from server.errors import Unavailable
from server.services.deliveries import Deliveries
from server.services.digests import Digests
from server.services.reminders import Reminders
from server.services.rounds import earliest
from server.services.sending import Sending
from server.services.tracking import Tracking
from server.store.faults import REDIS_FAULTS
from server.worker.feeds import Feeds
from server.worker.queue import DELIVER, QUEUE, Queue
from server.worker.rounds import Rounds

__all__ = ["Worker"]

log = structlog.get_logger(__name__)

SWEEP_EVERY: Final = 5  # seconds
_FEEDS_SECOND: Final = 23  # of each minute: whose feeds are due is looked at
_FEEDS_TIMEOUT: Final = 600  # seconds
_RANKING: Final = 1800  # seconds that digests may take
_LONGEST_SLEEP: Final = 1.0  # seconds; a stroke may have gone to a worker that died
_JOB_TIMEOUT: Final = 30  # seconds
_GRACE: Final = 9  # seconds that jobs in hand may take when the worker is asked to stop
_AFTER_FAULT: Final = 0.5


class Worker(ArqWorker):
    """Runs bells and the sweep. `await worker.serve(stop)` until `stop` is set."""

    def __init__(
        self,
        queue: Queue,
        deliveries: Deliveries,
        sending: Sending | None = None,
        feeds: Feeds | None = None,
        tracking: Tracking | None = None,
        digests: Digests | None = None,
        reminders: Reminders | None = None,
    ) -> None:
        self._digests = digests
        self._reminders = reminders
        self._ranking = False
        self._queue = queue
        self._deliveries = deliveries
        self._sending = sending
        self._rounds = [Rounds(queue, deliveries.deliver, deliveries.stop)]
        if sending is not None:
            self._rounds.append(Rounds(queue, sending.send, sending.stop))
        self._feeds = feeds
        self._tracking = tracking
        sweep = cron(self._sweep, name="sweep", second=set(range(0, 60, SWEEP_EVERY)), max_tries=1)
        poll = cron(self._poll, name="feeds", second=_FEEDS_SECOND, timeout=_FEEDS_TIMEOUT, max_tries=1)
        rank = cron(self._rank, name="digests", second=set(range(2, 60, SWEEP_EVERY)), timeout=_RANKING, max_tries=1)
        super().__init__(
            functions=[func(self._deliver, name=DELIVER, max_tries=1)],
            cron_jobs=[sweep, *([poll] if feeds else []), *([rank] if digests else [])],
            queue_name=QUEUE,
            redis_pool=queue.pool,
            handle_signals=False,
            max_jobs=100,
            job_timeout=_JOB_TIMEOUT,
            keep_result=0,
            poll_delay=_LONGEST_SLEEP,
            job_serializer=queue.pool.job_serializer,
            job_deserializer=queue.pool.job_deserializer,
            expires_extra_ms=queue.pool.expires_extra_ms,
            timezone=UTC,
            log_results=False,
        )

    async def serve(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is in hand, for nine seconds at most."""
        self.main_task = asyncio.create_task(self.main())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((self.main_task, stopped), return_when=asyncio.FIRST_COMPLETED)
            if self.main_task.done():
                self.main_task.result()
        finally:
            stopped.cancel()
            self.main_task.cancel()
            await asyncio.gather(self.main_task, stopped, return_exceptions=True)
            await self._finish_jobs()

    async def main(self) -> None:
        """Start what is due, sleep until the doorbell rings, and again."""
        await self._look_everywhere()
        while True:
            try:
                await self._poll_iteration()
                await self._sleep()
            except REDIS_FAULTS as error:
                log.warning("queue out of reach", reason=type(error).__name__)
                await asyncio.sleep(_AFTER_FAULT)

    async def _sleep(self) -> None:
        if self.job_counter >= self.max_jobs:
            await asyncio.wait(self.tasks.values(), return_when=asyncio.FIRST_COMPLETED)
            return
        until_next = await self._queue.until_next()
        await self._queue.wait(_LONGEST_SLEEP if until_next is None else min(until_next, _LONGEST_SLEEP))

    async def _finish_jobs(self) -> None:
        ending = [asyncio.create_task(rounds.end(_GRACE)) for rounds in self._rounds]
        tasks = [task for task in self.tasks.values() if not task.done()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*ending)

    # --- jobs --------------------------------------------------------------------------------------------------

    async def _deliver(self, ctx: dict[Any, Any], partitions: Sequence[int]) -> None:
        for rounds in self._rounds:
            for partition in partitions:
                rounds.look(partition)

    async def _sweep(self, ctx: dict[Any, Any]) -> None:
        await self._look_everywhere()
        if self._tracking is not None:
            try:
                await self._tracking.sweep()
            except Unavailable:
                log.warning("clicks put off: the store is out of reach")

    async def _poll(self, ctx: dict[Any, Any]) -> None:
        assert self._feeds is not None
        try:
            await self._feeds.poll()
        except Unavailable:
            log.warning("feeds put off: the store is out of reach")

    async def _rank(self, ctx: dict[Any, Any]) -> None:
        """Remind of what is due, and make the digests whose moment has come; not twice at once."""
        if self._digests is None or self._ranking:
            return
        self._ranking = True
        try:
            if self._reminders is not None:
                await self._reminders.run()
            await self._queue.ring(await self._digests.run())
        except Unavailable:
            log.warning("digests put off: the store is out of reach")
        finally:
            self._ranking = False

    async def _look_everywhere(self) -> None:
        """Ring for every outbox in which something is due before the next sweep: what no bell told of."""
        try:
            moments = await self._deliveries.next_due(within=SWEEP_EVERY * 1000)
            if self._sending is not None:
                earliest(moments, await self._sending.next_due(within=SWEEP_EVERY * 1000))
            for partition, moment in moments.items():
                await self._queue.ring_at(partition, moment)
        except Unavailable:
            log.warning("sweep put off: the store is out of reach")
