"""An occurrence: the coming about, for many contacts at once, of what a dated, broadcast or feed rule waits for."""

from __future__ import annotations

from typing import Literal

import msgspec

from rules.contact import Event

__all__ = ["Occurrence"]


class Occurrence(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """`rules` are names of the triggers or scenarios (`statement`) concerned; each takes an occurrence's `id` once.

    `event` is the broadcast or the feed's entry; for dated rules its name is the rule's and its time the moment.
    """

    id: str
    statement: Literal["scenario", "trigger"]
    rules: tuple[str, ...]
    event: Event
    dated: bool = False  # `event` is then no event: expressions see its name and time as `entry`
