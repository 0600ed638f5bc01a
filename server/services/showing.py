"""A courier's call of a channel: whatever comes of it, an outcome."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from rules.contact import Millis
from server.model.card import Card
from server.model.delivery import Delivery, TakenCard
from server.ports import CardChannel, ChannelError, ChannelRefused, ChannelUnsure
from server.services.outcome import Shown

__all__ = ["show"]

log = structlog.get_logger(__name__)


async def show(channel: CardChannel, card: TakenCard, before: Delivery, face: Card, longest: Millis) -> Shown:
    """Edit the card where it is, else post it; one that may be there already is looked for first.

    `longest`: milliseconds that the channel may take. Never raises but for cancellation.
    """
    address, reference = card.place.address, before.reference
    repeated = before.unsure
    try:
        async with asyncio.timeout(longest / 1000):
            if repeated:
                reference = await _find(channel, address, card.alert_id)
            if reference:
                await channel.edit(address, reference, face)
            else:
                reference = await channel.post(address, face, repeated=repeated)
            for copy in before.copies:
                with suppress(ChannelRefused):  # somebody deleted it
                    await channel.edit(address, copy, face)
        return Shown(reference)
    except ChannelError as error:
        return Shown(reference, error)
    except TimeoutError:
        return Shown(reference, ChannelUnsure("no answer in time"))
    except Exception as error:  # a channel's own fault must not stop the others, nor lose the card
        log.exception("channel failed", platform=card.place.platform, alert=card.alert_id)
        return Shown(reference, ChannelUnsure(type(error).__name__))


async def _find(channel: CardChannel, address: str, alert: str) -> str:
    """The reference of a card that is there already; "" where there is none, or we may not look."""
    try:
        return await channel.find(address, alert) or ""
    except ChannelRefused:
        return ""
