"""`relance export`: what is inside, out."""

from __future__ import annotations

import click

from server.cli.session import with_relance

__all__ = ["export"]


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
