"""App Home: what a person sees who opens the app in Slack, made anew each time: their leads, what they have to do."""

from __future__ import annotations

from typing import Any, Final

import structlog

from bots.commands import Caller, Services, reply_to
from bots.slack.client import SlackClient
from bots.slack.render import BLOCKS, Block, render
from server.ports import ChannelError, Clock

__all__ = ["Home"]

log = structlog.get_logger(__name__)

_SHOWN: Final = ("leads mine", "tasks")
_MOST: Final = 2 * BLOCKS  # Slack takes a hundred in a view
_DIVIDER: Final[Block] = {"type": "divider"}


class Home:
    """Publishes it: https://docs.slack.dev/surfaces/app-home."""

    def __init__(self, services: Services, client: SlackClient, clock: Clock) -> None:
        self._services = services
        self._client = client
        self._clock = clock

    async def show(self, caller: Caller, language: str) -> None:
        """Show a person their leads and tasks; what stands in the way of that is logged, and shown the next time."""
        blocks: list[Block] = []
        for number, text in enumerate(_SHOWN):
            reply = await reply_to(self._services, caller, text, language=language, clock=self._clock)
            if blocks:
                blocks.append(_DIVIDER)
            blocks += _named(render(reply)[0].blocks, number)
            if reply.tone != "plain":  # somebody whom we do not know yet is told so once
                break
        view: dict[str, Any] = {"type": "home", "blocks": blocks[:_MOST]}
        try:
            await self._client.call("views.publish", user_id=caller.user, view=view)
        except ChannelError as error:
            log.warning("home not shown", reason=error.reason)


def _named(blocks: list[Block], number: int) -> list[Block]:
    """The blocks of one reply among those of others: no two buttons of a view have the same name."""
    for block in blocks:
        for element in (*block.get("elements", ()), *([block["accessory"]] if "accessory" in block else ())):
            if "action_id" in element:
                element["action_id"] += f":{number}"
    return blocks
