"""The loop of an engine: read entries, decide, commit; and in slices between the batches what time brings, what a new
rulebook changes, what travels to other partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeAlias

import structlog

from rules.contact import Contact, Event
from rules.decide import needs_past
from rules.entry import Joined
from rules.rulebook import Rulebook
from server.engine.batch import Batch
from server.engine.deciding import Decider, PastWanted, Poison
from server.engine.leases import Leases
from server.engine.owned import Owned
from server.engine.packing import Packing
from server.engine.transfers import Transfers
from server.errors import Unavailable
from server.ports import Bell, Clock
from server.services.rulebooks import Rulebooks
from server.store.codec import SealError
from server.store.faults import REDIS_FAULTS
from server.store.partition import Line, Partitions
from server.store.stats import Stats

__all__ = ["IDLE", "Engine"]

_log = structlog.get_logger(__name__)

_ENTRIES = 250  # of one partition in a commit: well under the bound of 500 contacts
_GROUP = 1000  # entries decided before their commits are sent
_SLICE = 100  # contacts of a recompute, or late timers, between two batches
IDLE = 500  # milliseconds an engine sleeps at most: so soon it runs under a new rulebook
_LATER = 60_000  # milliseconds until a contact that met an error of ours is looked at again
_BALANCE = 1.0  # seconds between two looks at who else is there


Batches: TypeAlias = list[tuple[Owned, Batch]]
Work: TypeAlias = Callable[[Decider, Batch, Sequence[Contact]], None]


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
        self._bell = bell
        self._clock = clock
        self._timezone = timezone
        self._cache = contacts
        self._idle = idle
        self._balanced = 0.0
        self.packing = Packing(partitions)
        self._rings: set[asyncio.Task[None]] = set()
        self.applied = 0

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
            await asyncio.gather(*self._rings, return_exceptions=True)
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
        block = self._patience(book)
        cursors = {partition: own.cursor for partition, own in owned.items()}
        lines = await self._partitions.read(cursors, _ENTRIES, block)
        if lines:
            await self._entries(lines, book)
        await self._timers(book)
        await self._recompute(book)
        limit = max(100, self._cache // max(1, len(owned)))
        for own in list(owned.values()):
            own.trim(limit)
            if own.transfers:
                own.transfers = await self._transfers.send(own, limit=_SLICE)

    async def _balance(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._balanced >= _BALANCE:
            self._balanced = now
            await self.rebalance()
            await self.packing.tend(self.leases.owned)
            await self._stats.flush()

    async def rebalance(self) -> None:
        """Look who else is there, and take or give back partitions. Only between two batches."""
        await self.leases.balance()

    def _patience(self, book: Rulebook) -> int:
        """How many milliseconds may pass until the next turn, if no entry comes; 0: none."""
        owned = self.leases.owned.values()
        if any(own.transfers or own.recomputing or own.recomputed != book.version for own in owned):
            return 0
        timers = [own.next_timer for own in owned if own.next_timer is not None]
        return max(0, min([self._idle, *(at - self._clock.now() for at in timers)]))

    # --- entries ---

    async def _entries(self, lines: dict[int, list[Line]], book: Rulebook) -> None:
        """Decide and commit; while the commits of some partitions are under way, the next ones are decided."""
        commits: list[asyncio.Task[None]] = []
        group: list[tuple[Owned, list[Line]]] = []
        size = 0
        try:
            for partition, found in lines.items():
                own = self.leases.owned.get(partition)
                if own is None:
                    continue
                group.append((own, found))
                size += len(found)
                if size >= _GROUP:
                    commits.append(asyncio.create_task(self._commit(await self._decide_group(group, book))))
                    await asyncio.sleep(0)
                    group, size = [], 0
            if group:
                commits.append(asyncio.create_task(self._commit(await self._decide_group(group, book))))
        finally:
            outcomes = await asyncio.gather(*commits, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _decide_group(
        self, group: Sequence[tuple[Owned, list[Line]]], book: Rulebook
    ) -> list[tuple[Owned, Batch]]:
        batches: Batches = []
        await self._fetch([(own, line.contact) for own, lines in group for line in lines])
        wanted = [
            (own.partition, line.contact)
            for own, lines in group
            for line in lines
            if self._wants_past(own.contacts.get(line.contact), line, book)
        ]
        past = await self._partitions.load_past(list(dict.fromkeys(wanted)))
        for own, lines in group:
            batches.append((own, await self._decide(own, lines, book, past)))
            self.applied += len(lines)
        return batches

    async def _decide(self, own: Owned, lines: Sequence[Line], book: Rulebook, past: dict[str, list[Event]]) -> Batch:
        """Decide the entries of one partition; begin again where one wants more of the past or cannot be applied."""
        skip: dict[str, str] = {}
        while True:
            batch = self._batch(own)
            try:
                self._decider(own, book, past).entries(batch, lines, self._unreadable, skip)
                return batch
            except PastWanted as wanted:
                past.update(await self._partitions.load_past([(own.partition, wanted.contact)]))
            except Poison as poison:
                skip[poison.entry_id] = poison.reason
            for line in lines:
                own.contacts.pop(line.contact, None)
            await self._fetch([(own, line.contact) for line in lines])

    def _wants_past(self, contact: Contact | None, line: Line, book: Rulebook) -> bool:
        if contact is None or not contact.chunks:
            return False
        return isinstance(line.entry, Joined) or needs_past(contact, book, line.entry)

    async def _fetch(self, wanted: Iterable[tuple[Owned, str]]) -> None:
        """Have these contacts decoded in their partitions' memory, where they exist."""
        missing = {(own.partition, contact): own for own, contact in wanted if contact not in own.contacts}
        found = await self._partitions.contacts.read(list(missing))
        self._unreadable = {}
        for ((_, contact_id), own), contact in zip(missing.items(), found, strict=True):
            if isinstance(contact, SealError):
                self._unreadable[contact_id] = contact
            elif contact is not None:
                own.contacts[contact_id] = contact

    _unreadable: dict[str, Contact | SealError | None] = {}  # noqa: RUF012 - replaced, never changed

    def _batch(self, own: Owned) -> Batch:
        return Batch(own, self._partitions.seal, self._partitions.count, self._clock.now, self._timezone)

    def _decider(self, own: Owned, book: Rulebook, past: dict[str, list[Event]]) -> Decider:
        return Decider(own, book, self._clock.now(), self._timezone, past)

    async def _commit(self, batches: Sequence[tuple[Owned, Batch]]) -> None:
        batches = [(own, batch) for own, batch in batches if not batch.empty]
        if not batches:
            return
        answers = await self._partitions.commit([batch.commit() for _, batch in batches])
        rings: list[int] = []
        for (own, batch), answer in zip(batches, answers, strict=True):
            if answer != 1:
                _log.warning("commit refused", partition=own.partition, why="lease" if answer == 0 else "cursor")
                if self.leases.owned.get(own.partition) is own:
                    self.leases.forget(own.partition)
                continue
            self._committed(own, batch)
            if batch.rings:
                rings.append(own.partition)
        if rings:
            task = asyncio.create_task(self._ring(rings))
            self._rings.add(task)
            task.add_done_callback(self._rings.discard)

    def _committed(self, own: Owned, batch: Batch) -> None:
        own.cursor = batch.cursor
        own.alerts = batch.alerts
        own.transfers = own.transfers or batch.transfers
        self._stats.add(batch.matched)
        for contact in batch.changed.values():
            own.used(contact)
            if contact.changes_at is not None and (own.next_timer is None or contact.changes_at < own.next_timer):
                own.next_timer = contact.changes_at

    async def _ring(self, partitions: list[int]) -> None:
        try:
            await self._bell.ring(partitions)
        except (*REDIS_FAULTS, Unavailable) as error:
            _log.warning("the bell failed; the sweep will find the cards", error=type(error).__name__)

    # --- slices of slower work ---

    async def _timers(self, book: Rulebook) -> None:
        now = self._clock.now()
        late = [own for own in self.leases.owned.values() if own.next_timer is not None and own.next_timer <= now]

        batches: Batches = []
        for own in late:
            ids = await self._partitions.due_timers(own.partition, now, _SLICE)
            await self._fetch([(own, contact) for contact in ids])
            contacts = [own.contacts[contact] for contact in ids if contact in own.contacts]
            batch = await self._worked(own, contacts, book, Decider.moments)
            for contact_id in ids:
                if contact_id not in own.contacts:
                    batch.look_again(contact_id, None)
            batches.append((own, batch))
        await self._commit(batches)
        for own in late:
            own.next_timer = await self._partitions.next_timer(own.partition)

    async def _recompute(self, book: Rulebook) -> None:
        for own in self.leases.owned.values():
            if own.recomputed != book.version:
                own.recomputed, own.bucket = book.version, 0
        batches: Batches = []
        for own in [own for own in self.leases.owned.values() if own.recomputing][:8]:
            assert own.bucket is not None
            first = own.bucket == 0
            found, own.bucket = await self._partitions.contacts.slice(own.partition, own.bucket, _SLICE)
            contacts = []
            for contact_id, contact in found:
                known = own.contacts.get(contact_id, contact)
                if not isinstance(known, SealError):
                    contacts.append(own.contacts.setdefault(contact_id, known))
            batch = await self._worked(own, contacts, book, Decider.recompute)
            living = sum(not contact.moved_to for contact in contacts)
            batch.recomputed(book.version, own.bucket, living, first=first)
            batches.append((own, batch))
        await self._commit(batches)

    async def _worked(self, own: Owned, contacts: Sequence[Contact], book: Rulebook, work: Work) -> Batch:
        past = await self._partitions.load_past(
            [(own.partition, contact.id) for contact in contacts if needs_past(contact, book)]
        )
        batch = self._batch(own)
        self._work(own, batch, self._decider(own, book, past), contacts, work)
        return batch

    def _work(
        self,
        own: Owned,
        batch: Batch,
        decider: Decider,
        contacts: Sequence[Contact],
        work: Work,
    ) -> None:
        """Work contact by contact: one that meets an error of ours does not stop the others."""
        for contact in contacts:
            try:
                work(decider, batch, [contact])
            except Exception as error:
                _log.error("contact left as it was", contact=contact.id, error=type(error).__name__)
                own.contacts.pop(contact.id, None)
                batch.drop(contact.id)
                if contact.changes_at is not None:
                    batch.look_again(contact.id, self._clock.now() + _LATER)
