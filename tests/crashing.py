"""A Redis client that dies at a chosen command, as the process around it would: before it is sent, or after it took
effect and its answer was lost."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError

__all__ = ["Crash", "CrashingRedis"]


class Crash(RedisConnectionError):
    """The process is dead from here on."""


class CrashingRedis(Redis):
    """Lets `budget` commands pass; the next one kills. `answered`: it takes effect first. Dead, it stays dead."""

    budget: int = 1_000_000
    answered: bool = False
    dead: bool = False

    def _spend(self) -> bool:
        """Whether this command is the deadly one."""
        if self.dead:
            raise Crash("dead")
        self.budget -= 1
        self.dead = self.budget < 0
        return self.dead

    async def execute_command(self, *words: Any, **options: Any) -> Any:
        deadly = self._spend()
        if deadly and not self.answered:
            raise Crash("killed before the command")
        answer = await super().execute_command(*words, **options)
        if deadly:
            raise Crash("killed before the answer")
        return answer

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        return _CrashingPipeline(self, transaction, shard_hint)


class _CrashingPipeline(Pipeline):
    def __init__(self, client: CrashingRedis, transaction: bool, shard_hint: str | None) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, transaction, shard_hint)
        self._client = client

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        deadly = self._client._spend()
        if deadly and not self._client.answered:
            raise Crash("killed before the command")
        answers = await super().execute(raise_on_error)
        if deadly:
            raise Crash("killed before the answer")
        return answers
