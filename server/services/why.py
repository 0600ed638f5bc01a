"""Why a contact has its score, and why a rule is or is not true of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from rules.contact import Contact, Event, Millis
from rules.explain import ScoreLine, explain_score
from rules.rulebook import Rulebook
from rules.score import score_at
from rules.verdict import Kind, Part, RuleWhy, explain_rule
from server.errors import NotFound
from server.services.views import moment

__all__ = ["AdjustmentView", "RuleView", "Why", "rule_why", "why_of"]


class AdjustmentView(msgspec.Struct, frozen=True, kw_only=True):
    """Points given or taken by hand or by an action."""

    time: datetime
    points: float
    by: str
    reason: str


class RuleView(msgspec.Struct, frozen=True, kw_only=True):
    """Why a rule is, or is not, true of a contact: as `rules.verdict.RuleWhy`, with its moments as times."""

    rule: str
    kind: Kind
    true: bool
    reason: str
    text: str
    parts: tuple[Part, ...]
    failed: int | None
    culprit: str
    hits: int
    at: datetime | None
    since: datetime | None
    entry: str
    version: int


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """The score as it is now, its lines, the adjustments; `rule` where one was asked for."""

    score: float
    lines: list[ScoreLine]
    adjustments: list[AdjustmentView]
    rule: RuleView | None = None


def rule_why(contact: Contact, past: Sequence[Event], book: Rulebook, now: Millis, timezone: str, rule: str) -> RuleWhy:
    """Explain a rule by its name; raises `NotFound` for an unknown one."""
    explained = explain_rule(contact, past, book, rule, now, timezone=timezone)
    if explained is None:
        raise NotFound("the rulebook has no score, segment or trigger of this name", code="no_rule", name=rule)
    return explained


def why_of(
    contact: Contact, past: Sequence[Event], book: Rulebook, now: Millis, timezone: str, rule: str | None = None
) -> Why:
    """Explain a contact's score, and a rule by its name; raises `NotFound` for an unknown rule."""
    explained = None if rule is None else _view(rule_why(contact, past, book, now, timezone, rule))
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


def _view(found: RuleWhy) -> RuleView:
    return RuleView(
        rule=found.rule,
        kind=found.kind,
        true=found.true,
        reason=found.reason,
        text=found.text,
        parts=found.parts,
        failed=found.failed,
        culprit=found.culprit,
        hits=found.hits,
        at=None if found.at is None else moment(found.at),
        since=None if found.since is None else moment(found.since),
        entry=found.entry,
        version=found.version,
    )
