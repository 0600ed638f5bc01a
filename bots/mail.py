"""Alert cards by e-mail: one mail a card, with the words that claim it in a chat; a mail stays as it was sent."""

from __future__ import annotations

import re
from typing import Protocol

from msgspec.structs import replace

from bots.cards import card_reply
from bots.terminal.render import render
from server.i18n import translator
from server.model.card import Card

__all__ = ["MailCards"]


class Writer(Protocol):
    """Sends a mail to a team: `server.channels.team_mail.TeamMail`."""

    async def write(self, to: str, subject: str, text: str, name: str) -> str: ...


class MailCards:
    """Implements `ports.CardChannel` over e-mail; the address of a place is an e-mail address."""

    platform = "email"

    def __init__(self, writer: Writer, language: str) -> None:
        self._writer = writer
        self._language = language

    async def post(self, address: str, card: Card, *, repeated: bool = False) -> str:
        """Send the mail of a new card. A second copy has the same Message-ID, and says that it is one."""
        t = translator(self._language)
        reply = card_reply(card, t, repeated=repeated)
        lines = [render(replace(reply, buttons=()))]
        if card.kind in ("alert", "task"):
            lines.append(t("To take it, write to Relance in your chat: {command}", command=f"claim {card.alert}"))
        subject = card.text if card.text and card.kind in ("alert", "task") else reply.title
        name = re.sub(r"[^A-Za-z0-9.-]", "-", f"card.{card.alert}.{card.created}")
        return await self._writer.write(address, subject, "\n\n".join(lines), name)

    async def edit(self, address: str, reference: str, card: Card) -> None:
        """Nothing: a mail that was sent stays as it is, and a claim sends no other."""

    async def find(self, address: str, alert: str) -> str | None:
        """None: nobody can look into a mailbox."""
        return None
