"""What services and engine need from outside, as small interfaces."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from rules.contact import Millis

if TYPE_CHECKING:
    from server.model.card import Card
    from server.model.outgoing import Outbound

__all__ = ["Bell", "CardChannel", "ChannelBusy", "ChannelDown", "ChannelError", "ChannelRefused", "ChannelUnsure"]
__all__ += ["Clock", "MessageChannel", "SystemClock"]


class Clock(Protocol):
    """Tells the time, in milliseconds since 1970-01-01T00:00:00Z."""

    def now(self) -> Millis: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000


class Bell(Protocol):
    """Wakes the couriers of some partitions' outboxes."""

    async def ring(self, partitions: Iterable[int]) -> None: ...


class ChannelError(Exception):
    """A message could not be handed to a channel. `reason` is free of personal data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ChannelRefused(ChannelError):
    """The channel will never take this (no such channel, the bot was removed): do not try again.

    `suppress`: the address itself is dead, and no further message goes there.
    """

    def __init__(self, reason: str, *, suppress: bool = False) -> None:
        super().__init__(reason)
        self.suppress = suppress


class ChannelBusy(ChannelError):
    """The channel asks to come back after `retry_after` seconds; nothing was sent."""

    def __init__(self, reason: str, retry_after: float) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ChannelDown(ChannelError):
    """The channel could not be reached; nothing was sent: try again."""


class ChannelUnsure(ChannelError):
    """The answer was lost: the message may have been sent."""


class CardChannel(Protocol):
    """Shows alert cards in a chat: one message a card and place, edited in place."""

    platform: str

    async def post(self, address: str, card: Card, *, repeated: bool = False) -> str:
        """Post a card; return a reference by which it can be edited. `repeated` marks it as possibly a second copy."""

    async def edit(self, address: str, reference: str, card: Card) -> None:
        """Bring a posted card up to date; an unchanged message is no error."""

    async def find(self, address: str, alert: str) -> str | None:
        """Look for a card that may have been posted; None where there is none or the platform cannot look."""


class MessageChannel(Protocol):
    """Hands messages to contacts: e-mail, SMS, push, webhook, the site's inbox, a print file."""

    channel: str

    def address(self, outbound: Outbound) -> str:
        """Where the contact is reached, from `outbound.contact`; "" where it has no address, or none that is valid."""

    async def send(self, outbound: Outbound) -> str:
        """Hand one message over; return the channel's reference to it.

        Raises `ChannelRefused` (never try again; with `suppress` set where the address is dead), `ChannelBusy`,
        `ChannelDown` (nothing was sent: try again), `ChannelUnsure` (it may have been sent: do not try again).
        """
