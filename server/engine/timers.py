"""Lets time come to contacts whose moment it is, in slices between live batches, the latest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog

from rules.contact import Contact
from rules.decide import needs_past
from rules.rulebook import Rulebook
from server.engine.batch import Batch
from server.engine.commits import Commits
from server.engine.deciding import Decider
from server.engine.formers import Formers
from server.engine.memory import fetch
from server.engine.owned import Owned
from server.ports import Clock
from server.store.partition import Partitions

__all__ = ["Timers"]

_FEWEST, _SLICE = 10, 100  # contacts of one partition
_BUSY, _IDLE = 400, 1000  # contacts of a turn while entries come, and while none do
_LATER = 60_000  # milliseconds until a contact that met an error of ours is looked at again

_log = structlog.get_logger(__name__)


class Timers:
    """Finds the contacts that are to be looked at, decides and writes them."""

    def __init__(self, partitions: Partitions, commits: Commits, formers: Formers, clock: Clock, timezone: str) -> None:
        self._partitions = partitions
        self._commits = commits
        self._formers = formers
        self._clock = clock
        self._timezone = timezone

    def late(self, owned: Iterable[Owned]) -> list[Owned]:
        """The partitions in which somebody's moment has come."""
        now = self._clock.now()
        return [own for own in owned if own.next_timer is not None and own.next_timer <= now]

    async def step(self, owned: Iterable[Owned], book: Rulebook, *, busy: bool) -> None:
        """Work on what is due, at most a slice: the partitions alike, that whose contacts wait for longest first."""
        now, late = self._clock.now(), self.late(owned)
        if not late:
            return
        late.sort(key=lambda own: own.next_timer or 0)
        room = _BUSY if busy else _IDLE
        each = min(_SLICE, max(_FEWEST, room // len(late)))
        due = await self._partitions.due_timers([own.partition for own in late], now, each)
        taken: list[tuple[Owned, list[str]]] = []
        for own, ids in zip(late, due, strict=True):
            taken.append((own, ids[:room]))
            room -= len(ids)
            if room <= 0:
                break
        unreadable = await fetch(self._partitions, taken)
        batches = [await self._decide(own, [one for one in ids if one not in unreadable], book) for own, ids in taken]
        for batch, (own, ids) in zip(batches, taken, strict=True):
            for contact_id in ids:
                if contact_id in unreadable:
                    batch.look_again(contact_id, now + _LATER)
                elif contact_id not in own.contacts:
                    batch.look_again(contact_id, None)
        await self._commits.write(batches)
        for own, _ in taken:
            own.next_timer = None  # what is written from here on says when it is due, and may come after the answer
        following = await self._partitions.next_timers([own.partition for own, _ in taken])
        for (own, _), at in zip(taken, following, strict=True):
            if at is not None and (own.next_timer is None or at < own.next_timer):
                own.next_timer = at

    async def _decide(self, own: Owned, ids: Sequence[str], book: Rulebook) -> Batch:
        contacts = [own.contacts[contact] for contact in ids if contact in own.contacts]
        wanted = [
            (own.partition, contact.id)
            for contact in contacts
            if needs_past(contact, book, None, self._formers.of(contact))
        ]
        past = await self._partitions.load_past(wanted)
        batch = Batch(own, self._partitions.seal, self._partitions.count, book, self._clock.now, self._timezone)
        decider = Decider(own, book, self._clock.now(), self._timezone, past, self._formers)
        for contact in contacts:
            self._one(own, batch, decider, contact)
        return batch

    def _one(self, own: Owned, batch: Batch, decider: Decider, contact: Contact) -> None:
        """One contact that meets an error of ours does not stop the others."""
        try:
            decider.moment(batch, contact)
        except Exception as error:
            _log.error("contact left as it was", contact=contact.id, error=type(error).__name__)
            own.contacts.pop(contact.id, None)
            batch.drop(contact.id)
            batch.look_again(contact.id, self._clock.now() + _LATER)
