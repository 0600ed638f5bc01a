"""Alert cards by e-mail: one mail a card, with the words that claim it in a chat; a mail stays as it was sent."""

from __future__ import annotations

import asyncio
import re
from typing import Final, Protocol

from msgspec.structs import replace

from bots.cards import card_reply
from bots.terminal.render import render
from server.i18n import translator
from server.model.card import Card
from server.ports import ChannelBusy

__all__ = ["MailCards"]


_LOOK_AGAIN: Final = 5.0  # seconds


class Writer(Protocol):
    """Sends a mail to a team: `server.channels.team_mail.TeamMail`."""

    async def write(self, to: str, subject: str, text: str, name: str) -> str: ...


class MailCards:
    """Implements `ports.CardChannel` over e-mail; the address of a place is an e-mail address.

    A mail server may take longer than a courier waits: the mail goes on, and is looked for before it is sent again.
    """

    platform = "email"

    def __init__(self, writer: Writer, language: str) -> None:
        self._writer = writer
        self._language = language
        self._under_way: dict[tuple[str, str], asyncio.Task[str]] = {}

    async def post(self, address: str, card: Card, *, repeated: bool = False) -> str:
        """Send the mail of a new card. A second copy has the same Message-ID, and says that it is one."""
        t = translator(self._language)
        reply = card_reply(card, t, repeated=repeated)
        lines = [render(replace(reply, buttons=()))]
        if card.kind in ("alert", "task"):
            lines.append(t("To take it, write to Relance in your chat: {command}", command=f"claim {card.alert}"))
        subject = card.text if card.text and card.kind in ("alert", "task") else reply.title
        name = re.sub(r"[^A-Za-z0-9.-]", "-", f"card.{card.alert}.{card.created}")
        key, mail = (address, card.alert), self._writer.write(address, subject, "\n\n".join(lines), name)
        task = self._under_way[key] = asyncio.create_task(mail)
        task.add_done_callback(_heard)
        try:
            return await asyncio.shield(task)
        finally:
            if task.done():  # somebody has heard how it ended
                self._under_way.pop(key, None)

    async def edit(self, address: str, reference: str, card: Card) -> None:
        """Nothing: a mail that was sent stays as it is, and a claim sends no other."""

    async def find(self, address: str, alert: str) -> str | None:
        """The mail that this process sent when nobody waited any more; nobody can look into a mailbox."""
        task = self._under_way.get((address, alert))
        if task is None:
            return None
        if not task.done():
            raise ChannelBusy("the mail is on its way", _LOOK_AGAIN)
        del self._under_way[address, alert]
        return None if task.cancelled() or task.exception() else task.result()


def _heard(task: asyncio.Task[str]) -> None:
    """An error that nobody waits for any more is no loss."""
    if not task.cancelled():
        task.exception()
