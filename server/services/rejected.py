"""Rejected events: seeing them with their reasons, and taking them after all."""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from server.errors import FieldError, NotFound
from server.model.actor import Actor
from server.services.access import require
from server.services.ingest import Ingest
from server.services.strict import Item, decode_object
from server.services.views import bad_cursor, moment
from server.store.rejected import Rejected as Kept
from server.store.rejected import RejectedEvent
from server.store.store import Store

__all__ = ["Rejected", "RejectedPage", "RejectedView"]

_ID = re.compile(r"\d{1,20}-\d{1,20}")


class RejectedView(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was not taken: its text, from which source, when, and why not."""

    id: str
    source: str
    received: datetime
    errors: list[FieldError]
    text: str


class RejectedPage(msgspec.Struct, frozen=True):
    """Some of them, newest first, and the cursor of the next page (None: there is none)."""

    rejected: list[RejectedView]
    next: str | None


class Rejected:
    """Lists and replays what ingest did not take."""

    def __init__(self, store: Store, ingest: Ingest) -> None:
        self._kept = Kept(store.redis, store.seal)
        self._ingest = ingest

    async def listing(self, actor: Actor, cursor: str | None = None, limit: int = 50) -> RejectedPage:
        """Some of them. Raises `Forbidden`, `Invalid` for a bad cursor."""
        require(actor, "read", "marketer")
        if cursor is not None and not _ID.fullmatch(cursor):
            raise bad_cursor()
        found, following = await self._kept.page(cursor, limit)
        return RejectedPage([_view(event_id, event) for event_id, event in found], following)

    async def replay(self, actor: Actor, event_id: str, corrected: bytes = b"") -> None:
        """Take an event after all, as it came or as corrected; it is then kept no longer.

        Raises `Forbidden`, `NotFound`, `Invalid` where it is still wrong. Twice is once.
        """
        require(actor, "write", "marketer")
        event = await self._kept.get(event_id) if _ID.fullmatch(event_id) else None
        if event is None:
            raise NotFound("there is no such rejected event; it may have been replayed", code="no_rejected")
        raw = corrected or event.raw
        await self._ingest.again(event, Item(raw, decode_object(raw)), f"rejected-{event_id}")
        await self._kept.drop(event_id)


def _view(event_id: str, event: RejectedEvent) -> RejectedView:
    return RejectedView(
        id=event_id,
        source=event.source,
        received=moment(event.received),
        errors=event.errors,
        text=event.raw.decode(errors="replace"),
    )
