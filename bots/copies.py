"""Copies of cards: where an answer of a chat was lost, one alert may have two cards there, and both are to be right."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from bots.commands import Services
from server.errors import Unavailable

__all__ = ["card_pressed", "shown_alert"]

log = structlog.get_logger(__name__)


def shown_alert(commands: Iterable[str]) -> str:
    """The alert on whose card these buttons stand; "" where it is no card: only cards offer to dismiss."""
    said = [command.split(" ") for command in commands]
    alerts = {words[1] for words in said if words[0] == "dismiss" and len(words) == 2}
    return alerts.pop() if len(alerts) == 1 else ""


async def card_pressed(services: Services, platform: str, alert: str, reference: str) -> None:
    """A button of this card was pressed: if it is a copy that nobody knew of, it is kept up to date from now on."""
    try:
        await services.deliveries.noticed(alert, platform, reference)
    except Unavailable:
        log.warning("copy of a card not noticed", platform=platform, alert=alert)
