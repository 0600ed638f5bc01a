"""How many messages go over a channel at once, and how fast."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from rules.contact import Millis
from server.model.outgoing import MessageDelivery
from server.ports import Clock
from server.services.clearance import Later
from server.store.pace import Limit, Pace
from server.store.store import Store

__all__ = ["HURRY", "MessagePace", "Rate"]

HURRY: Final[Millis] = 1000  # what is left of a message's time when it found no room, and is put back
_SLOT: Final[Millis] = 60_000  # a reserved moment is good for this long


class Rate(NamedTuple):
    """What a channel bears: so many messages at once from one process, and so many a second from all (0: any)."""

    at_once: int = 32
    per_second: float = 0


_ANY: Final = Rate()


class MessagePace:
    """Lets messages of each channel go at its rate."""

    def __init__(self, store: Store, clock: Clock, rates: Mapping[str, Rate]) -> None:
        self._clock = clock
        self._rates = rates
        self._pace = Pace(store.redis)
        self._free: dict[str, asyncio.Semaphore] = {}

    async def wait(self, delivery: MessageDelivery) -> None:
        """Return where the message may go now; raises `Later` with the moment that was reserved for it."""
        rate = self._rates.get(delivery.channel, _ANY)
        now = self._clock.now()
        if not rate.per_second or delivery.slot <= now <= delivery.slot + _SLOT:
            return
        limit = Limit(name=delivery.channel, interval=max(round(1000 / rate.per_second), 1), burst=rate.at_once)
        slot = await self._pace.reserve("messages", [limit], now)
        if slot > now:
            raise Later(slot, slot=slot)

    @asynccontextmanager
    async def room(self, channel: str, until: Millis) -> AsyncIterator[None]:
        """A place among the messages that this process hands to the channel at once; raises `Later` without one."""
        free = self._free.get(channel)
        if free is None:
            free = self._free[channel] = asyncio.Semaphore(self._rates.get(channel, _ANY).at_once)
        try:
            async with asyncio.timeout(max(until - self._clock.now() - HURRY, 0) / 1000):
                await free.acquire()
        except TimeoutError:
            raise Later(self._clock.now() + HURRY) from None
        try:
            yield
        finally:
            free.release()
