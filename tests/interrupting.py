"""A Redis client that lets something else happen before a chosen round trip."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import ConnectionPool, Redis, UnixDomainSocketConnection

__all__ = ["Interruption", "interrupted_redis"]


class Interruption:
    """Lets `budget` round trips pass, then calls `act` once; `happened` says whether it has."""

    def __init__(self, budget: int, act: Callable[[], Awaitable[None]]) -> None:
        self.left = budget
        self._act = act
        self.happened = False

    async def before(self) -> None:
        self.left -= 1
        if self.left < 0 and not self.happened:
            self.happened = True
            await self._act()


def interrupted_redis(url: str, interruption: Interruption) -> Redis:
    """A client of whose round trips one is interrupted."""

    class InterruptedConnection(UnixDomainSocketConnection):
        async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            await interruption.before()
            await super().send_packed_command(command, check_health)

    pool = ConnectionPool.from_url(url)
    pool.connection_class = InterruptedConnection
    return Redis.from_pool(pool)
