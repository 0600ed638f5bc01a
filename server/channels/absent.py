"""A chat platform, or e-mail, that is turned off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from server.model.card import Card
from server.ports import ChannelRefused

__all__ = ["Absent"]


_NEEDS: Final = {"slack": "SLACK_BOT_TOKEN", "telegram": "TELEGRAM_TOKEN", "email": "SMTP_URL"}


class Absent:
    """Stands where a bot would: takes no requests and shows no cards, and says so."""

    state = "off"

    def __init__(self, platform: str) -> None:
        self.platform = platform
        self._refusal = f"{platform}: RELANCE_{_NEEDS[platform]} is not set"

    async def start(self) -> None:
        """Nothing to begin."""

    async def stop(self) -> None:
        """Nothing to end."""

    async def dispatch(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Answer 404: nobody is here."""
        return 404, {"content-type": "text/plain; charset=utf-8"}, b""

    async def post(self, address: str, card: Card, *, repeated: bool = False) -> str:
        """Refuse a card."""
        raise ChannelRefused(self._refusal)

    async def edit(self, address: str, reference: str, card: Card) -> None:
        """Refuse a change."""
        raise ChannelRefused(self._refusal)

    async def find(self, address: str, alert: str) -> str | None:
        """Refuse to look."""
        raise ChannelRefused(self._refusal)
