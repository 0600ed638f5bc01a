"""`relance preview`: what publishing a rulebook would change."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bots.commands.preview import preview_reply
from bots.terminal.render import render
from server.bootstrap import Relance
from server.cli.mistakes import report
from server.cli.rulebook import FILE, read
from server.cli.session import as_json, operator, settings, tell, with_relance
from server.i18n import translator
from server.model.preview import Preview, Progress
from server.services.rulebooks import WrongRulebook

__all__ = ["preview"]


@click.command()
@click.argument("file", type=FILE)
@click.option("--full", is_flag=True, help="Tell all histories again, not those of a sample of 20,000.")
@as_json
def preview(file: Path, full: bool, as_json: bool) -> None:
    """Tell what publishing a rulebook would change; nothing is changed by asking.

    Who would enter and leave each segment, over all contacts; how often each trigger would have fired over the stored
    histories and how many alerts that makes a day; rules that match nobody or everybody; missing consents and values.
    """
    text = read(file)
    try:
        found = with_relance(lambda relance: _preview(relance, text, full))
    except WrongRulebook as wrong:
        click.echo(report(file, wrong.checked), err=True)
        sys.exit(1)
    colour = sys.stdout.isatty()
    tell(found, render(preview_reply(found, translator(settings().language)), colour=colour), as_json)


async def _preview(relance: Relance, text: str, full: bool) -> Preview:
    # on standard error, so that a result can be piped
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=1, label="contacts", file=sys.stderr, show_pos=True, hidden=hidden) as bar:

        def progress(now: Progress) -> None:
            bar.length = max(now.of, 1)
            bar.update(now.done - bar.pos)

        return await relance.services.previews.run(operator(), text, full, progress)
