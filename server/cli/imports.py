"""`relance import`: contacts or events from a file."""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click

from server.bootstrap import Relance
from server.cli.session import as_json, operator, tell, with_relance
from server.services.columns import Columns, Kind, remap
from server.services.importing import BadRow, Ground
from server.services.imports import BACKLOG, Outcome, Progress
from server.services.tables import Table, open_table

__all__ = ["import_"]

_SHOWN = 3  # values of a column that are shown
_WIDTH = 24


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "kind", type=click.Choice(["contacts", "events"]), help="What the rows are; else it is guessed.")
@click.option("--map", "maps", multiple=True, metavar="COLUMN=WHAT", help="What a column is: user, anonymous, email, "
              "event, time, message_id, locale, timezone, an attribute, a property, or - to leave it out.")  # fmt: skip
@click.option("--event", default="", help="The event of all rows, where no column names it.")
@click.option("--dates", type=click.Choice(["day first", "month first"]), help="How 03/04/2026 is read.")
@click.option("--consent", multiple=True, metavar="PURPOSE", help="A purpose that every contact has consented to.")
@click.option("--ground", default="", help="On what ground that is said; it goes into the ledger of consents.")
@click.option("--bad", type=click.Path(dir_okay=False, path_type=Path), help="Where rows go that cannot be taken.")
@click.option("--dry-run", is_flag=True, help="Only say what would be taken.")
@click.option("--restart", is_flag=True, help="Import a file once more that was imported before.")
@click.option("--backlog", type=click.IntRange(0), default=BACKLOG, show_default=True,
              help="Entries that may wait before more are added; 0: as fast as it goes.")  # fmt: skip
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@as_json
def import_(file: Path, yes: bool, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Take contacts or events in from a CSV, TSV, JSONL or XLSX file.

    What the columns mean is guessed, shown and asked. The same command goes on where it was stopped, and takes no row
    twice. What is imported changes scores and segments and starts nothing.
    """
    if options["consent"] and not options["ground"]:
        raise click.UsageError('--consent needs --ground "…": on what ground they consented')
    asks = not (yes or dry_run)
    if asks and not sys.stdin.isatty():
        raise click.UsageError("nobody is there to ask: look at it with --dry-run, then add --yes")
    started = time.monotonic()
    outcome = with_relance(lambda relance: _work(relance, open_table(file), asks, dry_run, options))
    told = _told(outcome, time.monotonic() - started, _bad_path(file, options["bad"]))
    tell(outcome, told, as_json)


async def _work(relance: Relance, table: Table, asks: bool, dry_run: bool, options: dict[str, Any]) -> Outcome:
    imports = relance.services.imports
    kind: Kind | None = options["kind"] or ("events" if options["event"] else None)
    columns, book = await imports.guess(table, kind)
    columns = remap(columns, options["maps"], book)
    changes = {name: options[name] for name in ("event", "dates") if options[name]}
    columns = Columns(**{name: getattr(columns, name) for name in columns.__struct_fields__} | changes)
    click.echo(_shown(table, columns), err=True)
    begun = None if dry_run or options["restart"] else await imports.begun(table, columns)
    if begun is not None and begun.row and not begun.ended:
        click.echo(f"going on behind row {begun.row:,}", err=True)
    if asks:
        click.confirm(f"Take {table.path.name} in as {columns.kind}?", default=True, abort=True, err=True)
    ground = Ground(purposes=options["consent"], statement=options["ground"]) if options["consent"] else None
    place = begun.place if begun is not None else 0
    with _BadFile(_bad_path(table.path, options["bad"]), table.columns, place) as bad, _bar(table) as bar:

        def progress(now: Progress) -> None:
            bar.label = f"{now.taken:,} rows, {now.bad:,} bad"
            bar.update(now.done - bar.pos)

        return await imports.run(
            operator(), table, columns, bad=bad.add, progress=progress, ground=ground, dry_run=dry_run,
            restart=options["restart"], backlog=options["backlog"],
        )  # fmt: skip


def _bar(table: Table) -> Any:
    return click.progressbar(
        length=max(table.size, 1), label="0 rows, 0 bad", file=sys.stderr, hidden=not sys.stderr.isatty()
    )


class _BadFile(AbstractContextManager["_BadFile"]):
    """Where rows go that cannot be taken: as CSV, with their number and the reason; made when there is one.

    It is cut to `place` first, so that rows behind a checkpoint are there once.
    """

    def __init__(self, path: Path, columns: Sequence[str], place: int) -> None:
        self._path = path
        self._columns = columns
        self._place = place
        self._file: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, rows: Sequence[BadRow]) -> int:
        """Write rows down; return how long the file is then."""
        if not rows:
            return self._place
        if self._file is None:
            self._open()
        writer = csv.writer(self._file)
        for bad in rows:
            cells = (bad.row.cells.get(column) for column in self._columns)
            writer.writerow([bad.row.number, bad.reason, *("" if cell is None else cell for cell in cells)])
        self._file.flush()
        self._place = os.fstat(self._file.fileno()).st_size
        return self._place

    def _open(self) -> None:
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)  # it holds what people told of themselves
        os.ftruncate(handle, self._place)
        self._file = os.fdopen(handle, "a", newline="", encoding="utf-8")
        if not self._place:
            csv.writer(self._file).writerow(["row", "reason", *self._columns])


def _bad_path(file: Path, named: Path | None) -> Path:
    return named or file.with_name(f"{file.stem}.bad.csv")


def _shown(table: Table, columns: Columns) -> str:
    """Each column, what it is taken for, and a few of its values."""
    values: dict[str, list[str]] = {column: [] for column in columns.targets}
    for row in table.rows():
        for column, some in values.items():
            cell = row.cells.get(column)
            if cell not in (None, "") and len(some) < _SHOWN:
                some.append(str(cell)[:_WIDTH])
        if row.number > 50 or all(len(some) == _SHOWN for some in values.values()):
            break
    wide = max([len(column) for column in columns.targets] + [6])
    lines = [f"{table.path.name}: {columns.kind}"]
    for column, target in columns.targets.items():
        meant = "left out" if target == "-" else target.replace(":", " ", 1)
        lines.append(f"  {column:<{wide}}  {meant:<28} {', '.join(values[column])}")
    if columns.event:
        lines.append(f"  every row is the event {columns.event!r}")
    if columns.dates:
        lines.append(f"  dates: {columns.dates}")
    return "\n".join(lines)


def _told(outcome: Outcome, seconds: float, bad: Path) -> str:
    new = outcome.rows - outcome.resumed
    if outcome.dry_run:
        lines = [f"{outcome.rows:,} rows would be taken, {outcome.bad:,} could not be. Nothing was written."]
    else:
        lines = [f"{outcome.rows:,} rows taken, {outcome.bad:,} bad ({new / max(seconds, 0.001):,.0f} rows/s)"]
    if outcome.resumed:
        lines.append(f"{outcome.resumed:,} of them by an earlier try")
    if outcome.consents:
        lines.append(f"{outcome.consents:,} consents recorded")
    if outcome.kept_refusals:
        lines.append(f"{outcome.kept_refusals:,} had denied or withdrawn consent: that stands")
    if outcome.bad:
        lines.append(f"rows that could not be taken, with the reasons: {bad}")
    return "\n".join(lines)
