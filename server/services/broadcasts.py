"""Broadcasts: events about no contact, told to every partition, for the rules that wait for them (`on broadcast`)."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog

from rules.actions import Occasion, OnFeed
from rules.entry import Broadcast
from rules.rulebook import Rulebook
from server.model.actor import Actor
from server.ports import Clock
from server.services.access import require
from server.services.calls import Arrival, moment_of, read_broadcast
from server.store.feeds import Feeds, FeedState
from server.store.store import Store

__all__ = ["Broadcasts", "Sent", "feed_urls"]

log = structlog.get_logger(__name__)


def feed_urls(book: Rulebook) -> list[str]:
    """The addresses of feeds that rules wait on."""
    occasions: list[Occasion] = [rule.occasion for rule in book.triggers.values()]
    occasions += [rule.occasion for rule in book.scenarios.values()]
    return list(dict.fromkeys(occasion.url for occasion in occasions if isinstance(occasion, OnFeed)))


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

    async def feeds(self, book: Rulebook) -> list[FeedState]:
        """The feeds of a rulebook, as they were last read. Raises `Unavailable`."""
        return list((await Feeds(self._store.redis, self._store.seal).states(feed_urls(book))).values())

    async def tell(self, broadcast: Broadcast) -> Sent:
        """Store a broadcast. Raises `Unavailable`."""
        await self._store.log.append_everywhere(broadcast)
        log.info("broadcast taken", feed=bool(broadcast.feed))
        return Sent(broadcast.id)
