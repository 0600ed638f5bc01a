"""What an expression reads: names, attributes, properties, and what it asks of the contact's history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from rules.contact import Millis

__all__ = ["ANY", "FunctionUse", "Reads", "ReadsBuilder"]

ANY = "*"
"""In `attributes` and `event_properties`: which one is known only when evaluated."""


class FunctionUse(msgspec.Struct, frozen=True):
    """One question to the history. `window_ms` None: ever. `value` is the JSON value of `count`'s fourth argument."""

    function: Literal["count", "total", "first", "last"]
    event: str
    window_ms: Millis | None = None
    property: str | None = None
    value: Any = None
    has_value: bool = False


class Reads(msgspec.Struct, frozen=True, kw_only=True):
    """All that an expression depends on, without duplicates, in the order of the text.

    `names` are the names of facts. `attributes` are those of `contact`, `event_properties` and `entry_properties`
    those of the event and the entry. A built-in function's question to the history is in `functions`; `received`,
    `opened` and `clicked` are there as the counts that they are, and in `messages`.
    """

    names: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    event_properties: tuple[str, ...] = ()
    entry_properties: tuple[str, ...] = ()
    entry: bool = False
    uses_event: bool = False
    uses_now: bool = False
    functions: tuple[FunctionUse, ...] = ()
    segments: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    reads_score: bool = False

    @property
    def events(self) -> tuple[str, ...]:
        """Names of the events whose number or time it depends on."""
        return tuple(dict.fromkeys(use.event for use in self.functions))


class ReadsBuilder:
    """Collects what is read while an expression is compiled."""

    def __init__(self) -> None:
        self._found: dict[str, dict[Any, None]] = {}

    def add(self, field: str, values: Iterable[Any]) -> None:
        kept = self._found.setdefault(field, {})
        for value in values:
            kept[value] = None

    def build(self) -> Reads:
        found = {field: tuple(values) for field, values in self._found.items()}
        names = found.get("names", ())
        attributes = found.get("attributes", ())
        return Reads(
            **found,
            entry="entry" in names,
            uses_event="event" in names,
            uses_now="now" in names,
            reads_score="score" in attributes or ANY in attributes,
        )
