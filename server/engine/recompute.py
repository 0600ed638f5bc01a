"""Brings contacts under a new rulebook, bucket by bucket, in slices short enough for live batches not to wait.

A contact that stays as it is is not written: `Owned.base` says of a whole partition up to which version its contacts
are right, whatever version each of them names. So only at the end of a partition all of them are of the new one; until
then a contact is of its own version or of the base, whichever is later. A crash in between loses nothing but that some
contacts are looked at twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

import structlog

from rules.change import change_of
from rules.contact import Contact, Event, Millis
from rules.decide import bring_up_to_date, needs_past
from rules.renewal import GLANCE, Renewal
from rules.rulebook import Rulebook
from server.engine.batch import Batch, Before
from server.engine.commits import Commits
from server.engine.formers import Formers
from server.engine.owned import Owned
from server.ports import Clock
from server.store import keys
from server.store.codec import SealError
from server.store.contacts import Slice
from server.store.faults import REDIS_FAULTS
from server.store.partition import Partitions

__all__ = ["Recompute"]

_BUSY, _IDLE = 0.008, 0.015  # seconds that a slice takes while entries come, and while none do
_FIRST, _LEAST, _MOST = 200, 50, 4000  # contacts of a slice
_TOLD = 0.5  # seconds after which it is written down how far a partition is, if no contact changes

_log = structlog.get_logger(__name__)


class _Ahead(NamedTuple):
    """A slice that is being read while another one is worked on."""

    own: Owned
    bucket: int
    commits: int
    task: asyncio.Task[Slice]


class _Quick:
    """Says quickly who is under the new rulebook already, or by saying so. `living` counts who is no tombstone."""

    def __init__(self, own: Owned, formers: Formers, book: Rulebook, now: Millis) -> None:
        self._base = own.base
        self._formers = formers
        self._book = book
        self._now = now
        self._renewals: dict[int, Renewal] = {}
        self.living = 0
        self.worth = True  # a glance: where there is but one former version, all is said by it or nothing

    def stays(self, contact: Contact) -> bool:
        """Whether nothing is to be done about a contact, or about one of which this is a glance."""
        if contact.moved_to:
            return True
        self.living += 1
        if contact.version < self._base:
            contact.version = self._base
        version = contact.version
        if version == self._book.version:
            return True
        renewal = self._renewals.get(version)
        if renewal is None:
            former = self._formers.of(contact)
            if former is None:
                return False
            renewal = self._renewals[version] = Renewal(former, self._book, self._now)
            self.worth = renewal.quick
        return renewal.stays(contact)


class Recompute:
    """One slice at a time, of one partition after the other."""

    def __init__(self, partitions: Partitions, commits: Commits, formers: Formers, clock: Clock, timezone: str) -> None:
        self._partitions = partitions
        self._commits = commits
        self._formers = formers
        self._clock = clock
        self._timezone = timezone
        self._pace = _FIRST / _IDLE  # contacts a second
        self._ahead: _Ahead | None = None
        self._writing: asyncio.Task[None] | None = None

    def begin(self, owned: Iterable[Owned], book: Rulebook) -> None:
        """Note which partitions a new rulebook has not reached."""
        for own in owned:
            if own.recomputed != book.version:
                bucket = keys.BUCKETS if self._stays(own, book) else 0
                own.recomputed, own.bucket, own.done, own.left, own.told = book.version, bucket, 0, 0, 0.0

    def _stays(self, own: Owned, book: Rulebook) -> bool:
        """Whether all contacts of a partition are right under a new rulebook as they are."""
        if own.recomputing or own.base != own.recomputed:
            return False
        former = self._formers.at(own.base)
        return former is not None and change_of(former, book).nothing

    async def step(self, owned: Iterable[Owned], book: Rulebook, *, busy: bool) -> None:
        """Work on the next slice, if there is one."""
        behind = [own for own in owned if own.recomputing]
        await self._end([own for own in behind if own.bucket == keys.BUCKETS], book)
        own = next((own for own in behind if own.recomputing), None)
        if own is None:
            return
        first, enough = own.bucket == 0, self._enough(busy)
        some = await self._read(own, enough)
        written = own.writing is None or own.writing.done()  # else it may be read before that is written
        if not busy and some.next is not None and written:
            self._read_ahead(own, some.next, enough)
        begun = time.perf_counter()
        batch = self._batch(own, book)
        waiting = self._work(own, batch, some, book)
        if some.sealed:
            pace = len(some.sealed) / (time.perf_counter() - begun)
            self._pace += (pace - self._pace) / 4
        if waiting:
            past = await self._partitions.load_past([(own.partition, contact.id) for contact in waiting])
            for contact in waiting:
                self._bring(own, batch, contact, book, self._formers.of(contact), past[contact.id])
        self._progress(own, batch, some, book)
        await self.settle()
        if not batch.empty:
            self._writing = self._commits.send([batch], keep=False)
        if first:  # it is told at once that it has begun
            await self.settle()
        if self._ahead is not None:  # what is written lies in other buckets
            self._ahead = self._ahead._replace(commits=own.commits)

    async def settle(self) -> None:
        """Wait until all is written: until then contacts that were are not to be read."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing

    async def _end(self, owned: Iterable[Owned], book: Rulebook) -> None:
        """Write down that the contacts of these partitions are right as they are."""
        batches = [self._batch(own, book) for own in owned]
        for batch in batches:
            self._progress(batch.owned, batch, Slice([], None), book)
        await self._commits.write(batches)

    async def end(self) -> None:
        """Give up what is being read."""
        with suppress(*REDIS_FAULTS):
            await self.settle()
        if self._ahead is not None:
            self._ahead.task.cancel()
            await asyncio.wait({self._ahead.task})

    def _batch(self, own: Owned, book: Rulebook) -> Batch:
        return Batch(own, self._partitions.seal, self._partitions.count, book, self._clock.now, self._timezone)

    def _enough(self, busy: bool) -> int:
        return max(_LEAST, min(_MOST, int(self._pace * (_BUSY if busy else _IDLE))))

    async def _read(self, own: Owned, enough: int) -> Slice:
        assert own.bucket is not None
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            if ahead.own is own and ahead.bucket == own.bucket and ahead.commits == own.commits:
                return await ahead.task
            ahead.task.cancel()
        return await self._partitions.contacts.slice(own.partition, own.bucket, enough)

    def _read_ahead(self, own: Owned, bucket: int, enough: int) -> None:
        task = asyncio.create_task(self._partitions.contacts.slice(own.partition, bucket, enough))
        self._ahead = _Ahead(own, bucket, own.commits, task)

    def _work(self, own: Owned, batch: Batch, some: Slice, book: Rulebook) -> list[Contact]:
        """Bring the contacts of a slice under the rulebook; those of which stored events are needed are left over."""
        waiting: list[Contact] = []
        contacts = self._partitions.contacts
        quick = _Quick(own, self._formers, book, self._clock.now())
        for contact_id, sealed in some.sealed:
            contact: Contact | SealError | None = own.contacts.get(contact_id)
            if contact is not None:
                looked = False
            elif quick.worth:
                contact, looked = contacts.look(sealed, GLANCE, quick.stays), True
            else:
                contact, looked = contacts.open(sealed), False
            if isinstance(contact, SealError):
                own.left += 1
            elif contact is not None and (looked or not quick.stays(contact)):
                if contact.version < own.base:
                    contact.version = own.base
                former = self._formers.of(contact)
                if contact.chunks and needs_past(contact, book, None, former):
                    waiting.append(contact)
                else:
                    self._bring(own, batch, contact, book, former, ())
        own.done += quick.living
        return waiting

    def _bring(
        self,
        own: Owned,
        batch: Batch,
        contact: Contact,
        book: Rulebook,
        former: Rulebook | None,
        past: Sequence[Event],
    ) -> None:
        """One contact that meets an error of ours does not stop the others: it stays as it was."""
        before = Before.of(contact)
        try:
            decision = bring_up_to_date(
                contact,
                past,
                book,
                self._clock.now(),
                entry_id=f"version {book.version}",
                timezone=self._timezone,
                former=former,
            )
        except Exception as error:
            _log.error("contact left as it was", contact=contact.id, error=type(error).__name__)
            own.contacts.pop(contact.id, None)
            own.left += 1
            return
        if decision.changed:
            bounded = former is not None and not change_of(former, book).points
            batch.take(contact, decision, before, bounded=bounded, entry_id=f"version {book.version}")

    def _progress(self, own: Owned, batch: Batch, some: Slice, book: Rulebook) -> None:
        own.bucket = some.next
        if own.bucket is None and not own.left:
            own.base = book.version
        now = time.monotonic()
        if own.bucket is None or batch.changed or now - own.told >= _TOLD:
            own.told = now
            batch.recomputed()
