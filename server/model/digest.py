"""A digest's card: what was ranked at one occurrence, or how many cards an hour held back, until it is delivered."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from rules.contact import Millis

__all__ = ["MARK", "DigestCard", "DigestKind", "Ranked"]

MARK: Final = "~"  # the first letter of a digest's card id, by which it is told from an alert's

DigestKind: TypeAlias = Literal["ranked", "held"]


class Ranked(msgspec.Struct, array_like=True, frozen=True):
    """A contact in its place: the number that it was ranked by."""

    contact: str
    value: float


class DigestCard(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """`id` follows from what it tells, so that two workers make the same. `digest` is the statement's name.

    `ranked`: `rows` are the best, of `count` in all. `held`: what `place` did not show in the hour from `since` on.
    """

    id: str
    kind: DigestKind
    digest: str = ""
    team: str = ""
    text: str = ""
    rows: tuple[Ranked, ...] = ()
    count: int = 0
    version: int = 0
    created: Millis = 0
    since: Millis = 0
    place: str = ""
