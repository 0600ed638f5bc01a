"""What commands share: the settings, an open installation, who acts, and how results are told."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from server.model.actor import SYSTEM, Actor
from server.settings import Settings, load_settings

if TYPE_CHECKING:
    from server.bootstrap import Relance

__all__ = ["as_json", "operator", "settings", "tell", "with_relance"]

T = TypeVar("T")

as_json = click.option("--json", "as_json", is_flag=True, help="Tell the result as JSON.")


def settings() -> Settings:
    """The settings of this environment. Raises SettingsError."""
    return load_settings(os.environ)


def with_relance(work: Callable[[Relance], Awaitable[T]]) -> T:
    """Do something with the installation that the environment describes, which may be running."""
    from server.bootstrap import open_relance

    async def main() -> T:
        async with open_relance(settings()) as relance:
            return await work(relance)

    return asyncio.run(main())


def operator() -> Actor:
    """Whoever may read the installation's key may do everything."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        name = "operator"
    return Actor(id="operator", name=name, roles=SYSTEM.roles, scopes=SYSTEM.scopes, via="cli")


def tell(result: Any, text: str, as_json: bool) -> None:
    """Print a result: for programs as one JSON value, else as text."""
    click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2).decode() if as_json else text)
