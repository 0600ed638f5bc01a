"""`relance approval`: whether what one person writes in chat is published by another."""

from __future__ import annotations

import click

from server.bootstrap import Relance
from server.cli.session import as_json, operator, tell, with_relance
from server.logs import configure_logs

__all__ = ["approval"]


@click.command()
@click.argument("state", type=click.Choice(["on", "off"]), required=False)
@as_json
def approval(state: str | None, as_json: bool) -> None:
    """Tell whether a second person approves rules from chat, or switch that on or off (for a team of one)."""
    configure_logs("warning", "approval")

    async def work(relance: Relance) -> bool:
        submissions = relance.services.submissions
        if state is not None:
            await submissions.set_alone(operator(), state == "off")
        return not await submissions.alone()

    needed = with_relance(work)
    text = "on: a second person approves" if needed else "off: an approver publishes alone"
    tell({"approval": "on" if needed else "off"}, text, as_json)
