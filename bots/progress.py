"""How far something is that takes long: shown after a first while, and then now and then, until the answer is there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Self

from bots.replies import Reply
from server.ports import ChannelError

__all__ = ["Progress"]


class Progress:
    """Told as a function, entered as a context. `show` is called at most `most` times, `every` seconds."""

    def __init__(
        self, show: Callable[[Reply], Awaitable[None]], *, first: float = 2.0, every: float = 4.0, most: int = 50
    ) -> None:
        self._show = show
        self._first, self._every, self._most = first, every, most
        self._latest: Reply | None = None
        self._task: asyncio.Task[None] | None = None

    def __call__(self, reply: Reply) -> None:
        self._latest = reply

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        shown: Reply | None = None
        await asyncio.sleep(self._first)
        for _ in range(self._most):
            if self._latest is not None and self._latest != shown:
                shown = self._latest
                with contextlib.suppress(ChannelError):  # the answer matters, and it comes
                    await self._show(shown)
            await asyncio.sleep(self._every)
