"""The loop of an engine: read entries, decide, commit; and in slices between the batches what time brings, what a new
rulebook changes, what travels to other partitions."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from rules.rulebook import Rulebook
from server.engine.commits import Commits
from server.engine.entries import ENTRIES, Entries
from server.engine.formers import Formers
from server.engine.leases import Leases
from server.engine.owned import Owned
from server.engine.packing import Packing
from server.engine.recompute import Recompute
from server.engine.sweeps import Sweeps
from server.engine.timers import Timers
from server.engine.transfers import Transfers
from server.errors import Unavailable
from server.ports import Bell, Clock
from server.services.rulebooks import Rulebooks
from server.store.faults import REDIS_FAULTS
from server.store.partition import Partitions
from server.store.stats import Stats

__all__ = ["IDLE", "Engine"]

_log = structlog.get_logger(__name__)

IDLE = 500  # milliseconds an engine sleeps at most: so soon it runs under a new rulebook
_TRANSFERS = 100  # of a partition in a turn
_BALANCE = 1.0  # seconds between two looks at who else is there


class Engine:
    """One process's share of the partitions.

    `contacts` is how many it keeps decoded at most; `idle` how many milliseconds it sleeps at most.
    """

    def __init__(
        self,
        partitions: Partitions,
        leases: Leases,
        rulebooks: Rulebooks,
        transfers: Transfers,
        stats: Stats,
        bell: Bell,
        clock: Clock,
        *,
        timezone: str = "UTC",
        contacts: int = 50_000,
        idle: int = IDLE,
    ) -> None:
        self._partitions = partitions
        self.leases = leases
        self._rulebooks = rulebooks
        self._transfers = transfers
        self._stats = stats
        self._clock = clock
        self._cache = contacts
        self._idle = idle
        self._balanced = 0.0
        self.packing = Packing(partitions)
        self._formers = Formers(rulebooks)
        self._commits = Commits(partitions, leases, stats, bell)
        parts = partitions, self._commits, self._formers, clock, timezone
        self._entries, self._timers, self._recompute = Entries(*parts), Timers(*parts), Recompute(*parts)
        self._sweeps = Sweeps(*parts)

    @property
    def applied(self) -> int:
        """How many entries it has decided."""
        return self._entries.applied

    @property
    def owned(self) -> list[Owned]:
        """The partitions that this engine may write now."""
        return list(self.leases.owned.values())

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; then give everything back."""
        keeper = asyncio.create_task(self._keep_leases())
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                turn = asyncio.create_task(self._guarded_turn())
                await asyncio.wait({turn, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not turn.done():
                    # A turn that only waits is cut short; one that writes is finished first.
                    await asyncio.wait({turn}, timeout=self._idle / 1000 + 0.5)
                    turn.cancel()
                with suppress(asyncio.CancelledError):
                    await turn
        finally:
            keeper.cancel()
            stopped.cancel()
            with suppress(*REDIS_FAULTS):
                await self._entries.settle()
            await self._recompute.end()
            await self._commits.end()
            await self.packing.end()
            with suppress(*REDIS_FAULTS):
                await self._stats.flush()
                await self.leases.end()

    async def _guarded_turn(self) -> None:
        try:
            await self.turn()
        except (*REDIS_FAULTS, Unavailable) as error:
            # What was under way is unknown: start again from what Redis has.
            _log.warning("redis failed", error=type(error).__name__)
            with suppress(*REDIS_FAULTS):
                await self._recompute.settle()
            with suppress(*REDIS_FAULTS):
                await self._entries.settle()
            self.leases.forget()
            self._balanced = 0.0
            await asyncio.sleep(0.2)

    async def _keep_leases(self) -> None:
        while True:
            with suppress(*REDIS_FAULTS):
                await self.leases.keep()
            await asyncio.sleep(0.75)

    async def turn(self) -> None:
        """One round: whatever waits, at most one batch a partition and one slice of each slower work."""
        await self._balance()
        owned = self.leases.owned
        if not owned:
            await asyncio.sleep(0.1)
            return
        book = await self._rulebooks.live()
        await self._formers.prepare(book, owned.values())
        self._recompute.begin(owned.values(), book)
        await self._sweeps.begin(owned.values(), book)
        cursors = {partition: own.cursor for partition, own in owned.items()}
        lines = await self._partitions.read(cursors, ENTRIES, self._patience(book))
        found = {owned[partition]: some for partition, some in lines.items() if partition in owned}
        if found or self._timers.late(owned.values()) or not any(own.recomputing for own in owned.values()):
            await self._recompute.settle()
        await self._entries.step(found, book)
        await self._timers.step(owned.values(), book, busy=bool(lines))
        await self._recompute.step(owned.values(), book, busy=bool(lines))
        if not any(own.recomputing for own in owned.values()):
            await self._recompute.settle()
            await self._sweeps.step(owned.values(), book, busy=bool(lines))
        limit = max(100, self._cache // max(1, len(owned)))
        for own in list(owned.values()):
            own.trim(limit)
            if own.transfers:
                own.transfers = await self._transfers.send(own, limit=_TRANSFERS)

    async def _balance(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._balanced >= _BALANCE:
            self._balanced = now
            await self.rebalance()
            await self.packing.tend(self.leases.owned)
            await self._stats.flush()

    async def rebalance(self) -> None:
        """Look who else is there, and take or give back partitions. Only between two batches."""
        await self._entries.settle()
        await self._recompute.settle()
        await self.leases.balance()

    def _patience(self, book: Rulebook) -> int:
        """How many milliseconds may pass until the next turn, if no entry comes; 0: none."""
        owned = self.leases.owned.values()
        if any(own.transfers or own.recomputing for own in owned) or self._sweeps.waiting(owned, book):
            return 0
        timers = [own.next_timer for own in owned if own.next_timer is not None]
        dated = self._sweeps.following(owned)
        if dated is not None:
            timers.append(dated)
        return max(0, min([self._idle, *(at - self._clock.now() for at in timers)]))
