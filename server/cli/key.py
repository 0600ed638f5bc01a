"""`relance key`: what programs may do."""

from __future__ import annotations

import click

from server.cli.session import as_json, tell, with_relance
from server.model.source import SCOPES, Scope

__all__ = ["key"]


@click.group()
def key() -> None:
    """API keys of programs."""


def _scopes(ctx: click.Context, param: click.Parameter, value: str) -> tuple[Scope, ...]:
    asked = [word.strip() for word in value.split(",")]
    for word in asked:
        if word not in SCOPES:
            raise click.BadParameter(f"{word!r} is none of {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in asked)


@key.command()
@click.argument("name")
@click.option("--scopes", callback=_scopes, required=True, help=f"Some of {','.join(SCOPES)}.")
@as_json
def add(name: str, scopes: tuple[Scope, ...], as_json: bool) -> None:
    """Add an API key and print it; it is not shown again."""
    made = with_relance(lambda relance: relance.services.sources.add_key(name, scopes))
    tell({"key": made}, made, as_json)


@key.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the API keys by name."""
    found = with_relance(lambda relance: relance.services.sources.keys())
    lines = [f"{one.name:<24} {','.join(one.scopes)}" for one in found]
    tell([{"name": one.name, "scopes": one.scopes} for one in found], "\n".join(lines), as_json)


@key.command()
@click.argument("name")
def remove(name: str) -> None:
    """Take the API keys of a name away."""
    with_relance(lambda relance: relance.services.sources.remove_key(name))
