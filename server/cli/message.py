"""`relance message`: the words of messages."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, Final

import click

from rules.message import CHANNELS
from server.bootstrap import Relance
from server.cli.mistakes import placed
from server.cli.rulebook import read
from server.cli.session import as_json, operator, tell, with_relance
from server.model.message import MessageTemplate, TemplateFormat
from server.model.outgoing import Rendered
from server.services.message_heads import ANY, FORMATS, read_expiry
from server.services.messages import Listed, WrongMessage
from server.services.views import moment

__all__ = ["message"]

_FILE: Final = re.compile(r"([a-z][a-z0-9_]*)\.([a-z]+)(?:\.([A-Za-z_-]+))?\.(md|html|txt|json)")

channel = click.option("--channel", type=click.Choice(CHANNELS), default="email", show_default=True)
locale = click.option("--locale", default=None, metavar="fr-BE", help="Else the nearest; `-`: for every language.")


@click.group()
def message() -> None:
    """Messages: their words, by name, channel and locale. `layout` is what e-mails are put into."""


@message.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List all templates; what is past its time or has mistakes is said."""
    found = with_relance(lambda relance: relance.services.messages.listing(operator()))
    tell([_row(one) for one in found], "\n".join(map(_line, found)) or "there are none yet", as_json)


@message.command()
@click.argument("name")
@channel
@locale
def show(name: str, channel: str, locale: str | None) -> None:
    """Print a template's source; of `layout`, the built-in one where there is none of your own."""

    async def work(relance: Relance) -> MessageTemplate:
        if locale is None and (found := await relance.services.messages.find(name, channel, "")) is not None:
            return found
        return await relance.services.messages.get(operator(), name, channel, locale or ANY)

    click.echo(with_relance(work).source, nl=False)


@message.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--owner", default="", help="Who looks after them; else as their heads say.")
@click.option("--expires", default="", metavar="DAY", help="The last day on which they are good, or `never`.")
@as_json
def put(files: tuple[Path, ...], owner: str, expires: str, as_json: bool) -> None:
    """Keep templates from files called NAME.CHANNEL.LOCALE.md (or .html, .txt, .json; the locale may be left out)."""
    until = read_expiry(expires) if expires else None
    parts = [_named(file) for file in files]

    async def work(relance: Relance) -> tuple[list[MessageTemplate], bool]:
        kept, wrong = [], False
        for file, (name, channel, locale, form) in zip(files, parts, strict=True):
            try:
                kept.append(
                    await relance.services.messages.put(
                        operator(), name, channel, locale, read(file), form=form, owner=owner, expires=until
                    )
                )
            except WrongMessage as error:
                wrong = True
                for problem in error.problems:
                    click.echo(placed(file, "error", problem), err=True)
        return kept, wrong

    kept, wrong = with_relance(work)
    rows = [{"message": one.name, "channel": one.channel, "locale": one.locale or ANY, "revision": one.revision} for one
            in kept]  # fmt: skip
    tell(rows, "\n".join(f"{_name(one)} is revision {one.revision}" for one in kept), as_json)
    sys.exit(1 if wrong else 0)


@message.command()
@click.argument("name")
@channel
@locale
@click.option("--contact", required=True, metavar="REF", help="For whom; see `relance contact`.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write the HTML into this file.")
@as_json
def preview(name: str, channel: str, locale: str | None, contact: str, html: Path | None, as_json: bool) -> None:
    """Show a message as a contact would get it."""
    seen = with_relance(
        lambda relance: relance.services.messages.preview(operator(), name, channel, locale, contact)
    ).rendered
    if html is not None:
        html.write_text(seen.html)
    tell(seen, _words(seen), as_json)


@message.command()
@click.argument("name")
@locale
@click.option("--contact", required=True, metavar="REF", help="As whom it is filled in.")
@click.option("--to", required=True, metavar="USER", help="The name of a person who has an --email.")
@as_json
def test(name: str, locale: str | None, contact: str, to: str, as_json: bool) -> None:
    """Send an e-mail to somebody of the team, as a contact would get it."""

    async def work(relance: Relance) -> tuple[str, str]:
        person = await relance.services.people.find(to)
        sent = await relance.services.messages.test(operator(), name, "email", locale, contact, to=person)
        await relance.queue.ring(range(relance.store.partitions))
        return sent, person.email

    sent, address = with_relance(work)
    tell({"delivery": sent}, f"{sent} is on its way to {address}", as_json)


@message.command()
@click.argument("name")
@channel
@click.option("--locale", default=ANY, show_default=True, metavar="fr-BE")
def remove(name: str, channel: str, locale: str) -> None:
    """Forget a template, unless it is the last of a message that the published rulebook sends."""
    with_relance(lambda relance: relance.services.messages.delete(operator(), name, channel, locale))


def _named(file: Path) -> tuple[str, str, str, TemplateFormat]:
    found = _FILE.fullmatch(file.name)
    if found is None:
        raise click.ClickException(f"{file.name} is not called as a message is: welcome.email.fr.md")
    return found[1], found[2], found[3] or "", FORMATS[found[4]]


def _name(one: MessageTemplate) -> str:
    return ".".join(part for part in (one.name, one.channel, one.locale) if part)


def _row(one: Listed) -> dict[str, Any]:
    template = one.template
    return {
        "message": template.name,
        "channel": template.channel,
        "locale": template.locale or ANY,
        "format": template.format,
        "revision": template.revision,
        "owner": template.owner,
        "expires": moment(template.expires) if template.expires else None,
        "stale": one.stale,
        "errors": [str(problem) for problem in one.problems],
        "sent_by": sorted({f"{sent.kind} {sent.rule}" for sent in one.sent_by}),
    }


def _line(one: Listed) -> str:
    template = one.template
    said = [f"revision {template.revision}", template.owner]
    if template.expires:
        said.append(f"{'stale since' if one.stale else 'good until'} {moment(template.expires):%Y-%m-%d %H:%M}")
    said += [str(problem).split("\n")[0] for problem in one.problems[:1]]
    said += sorted({f"sent by {sent.kind} {sent.rule}" for sent in one.sent_by}) or ["sent by nothing"]
    return f"{_name(template):<40}  {', '.join(part for part in said if part)}"


def _words(words: Rendered) -> str:
    lines = [f"subject: {words.subject}"] if words.subject else []
    lines += [f"{name}: {value}" for name, value in words.fields.items()]
    return "\n".join([*lines, "", words.text or words.body] if lines else [words.text or words.body])
