"""A suppression: an address to which no message goes, and why."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from rules.contact import Millis

__all__ = ["SUPPRESSION_REASONS", "Suppression", "SuppressionReason"]

SuppressionReason: TypeAlias = Literal["hard bounce", "soft bounces", "complaint", "by hand"]
SUPPRESSION_REASONS: tuple[SuppressionReason, ...] = ("hard bounce", "soft bounces", "complaint", "by hand")


class Suppression(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """Why no message goes to an address. The address itself is not kept: it is known by its keyed hash alone.

    `contact` is whose address it was at that moment, "" where nobody's; `by` the user who added it by hand.
    """

    channel: str
    reason: SuppressionReason
    since: Millis
    contact: str = ""
    by: str = ""
