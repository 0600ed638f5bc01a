"""An alert as it is shown in a chat: neutral, already masked, ready for a renderer."""

from __future__ import annotations

import msgspec

from rules.contact import AlertStatus, Millis

__all__ = ["Card", "CardReason"]


class CardReason(msgspec.Struct, frozen=True):
    """A part of the score: the rule's name, its points, how many hits (0 for a `while` rule)."""

    rule: str
    points: float
    hits: int = 0


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What a card says. `who` is a display name made of attributes `shown in alerts`, else a masked identity."""

    alert: str
    contact: str
    who: str
    text: str
    trigger: str
    version: int
    team: str
    score: float
    reasons: tuple[CardReason, ...] = ()
    status: AlertStatus = "open"
    owner: str = ""
    count: int = 1
    created: Millis = 0
    last_seen: Millis = 0
    revision: int = 1
    outcome: str = ""
