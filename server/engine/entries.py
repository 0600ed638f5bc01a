"""Decides what the logs hold: while one group of partitions is decided, the contacts of the next are read and the
changes of the last are written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from rules.contact import Contact, Event
from rules.decide import needs_past
from rules.entry import Joined
from rules.rulebook import Rulebook
from server.engine.batch import Batch
from server.engine.commits import Commits
from server.engine.deciding import Decider, PastWanted, Poison, Unreadable
from server.engine.formers import Formers
from server.engine.memory import fetch
from server.engine.owned import Owned
from server.ports import Clock
from server.store.partition import Line, Partitions

__all__ = ["ENTRIES", "Entries"]

ENTRIES = 450  # of one partition in a commit, so under the bound of 500 contacts: one written for two events is cheaper
_GROUP = 1000  # entries decided before their commits are sent

Group: TypeAlias = list[tuple[Owned, list[Line]]]
Past: TypeAlias = dict[str, list[Event]]


class Entries:
    """Works through what was read of the logs. `applied` counts."""

    def __init__(self, partitions: Partitions, commits: Commits, formers: Formers, clock: Clock, timezone: str) -> None:
        self._partitions = partitions
        self._commits = commits
        self._formers = formers
        self._clock = clock
        self._timezone = timezone
        self._writing: list[asyncio.Task[None]] = []
        self.applied = 0

    async def step(self, lines: Mapping[Owned, list[Line]], book: Rulebook) -> None:
        """Decide and write. Where more waits, the last writes may still be under way when this returns."""
        if not lines:
            await self.settle()
            return
        groups = list(_groups(lines))
        loading = asyncio.create_task(self._load(groups[0], book))
        try:
            for place, group in enumerate(groups, start=1):
                unreadable, past = await loading
                if place < len(groups):
                    loading = asyncio.create_task(self._load(groups[place], book))
                    await asyncio.sleep(0)  # so that it is asked for before the processor is taken
                batches = [await self._decide(own, found, book, unreadable, past) for own, found in group]
                await self._write(batches)
        finally:
            if not loading.done():
                loading.cancel()
                await asyncio.wait({loading})
        if not any(len(found) == ENTRIES for found in lines.values()):
            await self.settle()

    async def settle(self) -> None:
        """Wait until all is written; raises what a write met."""
        writing, self._writing = self._writing, []
        outcomes = await asyncio.gather(*writing, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _write(self, batches: Sequence[Batch]) -> None:
        finished = [task for task in self._writing if task.done()]
        self._writing = [task for task in self._writing if not task.done()]
        for task in finished:
            task.result()
        self._writing.append(self._commits.send(batches))
        await asyncio.sleep(0)

    async def _load(self, group: Group, book: Rulebook) -> tuple[Unreadable, Past]:
        unreadable = await fetch(self._partitions, [(own, [line.contact for line in lines]) for own, lines in group])
        wanted = [(own.partition, contact) for own, lines in group for contact in self._wanting_past(own, lines, book)]
        return unreadable, await self._partitions.load_past(wanted)

    def _wanting_past(self, own: Owned, lines: Sequence[Line], book: Rulebook) -> set[str]:
        """The contacts of which stored events are needed, as far as that can be told before anything is decided."""
        known = own.contacts
        chunked = {line.contact for line in lines if (one := known.get(line.contact)) is not None and one.chunks}
        if not chunked:
            return chunked
        return {
            line.contact
            for line in lines
            if line.contact in chunked and self._wants_past(known[line.contact], line, book)
        }

    def _wants_past(self, contact: Contact, line: Line, book: Rulebook) -> bool:
        return isinstance(line.entry, Joined) or needs_past(contact, book, line.entry, self._formers.of(contact))

    async def _decide(
        self, own: Owned, lines: Sequence[Line], book: Rulebook, unreadable: Unreadable, past: Past
    ) -> Batch:
        """Decide the entries of one partition; begin again where one wants more of the past or cannot be applied."""
        skip: dict[str, str] = {}
        while True:
            batch = Batch(own, self._partitions.seal, self._partitions.count, book, self._clock.now, self._timezone)
            decider = Decider(own, book, self._clock.now(), self._timezone, past, self._formers)
            try:
                decider.entries(batch, lines, unreadable, skip)
            except PastWanted as wanted:
                past.update(await self._partitions.load_past([(own.partition, wanted.contact)]))
            except Poison as poison:
                skip[poison.entry_id] = poison.reason
            else:
                self.applied += len(lines)
                return batch
            await self._commits.wait(own)
            for line in lines:
                own.contacts.pop(line.contact, None)
            unreadable = await fetch(self._partitions, [(own, [line.contact for line in lines])])


def _groups(lines: Mapping[Owned, list[Line]]) -> Iterator[Group]:
    group: Group = []
    size = 0
    for own, found in lines.items():
        group.append((own, found))
        size += len(found)
        if size >= _GROUP:
            yield group
            group, size = [], 0
    if group:
        yield group
