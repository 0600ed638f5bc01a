"""The way of a batch into Redis, and what follows: what the engine knows is brought up to date, couriers are called."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import structlog

from server.engine.batch import Batch
from server.engine.leases import Leases
from server.engine.owned import Owned
from server.errors import Unavailable
from server.ports import Bell
from server.store.faults import REDIS_FAULTS
from server.store.partition import Commit, Partitions
from server.store.stats import Stats

__all__ = ["Commits"]

_log = structlog.get_logger(__name__)


class Commits:
    """Writes batches. A partition whose batch is refused is forgotten: somebody else writes it."""

    def __init__(self, partitions: Partitions, leases: Leases, stats: Stats, bell: Bell) -> None:
        self._partitions = partitions
        self._leases = leases
        self._stats = stats
        self._bell = bell
        self._rings: set[asyncio.Task[None]] = set()

    async def write(self, batches: Sequence[Batch], *, keep: bool = True) -> None:
        """Write batches of different partitions in one round trip.

        `keep`: the contacts written stay in the engine's memory; else only those that are there already.
        """
        if any(not batch.empty for batch in batches):
            await self.send(batches, keep=keep)

    def send(self, batches: Sequence[Batch], *, keep: bool = True) -> asyncio.Task[None]:
        """Begin to write. From now on the partitions are where the batches leave them; the contacts in them stay in
        memory until they are written.
        """
        batches = [batch for batch in batches if not batch.empty]
        commits = [batch.commit() for batch in batches]
        before = [batch.owned.writing for batch in batches if batch.owned.writing is not None]
        task = asyncio.create_task(self._write(batches, commits, before, keep))
        for batch in batches:
            own = batch.owned
            own.commits += 1
            own.cursor = batch.cursor
            own.alerts = batch.alerts
            own.agenda.take(batch.agenda, batch.moment)
            own.writing = task
        return task

    def count(self, batch: Batch) -> None:
        """Count what a batch that is not written tells of rules: it says how often they match, and meet errors."""
        self._stats.add(Counter(batch.matched))

    async def wait(self, own: Owned) -> None:
        """Wait until what was sent of a partition is written; what became of it is told to who sent it."""
        if own.writing is not None:
            await asyncio.wait({own.writing})

    async def _write(
        self,
        batches: Sequence[Batch],
        commits: Sequence[Commit],
        before: Sequence[asyncio.Task[None]],
        keep: bool,
    ) -> None:
        if before:  # each partition's batches arrive in their order
            await asyncio.wait(before)
        answers = await self._partitions.commit(commits) if commits else []
        rings: list[int] = []
        for batch, answer in zip(batches, answers, strict=True):
            own = batch.owned
            if answer != 1:
                _log.warning("commit refused", partition=own.partition, why="lease" if answer == 0 else "cursor")
                if self._leases.owned.get(own.partition) is own:
                    self._leases.forget(own.partition)
                continue
            self._written(batch, keep)
            if batch.rings:
                rings.append(own.partition)
        if rings:
            task = asyncio.create_task(self._ring(rings))
            self._rings.add(task)
            task.add_done_callback(self._rings.discard)

    def _written(self, batch: Batch, keep: bool) -> None:
        own = batch.owned
        own.transfers = own.transfers or batch.transfers
        self.count(batch)
        next_timer = own.next_timer
        for contact in batch.changed.values():
            if keep or contact.id in own.contacts:
                own.used(contact)
            at = contact.changes_at
            if at is not None and (next_timer is None or at < next_timer):
                next_timer = at
        own.next_timer = next_timer

    async def _ring(self, partitions: list[int]) -> None:
        try:
            await self._bell.ring(partitions)
        except (*REDIS_FAULTS, Unavailable) as error:
            _log.warning("the bell failed; the sweep will find the cards", error=type(error).__name__)

    async def end(self) -> None:
        """Wait for couriers to be called."""
        await asyncio.gather(*self._rings, return_exceptions=True)
