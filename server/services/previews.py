"""Previews: what publishing a text would change, worked out over all stored contacts, with nothing changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from rules.backtest import Tally
from rules.contact import Millis
from rules.rulebook import Rulebook
from server.errors import Unavailable
from server.model.actor import Actor
from server.model.preview import Preview, Progress
from server.ports import Clock
from server.services.access import require
from server.services.masking import display
from server.services.preview_pool import count
from server.services.preview_process import Text, Work
from server.services.preview_report import Report
from server.services.rulebooks import Rulebooks, WrongRulebook
from server.store.store import Store

__all__ = ["SAMPLE", "Previews"]

SAMPLE = 20_000  # histories that are told again, unless all are asked for

_ALL = 1 << 63  # above every hash; a share of it is above the same share of the contacts' hashes
_ONE_PROCESS = 2000  # contacts for which a second process is not worth its start
_PROCESSES = 4  # at most
_WAITING = 4  # previews that may wait for the one that runs
_PAGE = 1000  # contacts that are loaded at once for their names


class Previews:
    """Works previews out one at a time, in processes of their own.

    `sample` is about how many histories are told again, always of the same contacts; `processes` how many work at most
    (None: one a processor).
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        rulebooks: Rulebooks,
        *,
        timezone: str = "UTC",
        sample: int = SAMPLE,
        processes: int | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._rulebooks = rulebooks
        self._timezone = timezone
        self._sample = sample
        self._processes = processes or min(os.cpu_count() or 1, _PROCESSES)
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def run(
        self, actor: Actor, text: str, full: bool = False, progress: Callable[[Progress], None] | None = None
    ) -> Preview:
        """Preview a text against the published rulebook; `full` tells all histories again and not a sample.

        `progress` is called as the work goes on. Cancelled, it stops at once. Raises `Forbidden`, `WrongRulebook` with
        what `check` found, `Unavailable` where Redis does not answer or too many previews wait, `PreviewFailed`.
        """
        require(actor, "read", "marketer")
        checked = await self._rulebooks.check(text)
        if checked.book is None:
            raise WrongRulebook(checked)
        if self._waiting > _WAITING:
            raise Unavailable("other previews are being worked out; try again later", retry_after=30, code="busy")
        self._waiting += 1
        try:
            async with self._turn:
                present, now = await self._rulebooks.live(), self._clock.now()
                tally = await self._count(present, text, now, full, progress or _nobody)
        finally:
            self._waiting -= 1
        names = await self._names(tally, present)
        return Report(tally, present, checked.book, now, names).preview(text, checked.warnings)

    async def _count(
        self, present: Rulebook, text: str, now: Millis, full: bool, progress: Callable[[Progress], None]
    ) -> Tally:
        contacts = await self._store.contacts.count()
        done = 0

        def advanced(more: int) -> None:
            nonlocal done
            done += more
            progress(Progress(done, max(contacts, done)))

        advanced(0)
        bound = _ALL if full or contacts <= self._sample else _ALL * self._sample // contacts
        number = 1 if contacts <= _ONE_PROCESS else min(self._processes, self._store.partitions)
        tasks = [
            Work(
                address=self._store.address,
                present=Text(present.version, present.text),
                draft=Text(present.version + 1, text),
                now=now,
                timezone=self._timezone,
                bound=bound,
                partitions=list(range(first, self._store.partitions, number)),
            )
            for first in range(number)
        ]
        return await count(tasks, advanced)

    async def _names(self, tally: Tally, present: Rulebook) -> dict[str, str]:
        """The masked names of the contacts that are named: as the published rulebook, not the draft, lets them show."""
        wanted = sorted(
            {each for table in (tally.entered, tally.left) for moves in table.values() for each in moves.first}
        )
        names: dict[str, str] = {}
        for start in range(0, len(wanted), _PAGE):
            for contact in await self._store.contacts.load_many(wanted[start : start + _PAGE]):
                if contact is not None:
                    names[contact.id] = display(contact, present)
        return names


def _nobody(_: Progress) -> None:
    """Nobody wants to know how far it is."""
