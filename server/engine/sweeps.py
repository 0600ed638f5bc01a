"""Lets what concerns many contacts at once (a broadcast, a feed's entry, a date) come about for each, bucket by bucket,
in slices short enough for live batches not to wait.

How far a sweep is, is written together with what a slice changes: so each contact takes it once, whoever dies. A slice
that changes nobody is written down now and then only; looking at it twice changes nobody either.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import structlog

from rules.contact import Contact, Event, Millis
from rules.decide import advance, needs_past, occur
from rules.decision import Decision
from rules.renewal import GLANCE
from rules.rulebook import Rulebook
from server.engine.batch import Batch, Before
from server.engine.commits import Commits
from server.engine.dated import Dated, is_in, zone_of
from server.engine.formers import Formers
from server.engine.owned import Owned
from server.ports import Clock
from server.store.codec import SealError
from server.store.contacts import Contacts, Slice
from server.store.partition import Partitions
from server.store.sweeps import AgendaChange, Sweep

__all__ = ["Sweeps"]

_BUSY, _IDLE = 0.008, 0.02  # seconds of the processor that a slice takes while entries come, and while none do
_FIRST, _LEAST, _MOST = 200, 20, 4000  # contacts of a slice
_WRITTEN = 400  # of them that change: what a commit may hold
_PAUSED_AGAIN: Millis = 10_000  # a pause is that old when all engines know of its end
_TOLD = 0.5  # seconds after which it is written down how far a sweep is, if no contact changes

_log = structlog.get_logger(__name__)

Group: TypeAlias = list[tuple[str, Sweep]]  # sweeps that are equally far, with their names


class Sweeps:
    """One slice at a time, of one partition after the other; sweeps of a partition that are equally far go together."""

    def __init__(self, partitions: Partitions, commits: Commits, formers: Formers, clock: Clock, timezone: str) -> None:
        self._partitions = partitions
        self._commits = commits
        self._formers = formers
        self._clock = clock
        self._timezone = timezone
        self._dated = Dated(formers, timezone)
        self._pace = _FIRST / _IDLE  # contacts a second
        self._share = 1.0  # of the contacts of a slice that change
        self._told = 0.0

    async def begin(self, owned: Iterable[Owned], book: Rulebook) -> None:
        """Begin what is due by the clock."""
        now = self._clock.now()
        changes = {own.partition: (own, change) for own, change in self._dated.begin(owned, book, now)}
        for own in owned:
            for name in _given_up(own, book, now):
                _, change = changes.setdefault(own.partition, (own, AgendaChange()))
                change.through[name] = now
        batches = []
        for own, change in changes.values():
            batch = self._batch(own, book)
            batch.agenda = change
            batches.append(batch)
        await self._commits.write(batches)

    def following(self, owned: Iterable[Owned]) -> Millis | None:
        """When the next dated rule comes about; None where there is none."""
        moments = (self._dated.following(own) for own in owned)
        return min((moment for moment in moments if moment is not None), default=None)

    def waiting(self, owned: Iterable[Owned], book: Rulebook) -> bool:
        """Whether a slice is to be worked on."""
        return any(_group(own, book) for own in owned)

    async def step(self, owned: Iterable[Owned], book: Rulebook, *, busy: bool) -> None:
        """Work on the next slice, if there is one."""
        found = next(((own, group) for own in owned if (group := _group(own, book))), None)
        if found is None:
            return
        own, group = found
        await self._commits.wait(own)  # who is new in it lies in Redis then
        bucket = own.agenda.buckets.get(group[0][0], 0)
        some = await self._partitions.contacts.slice(own.partition, bucket, self._enough(busy))
        begun = time.thread_time()  # the slice is to take so long of the processor, however many share it
        batch = self._batch(own, book)
        looking = _Looking(self._partitions.contacts, self._formers, self._timezone, batch, book, group)
        waiting = looking.work(some)
        if waiting:
            past = await self._partitions.load_past([(own.partition, contact.id) for contact in waiting])
            for contact in waiting:
                looking.one(contact, past[contact.id])
        self._progress(batch, group, some)
        if batch.empty:
            self._commits.count(batch)
        await self._commits.write([batch], keep=False)
        if some.sealed:
            number = len(some.sealed)
            self._pace += (number / max(time.thread_time() - begun, 1e-6) - self._pace) / 4
            self._share += (len(batch.changed) / number - self._share) / 2

    def _enough(self, busy: bool) -> int:
        enough = min(_MOST, self._pace * (_BUSY if busy else _IDLE), _WRITTEN / max(self._share, 0.01))
        return max(_LEAST, int(enough))

    def _batch(self, own: Owned, book: Rulebook) -> Batch:
        return Batch(own, self._partitions.seal, self._partitions.count, book, self._clock.now, self._timezone)

    def _progress(self, batch: Batch, group: Group, some: Slice) -> None:
        agenda = batch.owned.agenda
        if some.next is None:
            for name, sweep in group:
                batch.agenda.through[name] = batch.moment
                _log.debug("sweep through", partition=batch.owned.partition, milliseconds=batch.moment - sweep.begun)
            return
        now = time.monotonic()
        if batch.changed or now - self._told >= _TOLD:
            self._told = now
            batch.agenda.reached.update({name: some.next for name, _ in group})
        else:
            agenda.buckets.update({name: some.next for name, _ in group})


def _given_up(own: Owned, book: Rulebook, now: Millis) -> list[str]:
    """The sweeps of scenarios that were resumed and paused again: another resume brings another."""
    sweeps = own.agenda.sweeps.items()
    return [name for name, sweep in sweeps if sweep.resumed in book.paused and sweep.begun < now - _PAUSED_AGAIN]


def _group(own: Owned, book: Rulebook) -> Group:
    """The sweeps of a partition that are to be worked on, those of them that are equally far."""
    agenda = own.agenda
    if not agenda.sweeps:
        return []
    ready = [(name, sweep) for name, sweep in agenda.sweeps.items() if sweep.resumed not in book.paused]
    if not ready:
        return []
    at = agenda.buckets.get(ready[0][0], 0)
    return [(name, sweep) for name, sweep in ready if agenda.buckets.get(name, 0) == at]


class _Looking:
    """Looks at the contacts of a slice."""

    def __init__(
        self, contacts: Contacts, formers: Formers, timezone: str, batch: Batch, book: Rulebook, group: Group
    ) -> None:
        self._contacts = contacts
        self._formers = formers
        self._timezone = timezone
        self._own = batch.owned
        self._batch = batch
        self._book = book
        self._group = group
        self._glancing = all(sweep.local or sweep.resumed for _, sweep in group)
        self._in_zone: dict[str, Group] = {}

    def work(self, some: Slice) -> list[Contact]:
        """Decide about contacts; those of which stored events are needed are left over."""
        waiting: list[Contact] = []
        for contact_id, sealed in some.sealed:
            contact: Contact | SealError | None = self._own.contacts.get(contact_id)
            if contact is None:
                if self._glancing:
                    contact = self._contacts.look(sealed, GLANCE, self._unconcerned)
                else:
                    contact = self._contacts.open(sealed)
            if contact is None or isinstance(contact, SealError) or self._unconcerned(contact):
                continue
            if contact.version < self._own.base:
                contact.version = self._own.base
            if contact.chunks and needs_past(contact, self._book, None, self._formers.of(contact)):
                waiting.append(contact)
            else:
                self.one(contact, ())
        return waiting

    def _unconcerned(self, contact: Contact) -> bool:
        """Whether none of the sweeps concerns a contact, or one of which this is a glance."""
        return bool(contact.moved_to) or not self._concerning(contact)

    def _concerning(self, contact: Contact) -> Group:
        zone = zone_of(contact)
        found = self._in_zone.get(zone)
        if found is None:
            found = [(name, sweep) for name, sweep in self._group if is_in(sweep, zone, self._timezone)]
            self._in_zone[zone] = found
        if not any(sweep.resumed for _, sweep in found):
            return found
        ways = {run.scenario for run in contact.runs}
        return [(name, sweep) for name, sweep in found if not sweep.resumed or sweep.resumed in ways]

    def one(self, contact: Contact, past: Sequence[Event]) -> None:
        """Decide about one contact. One that meets an error of ours does not stop the others: it stays as it was."""
        before = Before.of(contact)
        decisions: list[tuple[str, Decision]] = []
        try:
            for name, sweep in self._concerning(contact):
                decisions += [(f"sweep {name}", decision) for decision in self._decide(contact, name, sweep, past)]
        except Exception as error:
            _log.error("contact left as it was", contact=contact.id, error=type(error).__name__)
            self._own.contacts.pop(contact.id, None)
            return
        changed = any(decision.changed for _, decision in decisions)
        if changed:
            self._batch.touch(contact, True, before)
        for cause, decision in decisions:  # one that changes nothing may tell of conditions that met an error
            self._batch.add(contact, decision, cause)
        if changed:
            self._batch.seal(contact)

    def _decide(self, contact: Contact, name: str, sweep: Sweep, past: Sequence[Event]) -> Iterator[Decision]:
        now, book, cause, timezone = self._batch.moment, self._book, f"sweep {name}", self._timezone
        former = None if contact.version == book.version else self._formers.of(contact)
        if sweep.resumed:
            yield advance(contact, book, now, entry_id=cause, timezone=timezone, past=past, former=former, roused=True)
        for occurrence in sweep.occurrences:
            yield occur(contact, occurrence, book, now, entry_id=cause, timezone=timezone, past=past, former=former)
            former = None
