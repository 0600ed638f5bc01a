"""What is known of one card in one place: whether it was sent, as what, showing which revision."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from rules.contact import Alert, Millis

__all__ = ["Delivery", "DeliveryState", "Place", "TakenCard"]

DeliveryState: TypeAlias = Literal["none", "sending", "sent", "unknown", "failed", "held"]


class Place(msgspec.Struct, frozen=True, order=True):
    """Where an alert's card is shown: a platform and an address on it ("slack", "#sales")."""

    platform: str
    address: str

    def __str__(self) -> str:
        return f"{self.platform}:{self.address}"

    @property
    def chat(self) -> str:
        """The address of the whole chat: one of Telegram may name a topic of it behind a slash, `-1001234567890/42`."""
        return self.address.partition("/")[0] if self.platform == "telegram" else self.address

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place of `platform:address`; an address may hold colons."""
        platform, _, address = text.partition(":")
        return cls(platform, address)


class Delivery(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """The state of an alert's card in one place, as it was last written down.

    `none`: not there yet. `sent`: message `reference` shows `revision`. `unknown`: a post's answer was lost, so the
    card may be there. `failed`: given up, `reason` says why; the alert's next change tries again. `sending` is never
    stored: a courier has the card at this moment. `attempts` and `since` count the tries that failed since the last
    success; nothing is tried before `not_before`; `slot` is a moment that was reserved at the platform's pace.
    `unsure`: a post's answer was lost and the card not found since, so a next one must bear the mark of a repeated one.
    `held`: nothing was posted, as the rule is muted there or the place's hour is full (`reason`); the alert's next
    change asks again, while it is open. `counted`: when the card was counted in its place's hour.
    `copies` are references of further messages that show the card, where an answer was lost once.
    """

    state: DeliveryState = "none"
    reference: str = ""
    revision: int = 0
    attempts: int = 0
    since: Millis = 0
    not_before: Millis = 0
    slot: Millis = 0
    reason: str = ""
    updated: Millis = 0
    copies: tuple[str, ...] = ()
    unsure: bool = False
    counted: Millis = 0


class TakenCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card that one courier has for itself until a moment. `died`: the courier before it never told the outcome.

    `alert` is None where the partition holds no record of it.
    """

    partition: int
    alert_id: str
    place: Place
    until: Millis
    died: bool
    delivery: Delivery
    alert: Alert | None
