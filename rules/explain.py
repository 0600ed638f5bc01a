"""Why a contact has its score: the sum line by line. Why a rule is true of it: see `rules.verdict`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from rules.contact import Contact, Event, Millis
from rules.moment import zone
from rules.planning import plan_of
from rules.rulebook import Rulebook
from rules.score import counted, points
from rules.verdict import Part, RuleWhy, explain_rule

__all__ = ["Part", "RuleWhy", "ScoreLine", "explain_rule", "explain_score", "gained"]


class ScoreLine(msgspec.Struct, frozen=True, kw_only=True):
    """One rule's part of a score: its points now, its hits, how many of them count, the rule's text.

    `fresh`, of a rule whose hits age, is what the counted ones would be worth had none aged.
    """

    rule: str
    points: float
    hits: int
    counted: int
    text: str
    fresh: float | msgspec.UnsetType = msgspec.UNSET


def explain_score(
    contact: Contact, past: Sequence[Event], book: Rulebook, now: Millis, timezone: str = "UTC"
) -> list[ScoreLine]:
    """The parts of a contact's score at `now`, in the order of the rulebook; the adjustments are the contact's.

    The lines and the adjustments add up to the score before it is rounded. `past` is not needed: hits are kept.
    """
    plan = plan_of(book)
    where = zone(contact.attributes.get("timezone"), timezone)
    lines = []
    for name, score in book.scores.items():
        hit = plan.hits.get(name)
        text = book.sources.get(("score", name), "")
        if hit is None:
            if name in contact.holds:
                lines.append(ScoreLine(rule=name, points=score.tenths / 10, hits=0, counted=0, text=text))
            continue
        found = len(contact.hits.get(name, ()))
        if not found:
            continue
        times = counted(contact, hit, where)
        worth = points(hit, times, now) / 10
        count = len([time for time in times if not hit.lasts or time > now - hit.lasts])
        fresh = hit.tenths * len(times) / 10 if hit.ages else msgspec.UNSET
        lines.append(ScoreLine(rule=name, points=round(worth, 3), hits=found, counted=count, text=text, fresh=fresh))
    return lines


def gained(contact: Contact, book: Rulebook, since: Millis, now: Millis, timezone: str = "UTC") -> int:
    """The tenths of a point that what happened after a moment is worth now: counted hits and adjustments."""
    plan = plan_of(book)
    where = zone(contact.attributes.get("timezone"), timezone)
    total = float(sum(each.tenths for each in contact.adjustments if each.time > since))
    for name in contact.hits:
        if (hit := plan.hits.get(name)) is not None:
            total += points(hit, [time for time in counted(contact, hit, where) if time > since], now)
    return round(total)
