"""`relance library`: the ready-made rulebooks."""

from __future__ import annotations

import sys

import click

from bots.drafts import place_of
from server.bootstrap import Relance
from server.cli.session import as_json, operator, settings, tell, with_relance
from server.i18n import translator
from server.services.library import Library, Used, ready_made, ready_text
from server.services.rulebooks import WrongRulebook

__all__ = ["library"]


@click.group()
def library() -> None:
    """Ready-made rulebooks: list them, show one, take one over."""


@library.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the ready-made rulebooks."""
    found = ready_made(settings().language)
    width = max(len(ready.name) for ready in found)
    tell(found, "\n".join(f"{ready.name:<{width}}  {ready.about}" for ready in found), as_json)


@library.command()
@click.argument("name")
def show(name: str) -> None:
    """Print a ready-made rulebook."""
    click.echo(ready_text(name, settings().language), nl=False)


@library.command()
@click.argument("name")
@click.option("--replace", is_flag=True, help="Let it take the place of the whole published rulebook.")
@as_json
def use(name: str, replace: bool, as_json: bool) -> None:
    """Add a ready-made rulebook to the published one; what has the same kind and name stays as it is."""
    language = settings().language

    async def work(relance: Relance) -> Used:
        texts = Library(relance.services.rulebooks, relance.services.messages)
        return await texts.use(operator(), name, language=language, replace=replace)

    try:
        used = with_relance(work)
    except WrongRulebook as wrong:
        t = translator(language)
        for problem in wrong.checked.problems:
            click.echo(place_of(problem, t) + problem.pointed(), err=True)
        click.echo(t("together with the published rulebook it has these mistakes; nothing was published"), err=True)
        sys.exit(1)
    said = {"version": used.version.version if used.version else None, "added": used.added, "kept": used.kept}
    said["messages"] = used.messages
    tell(said, _told(used), as_json)


def _told(used: Used) -> str:
    lines = [f"version {used.version.version} is published" if used.version else "nothing of it is new"]
    if used.added:
        lines.append("added: " + ", ".join(used.added))
    if used.kept:
        lines.append("kept as published: " + ", ".join(used.kept))
    if used.messages:
        lines.append("messages: " + ", ".join(used.messages))
    return "\n".join(lines)
