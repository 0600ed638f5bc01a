"""Whether everything runs, and how much waits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Protocol

import msgspec

from server.errors import Unavailable
from server.ports import Clock
from server.store.figures import Figures, Recompute, figures, load_bots, save_bots
from server.store.store import Store

__all__ = ["HasState", "Snapshot", "Status"]

_EVERY = 5.0  # seconds between two words about the bots
_SOON = 0.2  # while one of them still signs in


class HasState(Protocol):
    """A bot that says how it is: "ok", "off", or why it does not work."""

    @property
    def state(self) -> str: ...


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The service at one moment. `figures` is None where Redis does not answer.

    `ready`: Redis answers, and engines hold all partitions. `lag` is the number of entries that wait.
    """

    ready: bool
    figures: Figures | None
    bots: dict[str, str]

    @property
    def lag(self) -> int:
        return self.figures.waiting if self.figures else 0

    @property
    def recompute(self) -> Recompute | None:
        """How far a recompute is; None where none is under way."""
        return self.figures.recompute if self.figures else None


class Status:
    """Tells the state of the service; `bots` are those of this process, by platform."""

    def __init__(self, store: Store, clock: Clock, bots: Mapping[str, HasState] | None = None) -> None:
        self._store = store
        self._clock = clock
        self._bots = bots

    async def snapshot(self) -> Snapshot:
        """The state now; never raises."""
        own = {platform: bot.state for platform, bot in (self._bots or {}).items()}
        try:
            seen = await figures(self._store.redis, self._store.partitions, self._clock.now())
            told = own or await load_bots(self._store.redis)
        except Unavailable:
            return Snapshot(ready=False, figures=None, bots=own)
        return Snapshot(ready=seen.held == seen.partitions, figures=seen, bots=told)

    async def keep_telling(self) -> None:
        """Let other processes know how this one's bots are, until cancelled."""
        while True:
            states = {platform: bot.state for platform, bot in (self._bots or {}).items()}
            with contextlib.suppress(Unavailable):
                await save_bots(self._store.redis, states)
            await asyncio.sleep(_SOON if "starting" in states.values() else _EVERY)
