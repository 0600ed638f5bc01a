"""Broadcasts: events about no contact, told to every partition, for the rules that wait for them (`on broadcast`)."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog

from rules.entry import Broadcast
from server.model.actor import Actor
from server.ports import Clock
from server.services.access import require
from server.services.calls import Arrival, moment_of, read_broadcast
from server.store.store import Store

__all__ = ["Broadcasts", "Sent"]

log = structlog.get_logger(__name__)


class Sent(msgspec.Struct, frozen=True):
    """A broadcast that is stored, by its id; the same id has no effect for seven days."""

    id: str
    success: bool = True


class Broadcasts:
    """Takes broadcasts. What returns without an error is stored; contacts take it in their turn, behind live events."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def send(self, actor: Actor, call: dict[str, Any]) -> Sent:
        """Tell everybody of an event: `event`, `properties`, `timestamp` and `messageId` as in a `track` call.

        Raises `Forbidden`, `Invalid`, `Unavailable`: then it may be sent again under the same `messageId`.
        """
        require(actor, "write", "marketer")
        arrival = Arrival(received=self._clock.now(), source=actor.name or actor.id, sent=moment_of(call, "sentAt"))
        return await self.tell(read_broadcast(call, arrival))

    async def tell(self, broadcast: Broadcast) -> Sent:
        """Store a broadcast. Raises `Unavailable`."""
        await self._store.log.append_everywhere(broadcast)
        log.info("broadcast taken", feed=bool(broadcast.feed))
        return Sent(broadcast.id)
