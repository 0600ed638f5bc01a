"""`relance chat`: the chat commands in a terminal."""

from __future__ import annotations

import click

from bots.terminal.chat import chat as talk
from server.bootstrap import Relance
from server.cli.session import settings, with_relance
from server.logs import configure_logs

__all__ = ["chat"]


@click.command()
def chat() -> None:
    """Chat in this terminal: the commands of Slack and Telegram, and alerts as they come."""
    configure_logs("error", "chat")
    language = settings().language

    async def work(relance: Relance) -> None:
        await talk(relance.services, relance.feed, language=language, clock=relance.clock)

    with_relance(work)
