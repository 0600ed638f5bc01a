"""`relance export`: what is inside, out."""

from __future__ import annotations

import csv
import sys
from typing import Any, Final

import click
import msgspec

from server.bootstrap import Relance
from server.cli.session import operator, with_relance
from server.services.exports import Of

__all__ = ["export"]

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run

_as_lines = click.option("--jsonl", is_flag=True, help="JSON lines instead of CSV.")


@click.group()
def export() -> None:
    """Print what the service holds."""


@export.command()
@click.option("--version", type=click.IntRange(1), help="Another version than the published one.")
def rulebook(version: int | None) -> None:
    """Print the text of the rulebook."""
    if version is None:
        record = with_relance(lambda relance: relance.services.rulebooks.current())
    else:
        record = with_relance(lambda relance: relance.services.rulebooks.version(version))
    click.echo(record.text, nl=not record.text.endswith("\n"))


@export.command()
@_as_lines
def contacts(jsonl: bool) -> None:
    """Print all contacts, with everything that is known of them but their history."""
    _print("contacts", "", jsonl)


@export.command()
@click.argument("name")
@_as_lines
def segment(name: str, jsonl: bool) -> None:
    """Print the contacts of a segment, the highest scores first."""
    _print("segment", name, jsonl)


@export.command("list")
@click.argument("name")
@_as_lines
def list_(name: str, jsonl: bool) -> None:
    """Print the contacts of a static list, the highest scores first."""
    _print("list", name, jsonl)


@export.command("print")
@click.argument("name")
@click.option("--take", is_flag=True, help="Forget the rows once they are printed here.")
def print_(name: str, take: bool) -> None:
    """Print the rows that `send print NAME` made, as CSV for whoever prints letters."""

    async def work(relance: Relance) -> None:
        rows = await relance.services.prints.rows(operator(), name)
        columns = list(dict.fromkeys(column for _, row in rows for column in row.fields))
        writer = csv.writer(sys.stdout)
        writer.writerow([*columns, "text"])
        for _, row in rows:
            writer.writerow([_cell(row.fields.get(column, "")) for column in columns] + [row.text])
        sys.stdout.flush()
        if take:
            await relance.services.prints.remove(operator(), [place for place, _ in rows])

    with_relance(work)


def _print(of: Of, name: str, jsonl: bool) -> None:
    async def work(relance: Relance) -> None:
        exports = relance.services.exports
        writer = csv.writer(sys.stdout)
        columns = await exports.columns(operator())
        rows = exports.rows(operator(), of, name)
        row = await anext(rows, None)  # of what does not exist, nothing is printed
        if not jsonl:
            writer.writerow(columns)
        while row is not None:
            if jsonl:
                sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
            else:
                writer.writerow([_cell(row[column]) for column in columns])
            row = await anext(rows, None)

    with_relance(work)


def _cell(value: Any) -> Any:
    """A value as a cell; a text that a spreadsheet would run as a formula is kept from that by an apostrophe."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return "; ".join(map(str, value))
        case dict():
            return "; ".join(f"{name}: {one}" for name, one in value.items())
        case str() if value.startswith(_FORMULA):
            return "'" + value
        case _:
            return value
