"""`relance bounce`: a mail that came back, piped in by the mail server."""

from __future__ import annotations

import sys

import click

from server.cli.session import as_json, tell, with_relance

__all__ = ["bounce"]


@click.command()
@as_json
def bounce(as_json: bool) -> None:
    """Take a mail that came back (RFC 3464) or a complaint (RFC 5965) from standard input.

    It is done, too, where the mail is about nothing that was sent from here.
    """
    from server.services.bounce_message import read_bounce

    reports = read_bounce(sys.stdin.buffer.read(4 << 20))
    taken = with_relance(lambda relance: relance.services.mail_reports.take(reports)) if reports else 0
    tell({"taken": taken}, f"{taken} of {len(reports)} reports are about mails of ours", as_json)
