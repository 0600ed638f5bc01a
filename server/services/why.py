"""Why a contact has its score, and why a rule is or is not true of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from rules.contact import Contact, Event, Millis
from rules.explain import RuleWhy, ScoreLine, explain_rule, explain_score
from rules.rulebook import Rulebook
from rules.score import score_at
from server.errors import NotFound
from server.services.views import moment

__all__ = ["AdjustmentView", "Why", "why_of"]


class AdjustmentView(msgspec.Struct, frozen=True, kw_only=True):
    """Points given or taken by hand or by an action."""

    time: datetime
    points: float
    by: str
    reason: str


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """The score as it is now, its lines, the adjustments; `rule` where one was asked for."""

    score: float
    lines: list[ScoreLine]
    adjustments: list[AdjustmentView]
    rule: RuleWhy | None = None


def why_of(
    contact: Contact, past: Sequence[Event], book: Rulebook, now: Millis, timezone: str, rule: str | None = None
) -> Why:
    """Explain a contact's score, and a rule by its name; raises `NotFound` for an unknown rule."""
    explained = None
    if rule is not None:
        explained = explain_rule(contact, past, book, rule, now)
        if explained is None:
            raise NotFound("the rulebook has no score, segment or trigger of this name", code="no_rule", name=rule)
    return Why(
        score=score_at(contact, book, now, timezone) / 10,
        lines=explain_score(contact, past, book, now, timezone),
        adjustments=[
            AdjustmentView(
                time=moment(each.time),
                points=each.tenths / 10,
                by=each.by,
                reason=each.reason,
            )
            for each in contact.adjustments
        ],
        rule=explained,
    )
