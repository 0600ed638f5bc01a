"""An alert as it is shown in a chat: neutral, already masked, ready for a renderer."""

from __future__ import annotations

from typing import Literal

import msgspec

from rules.contact import AlertStatus, Millis

__all__ = ["Card", "CardReason", "CardRow"]


class CardReason(msgspec.Struct, frozen=True):
    """A part of the score: the rule's name, its points, how many hits (0 for a `while` rule), and for what: the event,
    or what is true of the contact. `about` tells that by labels of attributes and their values, "" where one speaks for
    itself or is hidden; then `words` is the text of the condition.
    """

    rule: str
    points: float
    hits: int = 0
    words: str = ""
    about: tuple[tuple[str, str], ...] = ()


class CardRow(msgspec.Struct, frozen=True):
    """One of the contacts that a digest ranks: who, by what number."""

    contact: str
    who: str
    value: float


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What a card says. `who` is a display name made of attributes `shown in alerts`, else a masked identity.

    `gained`: points of the last 24 hours. `there`: the contact's own time and zone when this was written, "" where
    that is not known; other moments are shown in `timezone`. `also` are teams that were told later; `otherwise` is told
    unless somebody has it by `claim_by`. A `digest` shows `rows`, the first of `count`; `held` says that `count` cards
    were held back in the hours of its text.
    """

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
    kind: Literal["alert", "task", "digest", "held"] = "alert"
    company: str = ""
    gained: float = 0
    there: str = ""
    timezone: str = "UTC"
    also: tuple[str, ...] = ()
    due: Millis = 0
    until: Millis = 0
    rows: tuple[CardRow, ...] = ()
    claim_by: Millis = 0
    otherwise: str = ""
