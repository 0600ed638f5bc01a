"""Notices for people on a chat platform: kept until a bot has told them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from redis.exceptions import ResponseError

from rules.contact import Millis
from server.model.draft import Notice
from server.store import keys
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Notices"]

_GROUP: Final = "bots"
_KEPT: Final = 10_000
AGAIN: Final[Millis] = 60_000  # one that a bot took and did not tell is handed out again then


class Notices:
    """A stream a platform, read by its bots as one group. Each method raises `Unavailable`."""

    def __init__(self, redis: Redis, seal: Sealer) -> None:
        self._redis = redis
        self._seal = seal
        self._reader = uuid.uuid4().hex
        self._grouped: set[str] = set()

    async def add(self, platform: str, notice: Notice) -> None:
        """Keep a notice until it is told."""
        with redis_needed():
            sealed = self._seal.encode("notice", notice)
            await self._redis.xadd(keys.notices(platform), {b"n": sealed}, maxlen=_KEPT, approximate=True)

    async def take(self, platform: str, *, again: Millis = AGAIN) -> list[tuple[str, Notice]]:
        """Notices to be told, with their ids: new ones, and those that were taken long ago and not `told`."""
        stream = keys.notices(platform)
        with redis_needed():
            if platform not in self._grouped:
                await self._group(stream)
                self._grouped.add(platform)
            try:
                new = await self._redis.xreadgroup(_GROUP, self._reader, {stream: ">"}, count=20)
                old = await self._redis.xautoclaim(stream, _GROUP, self._reader, again, count=20)
            except ResponseError:  # Redis was emptied
                self._grouped.discard(platform)
                raise
        rows = [row for _, found in new for row in found] + list(old[1])
        return [(row[0].decode(), self._seal.decode("notice", row[1][b"n"], Notice)) for row in rows if row[1]]

    async def told(self, platform: str, notice_id: str) -> None:
        """Forget a notice."""
        with redis_needed():
            await self._redis.xack(keys.notices(platform), _GROUP, notice_id)
            await self._redis.xdel(keys.notices(platform), notice_id)

    async def _group(self, stream: str) -> None:
        try:
            await self._redis.xgroup_create(stream, _GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
