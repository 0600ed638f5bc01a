"""How many runs wait at each step of a scenario, and how many began and came to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from server.store import keys
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["RunCounts", "Runs"]


class RunCounts(msgspec.Struct, kw_only=True):
    """Of one scenario: how many wait at each place, and how many started, finished and were stopped, ever."""

    at: dict[tuple[int, ...], int] = msgspec.field(default_factory=dict)
    started: int = 0
    finished: int = 0
    stopped: int = 0

    @property
    def waiting(self) -> int:
        return sum(self.at.values())


class Runs:
    """Reads the counts; the engine keeps them, in the commits that move runs."""

    def __init__(self, redis: Redis, partitions: int) -> None:
        self._redis = redis
        self._partitions = partitions

    async def counts(self) -> dict[str, RunCounts]:
        """The counts of each scenario that ever had a run, by name. Raises `Unavailable`."""
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for partition in range(self._partitions):
                    pipe.hgetall(keys.waiting_runs(partition))
                answers: list[dict[bytes, bytes]] = await pipe.execute()
        found: dict[str, RunCounts] = {}
        for answer in answers:
            for field, value in answer.items():
                scenario, _, what = field.decode().partition(" ")
                counts, number = found.setdefault(scenario, RunCounts()), int(value)
                match what:
                    case "started":
                        counts.started += number
                    case "finished":
                        counts.finished += number
                    case "stopped":
                        counts.stopped += number
                    case _ if number:
                        place = tuple(map(int, what.split("."))) if what else ()
                        counts.at[place] = counts.at.get(place, 0) + number
        return found
