"""`relance doctor`: what is wrong with this installation, and what to do."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final

import click

from server.cli.session import as_json, settings, tell
from server.doctor import Finding, examine
from server.logs import configure_logs

__all__ = ["doctor"]

_MARKS: Final = {"good": ("✓", "green"), "note": ("·", "yellow"), "wrong": ("✗", "red")}


@click.command()
@as_json
def doctor(as_json: bool) -> None:
    """Check configuration, Redis, engines and chat tokens; exit 1 where something is wrong."""
    known = settings()
    configure_logs("error", "doctor")

    async def work() -> list[Finding]:
        return [finding async for finding in examine(known, os.environ)]

    findings = asyncio.run(work())
    tell(findings, "\n".join(map(_line, findings)), as_json)
    sys.exit(1 if any(finding.verdict == "wrong" for finding in findings) else 0)


def _line(finding: Finding) -> str:
    mark, colour = _MARKS[finding.verdict]
    return f"{click.style(mark, fg=colour)} {finding.subject}: {finding.text}"
