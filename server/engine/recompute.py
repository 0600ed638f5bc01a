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
from typing import NamedTuple

import structlog

from rules.change import change_of
from rules.contact import Contact, Event
from rules.decide import bring_up_to_date, needs_past
from rules.rulebook import Rulebook
from server.engine.batch import Batch, Before
from server.engine.commits import Commits
from server.engine.formers import Formers
from server.engine.owned import Owned
from server.ports import Clock
from server.store import keys
from server.store.codec import SealError
from server.store.contacts import Slice
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
        begun = time.perf_counter()
        enough = self._enough(busy)
        some = await self._read(own, enough)
        written = own.writing is None or own.writing.done()  # else it may be read before that is written
        if not busy and some.next is not None and written:
            self._read_ahead(own, some.next, enough)
        batch = self._batch(own, book)
        await self._work(own, batch, some.contacts, book)
        self._progress(own, batch, some, book)
        await self._commits.write([batch], keep=False)
        if self._ahead is not None:  # what was written lies in other buckets
            self._ahead = self._ahead._replace(commits=own.commits)
        if some.contacts:
            pace = len(some.contacts) / (time.perf_counter() - begun)
            self._pace += (pace - self._pace) / 4

    async def _end(self, owned: Iterable[Owned], book: Rulebook) -> None:
        """Write down that the contacts of these partitions are right as they are."""
        batches = [self._batch(own, book) for own in owned]
        for batch in batches:
            self._progress(batch.owned, batch, Slice([], None), book)
        await self._commits.write(batches)

    async def end(self) -> None:
        """Give up what is under way."""
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

    async def _work(
        self, own: Owned, batch: Batch, found: Sequence[tuple[str, Contact | SealError]], book: Rulebook
    ) -> None:
        waiting: list[Contact] = []
        for contact_id, stored in found:
            contact = own.contacts.get(contact_id, stored)
            if isinstance(contact, SealError):
                own.left += 1
                continue
            contact.version = max(contact.version, own.base)
            if contact.version == book.version or contact.moved_to:
                continue
            if contact.chunks and needs_past(contact, book, None, self._formers.of(contact)):
                waiting.append(contact)
            else:
                self._bring(own, batch, contact, book, ())
        if waiting:
            past = await self._partitions.load_past([(own.partition, contact.id) for contact in waiting])
            for contact in waiting:
                self._bring(own, batch, contact, book, past[contact.id])

    def _bring(self, own: Owned, batch: Batch, contact: Contact, book: Rulebook, past: Sequence[Event]) -> None:
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
                former=self._formers.of(contact),
            )
        except Exception as error:
            _log.error("contact left as it was", contact=contact.id, error=type(error).__name__)
            own.contacts.pop(contact.id, None)
            own.left += 1
            return
        if decision.changed:
            batch.take(contact, decision, before)

    def _progress(self, own: Owned, batch: Batch, some: Slice, book: Rulebook) -> None:
        own.bucket = some.next
        own.done += sum(not isinstance(contact, SealError) and not contact.moved_to for _, contact in some.contacts)
        if own.bucket is None and not own.left:
            own.base = book.version
        now = time.monotonic()
        if own.bucket is None or batch.changed or now - own.told >= _TOLD:
            own.told = now
            batch.recomputed()
