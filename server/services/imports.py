"""Imports: a file's rows into the logs, each once, in order, from wherever an earlier try was stopped.

An imported row has a message id made of the import and its number, so a row that is sent again has no effect. What is
imported changes histories, scores and segments; it starts nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from rules.moment import zone
from rules.rulebook import Rulebook
from server.errors import Conflict, Invalid
from server.model.actor import Actor
from server.ports import Clock
from server.services.access import require
from server.services.columns import Columns, Kind, check, guess, read_row
from server.services.consents import Consents
from server.services.importing import BadRow, Ground, Importing, Order
from server.services.joining import Joining
from server.services.rulebooks import Rulebooks
from server.services.tables import Table
from server.store.imports import Checkpoint
from server.store.store import Store

__all__ = ["BACKLOG", "Imports", "Outcome", "Progress"]

BACKLOG: Final = 50_000  # entries that may wait before more are added, so that live events need not wait for long
_SAMPLE: Final = 1000  # rows by which columns are judged


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an import is: bytes of the file, and rows."""

    done: int
    size: int
    taken: int
    bad: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an import. `resumed`: rows that an earlier try had taken. `consents` were recorded now;
    `kept_refusals` counts denials and withdrawals on record, which an import does not change."""

    rows: int
    bad: int
    resumed: int = 0
    consents: int = 0
    kept_refusals: int = 0
    dry_run: bool = False


class Imports:
    """Takes files of rows in."""

    def __init__(
        self, store: Store, clock: Clock, rulebooks: Rulebooks, consents: Consents, joining: Joining, *, timezone: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._rulebooks = rulebooks
        self._consents = consents
        self._joining = joining
        self._where = zone(timezone)

    async def guess(self, table: Table, kind: Kind | None = None) -> tuple[Columns, Rulebook]:
        """What the columns of a file may mean under the published rulebook, and that one."""
        book = await self._rulebooks.live()
        sample = [row.cells for row in itertools.islice(table.rows(), _SAMPLE)]
        return guess(table.columns, sample, book, kind), book

    async def begun(self, table: Table, columns: Columns) -> Checkpoint | None:
        """How far an earlier try of the same import came; None where there was none."""
        return await self._store.imports.load(await asyncio.to_thread(_digest, table, columns))

    async def run(
        self,
        actor: Actor,
        table: Table,
        columns: Columns,
        *,
        bad: Callable[[Sequence[BadRow]], int],
        progress: Callable[[Progress], None] = lambda _: None,
        ground: Ground | None = None,
        source: str = "import",
        dry_run: bool = False,
        restart: bool = False,
        backlog: int = BACKLOG,
    ) -> Outcome:
        """Take a file in, or, as a dry run, only say what would be taken.

        `bad` takes the rows that cannot be taken, and says how long the file is that they are in. `backlog` 0: as
        fast as it goes. Raises `Forbidden`, `Invalid` for columns that do not do, `Conflict` where the file was
        imported before, `Unavailable`: then the same call goes on where this one stopped.
        """
        require(actor, "write", "admin")
        check(columns)
        book = await self._rulebooks.live()
        if ground is not None:
            _check_ground(ground, book)
        order = Order(await asyncio.to_thread(_digest, table, columns), columns, ground, actor, source)
        work = Importing(
            self._store, self._clock, self._consents, self._joining, order,
            lambda row: read_row(row.cells, columns, book.attributes, self._where), bad,
        )  # fmt: skip

        def told() -> None:
            progress(Progress(done=table.done, size=table.size, taken=work.at.taken, bad=work.at.bad))

        if dry_run:
            await asyncio.to_thread(work.look, table.rows(), told)
            return Outcome(rows=work.at.taken, bad=work.at.bad, dry_run=True)
        begun = await self._begin(order.digest, restart)
        await work.take(table.rows(), begun, told, backlog)
        await self._store.imports.save(order.digest, msgspec.structs.replace(work.at, ended=self._clock.now()))
        return Outcome(
            rows=work.at.taken,
            bad=work.at.bad,
            resumed=begun.taken,
            consents=work.granted,
            kept_refusals=work.refused,
        )

    async def _begin(self, digest: str, restart: bool) -> Checkpoint:
        known = None if restart else await self._store.imports.load(digest)
        if known is None:
            known = Checkpoint(started=self._clock.now())
            await self._store.imports.save(digest, known)
        if known.ended:
            raise Conflict("this file was imported before; --restart imports it once more", code="imported")
        return known


def _digest(table: Table, columns: Columns) -> str:
    """What names an import: its file's bytes, and what its columns mean."""
    with table.path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").digest()
    return hashlib.sha256(content + msgspec.json.encode(columns)).hexdigest()


def _check_ground(ground: Ground, book: Rulebook) -> None:
    unknown = [purpose for purpose in ground.purposes if purpose not in book.purposes]
    if unknown:
        raise Invalid(f"there is no purpose {unknown[0]} in the rulebook", code="bad_purpose")
    if not ground.statement.strip():
        raise Invalid('say on what ground: --ground "signed at the fair in May 2026"', code="bad_ground")
