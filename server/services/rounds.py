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
    hands: set[asyncio.Task[Moments]] = set()
    ringing = _ringing(bell)
    moments: Moments = {}
    stop = clock.now() + BUSY_FOR
    more = True
    failure: BaseException | None = None
    try:
        while more or hands:
            if more and len(hands) < at_once:
                now, room = clock.now(), at_once - len(hands)
                try:
                    taken, following, more = await take(room)
                except Exception as error:
                    taken, following, more, failure = (), 0, False, error
                hands |= {asyncio.ensure_future(handle(one)) for one in taken}
                if now < following <= now + SOON:  # also where the engine's clock is ahead of this one
                    earliest(moments, {partition: following})
            if hands:
                await asyncio.wait({*hands, *ringing}, return_when=asyncio.FIRST_COMPLETED)
                done = {hand for hand in hands if hand.done()}
                hands -= done
                for task in done:
                    failure = task.exception() or failure
                    if task.exception() is None:
                        earliest(moments, task.result())
            now = clock.now()
            if failure is not None:
                more = False
                while ringing:  # who looks next hears the bell
                    ringing.pop().cancel()
                continue
            if bell is not None and bell.is_set():
                bell.clear()
                more, ringing = True, _ringing(bell)
            if now > stop:
                if more:
                    earliest(moments, {partition: now})
                more = False
            elif moments.get(partition, now + 1) <= now:
                del moments[partition]
                more = True
    finally:
        under_way: set[asyncio.Task[Any]] = {*hands, *ringing}
        for each in under_way:
            each.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
    if failure is not None:
        raise failure
    return moments


def _ringing(bell: asyncio.Event | None) -> set[asyncio.Task[Any]]:
    return set() if bell is None else {asyncio.create_task(bell.wait())}


def earliest(moments: Moments, others: Moments) -> None:
    """Take in what others found; of two moments the earlier one counts."""
    for partition, moment in others.items():
        moments[partition] = min(moment, moments.get(partition, moment))
