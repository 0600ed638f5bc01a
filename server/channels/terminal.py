"""The terminal chat as a channel for cards: each change of a card is one more notice on the feed."""

from __future__ import annotations

from typing import Protocol

from server.errors import Unavailable
from server.model.card import Card
from server.ports import ChannelDown, ChannelUnsure

__all__ = ["Feed", "TerminalChannel"]


class Feed(Protocol):
    """Where notices go: `store.terminal.TerminalFeed`."""

    async def show(self, card: Card, *, edited: bool = False, repeated: bool = False) -> str: ...

    async def holds(self, alert: str) -> bool: ...


class TerminalChannel:
    """Implements `ports.CardChannel`. There is one feed, whatever the address; a card's reference is its alert's id."""

    platform = "terminal"

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def post(self, address: str, card: Card, *, repeated: bool = False) -> str:
        """Show a card that is new."""
        try:
            await self._feed.show(card, repeated=repeated)
        except Unavailable:
            raise ChannelUnsure("the store's answer was lost") from None
        return card.alert

    async def edit(self, address: str, reference: str, card: Card) -> None:
        """Show what became of a card."""
        try:
            await self._feed.show(card, edited=True)
        except Unavailable:
            raise ChannelUnsure("the store's answer was lost") from None

    async def find(self, address: str, alert: str) -> str | None:
        """Whether the card has been shown."""
        try:
            return alert if await self._feed.holds(alert) else None
        except Unavailable:
            raise ChannelDown("the store does not answer") from None
