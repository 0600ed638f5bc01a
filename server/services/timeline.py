"""What happened to a contact, as one list: events, consents, points by hand, lists and segments entered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from rules.contact import Contact, Event, Millis
from server.model.consent import ConsentRecord
from server.services.views import bad_cursor, moment

__all__ = ["TimelineEntry", "TimelinePage", "page_of", "timeline_of"]


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. `kind` is "event", "consent", "points", "list" or "segment"."""

    time: datetime
    kind: str
    name: str
    properties: dict[str, Any]


class TimelinePage(msgspec.Struct, frozen=True):
    """Some of it, newest first, and the cursor of the next page (None: there is none)."""

    entries: list[TimelineEntry]
    next: str | None


def timeline_of(
    contact: Contact, events: Sequence[Event], ledger: Sequence[ConsentRecord]
) -> list[tuple[Millis, TimelineEntry]]:
    """Everything, newest first; of one millisecond what came last is first."""
    found = [_entry(event.time, "event", event.name, event.properties) for event in events]
    for record in ledger:
        told = {"action": record.action, "status": record.status, "source": record.source}
        found.append(_entry(record.time, "consent", record.purpose, told))
    for points in contact.adjustments:
        given = {"points": points.tenths / 10, "by": points.by, "reason": points.reason}
        found.append(_entry(points.time, "points", points.reason or points.by, given))
    for name, since in contact.lists.items():
        found.append(_entry(since, "list", name, {}))
    for name, membership in contact.segments.items():
        found.append(_entry(membership.entered, "segment", name, {"version": membership.version}))
    found.reverse()
    return sorted(found, key=lambda each: -each[0])


def page_of(timeline: Sequence[tuple[Millis, TimelineEntry]], cursor: str | None, limit: int) -> TimelinePage:
    """A page of it. A cursor is the time of the last entry given and how many of that time are still to be given.

    So pages stay in step while newer entries come in.
    """
    start = 0
    if cursor is not None:
        time, left = _place(cursor)
        older = next((at for at, (when, _) in enumerate(timeline) if when < time), len(timeline))
        start = max(older - left, 0)
    some = timeline[start : start + limit]
    if start + limit >= len(timeline) or not some:
        return TimelinePage([entry for _, entry in some], None)
    last = some[-1][0]
    left = sum(1 for when, _ in timeline[start + limit :] if when == last)
    return TimelinePage([entry for _, entry in some], f"{last}.{left}")


def _place(cursor: str) -> tuple[Millis, int]:
    time, _, left = cursor.partition(".")
    try:
        return int(time), int(left)
    except ValueError:
        raise bad_cursor() from None


def _entry(time: Millis, kind: str, name: str, properties: dict[str, Any]) -> tuple[Millis, TimelineEntry]:
    return time, TimelineEntry(time=moment(time), kind=kind, name=name, properties=properties)
