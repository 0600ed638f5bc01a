"""How fast a source may send: a token bucket a source, shared by all servers, exact under concurrency."""

from __future__ import annotations

import asyncio

from rules.contact import Millis
from server.errors import RelanceError
from server.ports import Clock
from server.store.buckets import Buckets

__all__ = ["Rates", "TooFast"]

_LEASE = 50  # a server takes up to a fiftieth of a second's tokens at once, and keeps them a second at most
_KEEP: Millis = 1000


class TooFast(RelanceError):
    """A source sends more than its rate; `retry_after` is in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("this source sends more events than its rate allows; slow down", code="too_fast")
        self.retry_after = retry_after


class _Purse:
    """The tokens that this server holds of one source, and until when it knows that there are none."""

    def __init__(self) -> None:
        self.tokens = 0
        self.until: Millis = 0
        self.lock = asyncio.Lock()


class Rates:
    """Spends tokens; most calls are met by those taken before, without asking Redis."""

    def __init__(self, buckets: Buckets, clock: Clock) -> None:
        self._buckets = buckets
        self._clock = clock
        self._purses: dict[str, _Purse] = {}

    async def spend(self, source: str, events: int, rate: int) -> None:
        """Spend a token an event; `rate` is events a second, of which as many may come at once; 0 is any.

        Raises `TooFast`, or `Unavailable` where Redis cannot be asked.
        """
        if not rate:
            return
        purse = self._purses.get(source)
        if purse is None:
            purse = self._purses[source] = _Purse()
        if self._clock.now() < purse.until and purse.tokens >= events:
            purse.tokens -= events
            return
        async with purse.lock:
            now = self._clock.now()
            if now >= purse.until:
                purse.tokens = 0
            if purse.tokens < events:
                missing = events - purse.tokens
                taken, wait = await self._buckets.take(
                    source, need=missing, ask=missing + rate // _LEASE, rate=rate, burst=rate, now=now
                )
                if not taken:
                    raise TooFast(wait / 1000)
                purse.tokens += taken
                purse.until = now + _KEEP
            purse.tokens -= events
