"""`relance check`, `fmt`, `publish`, `history`, `rollback`: the rulebook."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from rules.errors import RuleErrors
from rules.printing import format_text
from rules.reading import Known
from server.bootstrap import NotRunning, Relance
from server.cli.mistakes import report
from server.cli.session import as_json, operator, tell, with_relance
from server.errors import Unavailable
from server.ports import SystemClock
from server.services.rulebooks import Checked, WrongRulebook, earliest_now
from server.services.rulebooks import check as check_text
from server.settings import SettingsError
from server.store.rulebooks import RulebookVersion

__all__ = ["FILE", "check", "fmt", "history", "publish", "read", "rollback"]

_SHOWN = 10  # names of traits

FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


@click.command()
@click.argument("file", type=FILE)
@as_json
def check(file: Path, as_json: bool) -> None:
    """Tell all mistakes of a rulebook; where Relance runs, also messages that are missing and traits sent in vain."""
    text = read(file)
    try:
        checked, in_vain = with_relance(lambda relance: _check(relance, text))
    except (NotRunning, Unavailable, SettingsError):
        checked, in_vain = check_text(text, Known(now=earliest_now(SystemClock().now()))), {}
    result = {"ok": checked.ok, "errors": checked.problems, "warnings": checked.warnings, "undeclared": in_vain}
    tell(result, "\n".join([report(file, checked), *_in_vain(in_vain)]), as_json)
    sys.exit(0 if checked.ok else 1)


async def _check(relance: Relance, text: str) -> tuple[Checked, dict[str, int]]:
    rulebooks = relance.services.rulebooks
    checked = await rulebooks.check(text)
    return checked, await rulebooks.sent_in_vain(checked.book) if checked.book is not None else {}


def _in_vain(traits: dict[str, int]) -> list[str]:
    """What sites send and no attribute takes, the most frequent first."""
    often = sorted(traits.items(), key=lambda one: (-one[1], one[0]))
    if not often:
        return []
    names = ", ".join(f"{name} ({count})" for name, count in often[:_SHOWN])
    more = f" and {len(often) - _SHOWN} more" if len(often) > _SHOWN else ""
    return [f"sites send what no attribute takes, so it is not stored: {names}{more}"]


@click.command()
@click.argument("file", type=FILE)
def fmt(file: Path) -> None:
    """Write a rulebook in the usual form, comments kept (from `-`: print it)."""
    text = read(file)
    try:
        usual = format_text(text)
    except RuleErrors as errors:
        checked = Checked(problems=errors.problems, warnings=errors.warnings)
        click.echo(report(file, checked), err=True)
        sys.exit(1)
    if str(file) == "-":
        click.echo(usual, nl=False)
    elif usual != text:
        file.write_text(usual)


@click.command()
@click.argument("file", type=FILE)
@click.option("--comment", default="", help="Why, for the history.")
@click.option("--base", type=click.IntRange(0), help="The version that the file was made from; else the published one.")
@as_json
def publish(file: Path, comment: str, base: int | None, as_json: bool) -> None:
    """Publish a rulebook: all contacts are brought up to date, and nothing fires by that."""
    text = read(file)

    async def work(relance: Relance) -> RulebookVersion:
        newest = await relance.services.rulebooks.versions(1)
        on = base if base is not None else newest[0].version if newest else 0
        return await relance.services.rulebooks.publish(operator(), text, base=on, comment=comment)

    try:
        version = with_relance(work)
    except WrongRulebook as wrong:
        click.echo(report(file, wrong.checked), err=True)
        sys.exit(1)
    tell({"version": version.version, "hash": version.hash}, f"version {version.version} is published", as_json)


@click.command()
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@as_json
def history(limit: int, as_json: bool) -> None:
    """List the published versions, newest first."""
    versions = with_relance(lambda relance: relance.services.rulebooks.versions(limit))
    tell([_row(version) for version in versions], "\n".join(map(_line, versions)), as_json)


@click.command()
@click.argument("version", type=click.IntRange(1))
@as_json
def rollback(version: int, as_json: bool) -> None:
    """Publish an earlier version's text again, as a new version."""
    made = with_relance(lambda relance: relance.services.rulebooks.rollback(operator(), version))
    text = f"version {made.version} is published: the text of version {version}"
    tell({"version": made.version, "hash": made.hash}, text, as_json)


def read(file: Path) -> str:
    """The text of a file, or of standard input for `-`."""
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file} is not UTF-8 text (byte {error.start})") from None


def _row(version: RulebookVersion) -> dict[str, Any]:
    return {
        "version": version.version,
        "hash": version.hash,
        "author": version.author,
        "comment": version.comment,
        "time": _when(version),
    }


def _line(version: RulebookVersion) -> str:
    return f"{version.version:>5}  {_when(version)}  {version.hash[:10]}  {version.author}  {version.comment}".rstrip()


def _when(version: RulebookVersion) -> str:
    return datetime.fromtimestamp(version.time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
