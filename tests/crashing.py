"""A Redis client that dies at a chosen round trip, as the process around it would: before it is sent, or after it
took effect and its answer was lost."""

from __future__ import annotations

from typing import Any

from redis.asyncio import ConnectionPool, Redis, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError

__all__ = ["Crash", "Fuse", "crashing_redis"]


class Crash(RedisConnectionError):
    """The process is dead from here on."""


class Fuse:
    """Lets `budget` round trips pass; the next one kills. `answered`: it takes effect first. Dead, it stays dead."""

    def __init__(self, *, answered: bool) -> None:
        self.budget = 1_000_000
        self.answered = answered
        self.dead = False

    def spend(self) -> bool:
        """Whether this round trip is the deadly one."""
        if self.dead:
            raise Crash("dead")
        self.budget -= 1
        self.dead = self.budget < 0
        return self.dead


def crashing_redis(url: str, fuse: Fuse) -> Redis:
    """A client whose connections all burn by one fuse."""

    class CrashingConnection(UnixDomainSocketConnection):
        async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            deadly = fuse.spend()
            if deadly and not fuse.answered:
                raise Crash("killed before the command")
            await super().send_packed_command(command, check_health)
            if deadly:
                await self.read_response()
                raise Crash("killed before the answer")

    pool = ConnectionPool.from_url(url)
    pool.connection_class = CrashingConnection
    return Redis.from_pool(pool)
