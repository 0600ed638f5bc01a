"""`relance suppression`: addresses to which no message goes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from server.cli.session import as_json, operator, tell, with_relance
from server.services.consents import CHANNELS

if TYPE_CHECKING:
    from server.bootstrap import Relance
    from server.model.suppression import Suppression

__all__ = ["suppression"]


@click.group()
def suppression() -> None:
    """Addresses to which no message goes."""


@suppression.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List them: why, since when, whose; the addresses themselves are not kept."""

    async def work(relance: Relance) -> list[Suppression]:
        found: list[Suppression] = []
        cursor: str | None = None
        while True:
            page = await relance.services.suppressions.listing(operator(), cursor)
            found += page.suppressions
            if (cursor := page.next) is None:
                return sorted(found, key=lambda one: -one.since)

    found = with_relance(work)
    rows = [
        {
            "channel": one.channel, "reason": one.reason, "since": datetime.fromtimestamp(one.since / 1000, UTC),
            "contact": one.contact, "by": one.by,
        }
        for one in found
    ]  # fmt: skip
    lines = [f"{row['channel']:<8} {row['since']:%Y-%m-%d %H:%M}  {row['reason']:<13} {row['contact']}" for row in rows]
    tell(rows, "\n".join(lines), as_json)


@suppression.command()
@click.argument("channel", type=click.Choice(CHANNELS))
@click.argument("address")
def add(channel: str, address: str) -> None:
    """Let no message go to an address."""
    with_relance(lambda relance: relance.services.suppressions.add(channel, address, "by hand", actor=operator()))


@suppression.command()
@click.argument("channel", type=click.Choice(CHANNELS))
@click.argument("address")
def remove(channel: str, address: str) -> None:
    """Let messages go to an address again."""
    with_relance(lambda relance: relance.services.suppressions.remove(operator(), channel, address))
