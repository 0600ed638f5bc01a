"""A courier's round: it takes what is due, has some of it in hand at once, and says when something is due again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from rules.contact import Millis
from server.ports import Clock

__all__ = ["Moments", "Taken", "earliest", "work_off"]

T = TypeVar("T")

Moments: TypeAlias = dict[int, Millis]  # partition → when it must be looked at next

BUSY_FOR: Final[Millis] = 10_000  # after which a round takes no more, and says so
SOON: Final[Millis] = 5000  # what is due later than this is left to the sweep


class Taken(NamedTuple, Generic[T]):
    """What a courier has taken, when the next one is due (0: none is), and whether more may be due now."""

    cards: Sequence[T]
    following: Millis
    more: bool


async def work_off(
    clock: Clock,
    partition: int,
    take: Callable[[int], Awaitable[Taken[T]]],
    handle: Callable[[T], Awaitable[Moments]],
    *,
    at_once: int,
    bell: asyncio.Event | None = None,
) -> Moments:
    """Take and handle until nothing is due; return when something is due again, and where.

    `bell` is set by others where more may be due, also while what is in hand takes long. `take` is told how many there
    is room for. Where it, or `handle`, raises, no more is taken, and what is in hand is brought to its end first.
    """
    return await _Round(clock, partition, take, handle, at_once, bell).run()


class _Round(Generic[T]):
    """What one round has in hand, and what it has found: `more` may be due now, the rest at `moments`."""

    def __init__(
        self,
        clock: Clock,
        partition: int,
        take: Callable[[int], Awaitable[Taken[T]]],
        handle: Callable[[T], Awaitable[Moments]],
        at_once: int,
        bell: asyncio.Event | None,
    ) -> None:
        self._clock = clock
        self._partition = partition
        self._take = take
        self._handle = handle
        self._at_once = at_once
        self._bell = bell
        self._ringing: asyncio.Task[Any] | None = None
        self._hands: set[asyncio.Task[Moments]] = set()
        self._moments: Moments = {}
        self._stop = clock.now() + BUSY_FOR
        self._more = True
        self._failure: BaseException | None = None

    async def run(self) -> Moments:
        self._listen()
        try:
            while self._more or self._hands:
                if self._more and len(self._hands) < self._at_once:
                    await self._fill()
                if self._hands:
                    await self._wait()
                self._look()
        finally:
            await self._end()
        if self._failure is not None:
            raise self._failure
        return self._moments

    async def _fill(self) -> None:
        """Take as many as there is room for."""
        now = self._clock.now()
        try:
            taken, following, self._more = await self._take(self._at_once - len(self._hands))
        except Exception as error:
            self._failure = error
            return
        self._hands |= {asyncio.ensure_future(self._handle(one)) for one in taken}
        if now < following <= now + SOON:  # also where the engine's clock is ahead of this one
            earliest(self._moments, {self._partition: following})

    async def _wait(self) -> None:
        """Wait until something in hand has come to its end, or the bell rings."""
        ringing = set() if self._ringing is None else {self._ringing}
        await asyncio.wait({*self._hands, *ringing}, return_when=asyncio.FIRST_COMPLETED)
        done = {hand for hand in self._hands if hand.done()}
        self._hands -= done
        for hand in done:
            self._failure = hand.exception() or self._failure
            if hand.exception() is None:
                earliest(self._moments, hand.result())

    def _look(self) -> None:
        """Whether to take more: not after a failure, nor when the round has lasted long enough."""
        now = self._clock.now()
        if self._failure is not None:
            self._more = False
            self._ignore()  # who looks next hears the bell
            return
        if self._bell is not None and self._bell.is_set():
            self._bell.clear()
            self._more = True
            self._listen()
        if now > self._stop:
            if self._more:
                earliest(self._moments, {self._partition: now})
            self._more = False
        elif self._moments.get(self._partition, now + 1) <= now:
            del self._moments[self._partition]
            self._more = True

    def _listen(self) -> None:
        self._ringing = None if self._bell is None else asyncio.create_task(self._bell.wait())

    def _ignore(self) -> None:
        if self._ringing is not None:
            self._ringing.cancel()
            self._ringing = None

    async def _end(self) -> None:
        under_way: set[asyncio.Task[Any]] = {*self._hands, *(() if self._ringing is None else (self._ringing,))}
        for each in under_way:
            each.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


def earliest(moments: Moments, others: Moments) -> None:
    """Take in what others found; of two moments the earlier one counts."""
    for partition, moment in others.items():
        moments[partition] = min(moment, moments.get(partition, moment))
