"""`relance webhook`: where messages to other systems go."""

from __future__ import annotations

import click

from server.cli.session import as_json, operator, tell, with_relance

__all__ = ["webhook"]


@click.group()
def webhook() -> None:
    """Where messages to other systems go, by the name that `send webhook NAME` says."""


@webhook.command()
@click.argument("name")
@click.argument("url")
@as_json
def add(name: str, url: str, as_json: bool) -> None:
    """Add a webhook and print the secret that signs what it gets; its words are the message NAME, channel webhook."""
    made = with_relance(lambda relance: relance.services.webhooks.add(operator(), name, url))
    tell({"webhook": made.name, "url": made.url, "secret": made.secret}, made.secret, as_json)


@webhook.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the webhooks; their secrets are not shown."""
    found = with_relance(lambda relance: relance.services.webhooks.all(operator()))
    lines = [f"{one.name:<24} {one.url}" for one in found]
    tell([{"webhook": one.name, "url": one.url} for one in found], "\n".join(lines), as_json)


@webhook.command()
@click.argument("name")
def remove(name: str) -> None:
    """Take a webhook away."""
    with_relance(lambda relance: relance.services.webhooks.remove(operator(), name))
