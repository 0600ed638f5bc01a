"""`relance source`: who may send events."""

from __future__ import annotations

import click

from server.cli.session import as_json, tell, with_relance
from server.model.source import SourceKind

__all__ = ["source"]


@click.group()
def source() -> None:
    """Sources of events and their write keys."""


@source.command()
@click.argument("name")
@click.option("--browser", is_flag=True, help="The key will be public, so what it says is trusted less.")
@click.option("--rate", type=click.IntRange(0), help="Events a second that it may send; 0: no limit.")
@as_json
def add(name: str, browser: bool, rate: int | None, as_json: bool) -> None:
    """Add a source and print its write key, which is not shown again."""
    kind: SourceKind = "browser" if browser else "server"
    key = with_relance(lambda relance: relance.services.sources.add(name, kind, rate=rate))
    tell({"source": name, "write_key": key}, key, as_json)


@source.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the sources."""
    found = with_relance(lambda relance: relance.services.sources.all())
    lines = [f"{one.name:<24} {one.kind:<8} {f'{one.rate} events/s' if one.rate else 'no limit'}" for one in found]
    tell([{"source": one.name, "kind": one.kind, "rate": one.rate} for one in found], "\n".join(lines), as_json)


@source.command()
@click.argument("name")
def remove(name: str) -> None:
    """Take a source's write key away."""
    with_relance(lambda relance: relance.services.sources.remove(name))
