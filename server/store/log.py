"""The logs of the partitions: the only way to change a contact."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from redis.exceptions import ConnectionError as RedisConnectionError

from rules.entry import Broadcast, Entry, EventReceived, ScenarioResumed
from server.store import keys
from server.store.coalesce import Coalescer
from server.store.faults import REDIS_FAULTS, redis_needed
from server.store.scripts import script
from server.store.wire import Word

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Log", "Position", "id_order"]

_append = script("append")


class Position(NamedTuple):
    """A place in a log: the partition and the id of the entry."""

    partition: int
    id: str

    def __str__(self) -> str:
        return f"{self.partition}:{self.id}"


def id_order(stream_id: str | bytes) -> tuple[int, int]:
    """A stream id `milliseconds-sequence` as numbers that compare in log order."""
    text = stream_id.decode() if isinstance(stream_id, bytes) else stream_id
    left, _, right = text.partition("-")
    return int(left), int(right or 0)


class _Line(NamedTuple):
    """An entry to be appended; the first of a call says how many the call has and what must hold for it."""

    partition: int
    contact: str
    sealed: bytes
    repeatable: bool
    call: int = 0
    expected: Mapping[str, str] = {}


_TOGETHER = 1000  # entries of one run of the script, which Redis does not interrupt


class Log:
    """Appends entries, and waits until the engine has applied them."""

    def __init__(self, redis: Redis, seal: Sealer, partitions: int) -> None:
        self._redis = redis
        self._seal = seal
        self._partitions = partitions
        self._names = [keys.log(partition) for partition in range(partitions)]
        self._append = Coalescer(self._write, limit=_TOGETHER)

    async def append(self, entries: Sequence[tuple[str, Entry]]) -> list[Position]:
        """Append entries, each for a contact id; return their places once Redis has them.

        Entries of one call keep their order. Raises `Unavailable` where Redis cannot take them; then none, some or
        all may be stored, and events may be sent again under the same message ids.
        """
        places: list[Position] = []
        for start in range(0, len(entries), _TOGETHER):
            appended = await self._append_call(entries[start : start + _TOGETHER], {})
            assert appended is not None, "nothing was expected"
            places += appended
        return places

    async def append_everywhere(self, entry: Broadcast | ScenarioResumed) -> list[Position]:
        """Append an entry about no contact to the log of every partition; return its places.

        Raises `Unavailable` as `append` does: then some logs may have it, and it may be sent again under the same id.
        """
        encode = self._seal.encode
        lines = [_Line(partition, "", encode("log", entry), True) for partition in range(self._partitions)]
        places: list[Position] = []
        for start in range(0, len(lines), _TOGETHER):
            some = lines[start : start + _TOGETHER]
            some[0] = some[0]._replace(call=len(some))
            with redis_needed():
                ids = await self._append(some)
            places += [Position(line.partition, str(id_, "ascii")) for line, id_ in zip(some, ids, strict=True) if id_]
        return places

    async def append_if(
        self, entries: Sequence[tuple[str, Entry]], expected: Mapping[str, str]
    ) -> list[Position] | None:
        """Append entries if these identity keys name these contacts at that moment; else None, and nothing is stored.

        It saves asking first who is meant, where that is known from before. At most as many entries as one run of
        the script takes: None for more. Raises `Unavailable` as `append` does.
        """
        return None if len(entries) > _TOGETHER else await self._append_call(entries, expected)

    async def _append_call(
        self, entries: Sequence[tuple[str, Entry]], expected: Mapping[str, str]
    ) -> list[Position] | None:
        encode = self._seal.encode
        count = self._partitions
        lines = [
            _Line(keys.partition_of(contact, count), contact, encode("log", entry), isinstance(entry, EventReceived))
            for contact, entry in entries
        ]
        if not lines:
            return []
        lines[0] = lines[0]._replace(call=len(lines), expected=expected)
        with redis_needed():
            ids = await self._append(lines)
        if None in ids:
            return None
        return [Position(line.partition, str(id_, "ascii")) for line, id_ in zip(lines, ids, strict=True) if id_]

    async def _write(self, lines: list[_Line]) -> list[bytes | None]:
        names: list[str] = []
        words: list[Word] = [sum(1 for line in lines if line.call)]
        for start, first in enumerate(lines):
            if not first.call:
                continue
            words += (first.call, len(first.expected))
            for line in lines[start : start + first.call]:
                names.append(self._names[line.partition])
                words += (line.contact, line.sealed)
            names += first.expected
            words += first.expected.values()
        try:
            [ids] = await _append.each(self._redis, [(names, words)])
        except (RedisConnectionError, OSError):
            # The connection broke. An event may be appended twice: its message id makes the second one void.
            if not all(line.repeatable for line in lines):
                raise
            await asyncio.sleep(0.05)
            [ids] = await _append.each(self._redis, [(names, words)])
        found: list[bytes | None] = ids
        return found

    async def wait(self, position: Position, timeout: float = 2.0) -> bool:  # noqa: ASYNC109 - the service's bound
        """Wait until the entry there has taken effect; False where it has not within `timeout` seconds."""
        wanted = id_order(position.id)
        deadline = asyncio.get_running_loop().time() + timeout
        pause = 0.001
        while True:
            try:
                cursor = await self._redis.get(keys.cursor(position.partition))
            except REDIS_FAULTS:
                cursor = None
            if cursor is not None and id_order(cursor) >= wanted:
                return True
            if asyncio.get_running_loop().time() + pause > deadline:
                return False
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    async def lag(self) -> int:
        """How many entries wait in all logs (a log is trimmed below its cursor as it is applied)."""
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for partition in range(self._partitions):
                    pipe.xlen(keys.log(partition))
                return sum(await pipe.execute())
