"""Requests that arrive together share one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["Coalescer"]

Item = TypeVar("Item")
Result = TypeVar("Result")


class Coalescer(Generic[Item, Result]):
    """Gathers the items of concurrent callers and hands them to `work` in one call, in order of arrival.

    While a call is under way, what arrives waits for the next one: batches grow with the load and an idle
    process waits for nothing. At most `parallel` calls are under way, each of at most `limit` items.
    """

    def __init__(
        self, work: Callable[[list[Item]], Awaitable[Sequence[Result]]], *, limit: int = 1000, parallel: int = 1
    ) -> None:
        self._work = work
        self._limit = limit
        self._parallel = parallel
        self._waiting: list[tuple[Sequence[Item], asyncio.Future[Sequence[Result]]]] = []
        self._active = 0
        self._running: set[asyncio.Task[None]] = set()

    async def __call__(self, items: Sequence[Item]) -> Sequence[Result]:
        """The results of these items, in their order; raises what `work` raised."""
        future: asyncio.Future[Sequence[Result]] = asyncio.get_running_loop().create_future()
        self._waiting.append((items, future))
        if self._active < self._parallel:
            self._active += 1
            task = asyncio.create_task(self._drain())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return await future

    async def _drain(self) -> None:
        """Work until nothing waits. It counts as active until the very moment at which it has seen that nothing waits:
        whoever comes after starts another."""
        try:
            await self._drain_waiting()
        finally:
            self._active -= 1

    async def _drain_waiting(self) -> None:
        while self._waiting:
            taken: list[tuple[Sequence[Item], asyncio.Future[Sequence[Result]]]] = []
            batch: list[Item] = []
            while self._waiting and (not batch or len(batch) + len(self._waiting[0][0]) <= self._limit):
                taken.append(self._waiting.pop(0))
                batch.extend(taken[-1][0])
            try:
                results = await self._work(batch)
            except asyncio.CancelledError:
                for _, future in taken:
                    future.cancel()
                raise
            except Exception as error:
                for _, future in taken:
                    if not future.done():
                        future.set_exception(error)
                continue
            start = 0
            for items, future in taken:
                if not future.done():
                    future.set_result(results[start : start + len(items)])
                start += len(items)
