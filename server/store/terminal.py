"""What the terminal chat shows: a stream of notices, of which the newest thousand are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from server.model.card import Card
from server.store import keys
from server.store.coalesce import Coalescer
from server.store.faults import redis_needed
from server.store.wire import exchange

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Notice", "TerminalFeed"]

_KIND: Final = "terminal"
_KEPT: Final = 1000


class Notice(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """A card as it appeared, or as it was brought up to date (`edited`); `repeated`: it may have appeared before."""

    card: Card
    edited: bool = False
    repeated: bool = False


class TerminalFeed:
    """Writes and reads the stream. Every terminal reads all of it; ids are those of the stream."""

    def __init__(self, redis: Redis, seal: Sealer) -> None:
        self._redis = redis
        self._seal = seal
        self._add = Coalescer(self._add_each, limit=200, parallel=2)

    async def show(self, card: Card, *, edited: bool = False, repeated: bool = False) -> str:
        """Add a notice; returns its id. Raises `Unavailable`."""
        sealed = self._seal.encode(_KIND, Notice(card=card, edited=edited, repeated=repeated))
        with redis_needed():
            [added] = await self._add([sealed])
        return added.decode()

    async def _add_each(self, notices: list[bytes]) -> list[bytes]:
        added = await exchange(
            self._redis, [("XADD", keys.terminal(), "MAXLEN", "~", _KEPT, "*", "n", sealed) for sealed in notices]
        )
        for answer in added:
            if isinstance(answer, Exception):
                raise answer
        return added

    async def recent(self, limit: int = 20) -> list[tuple[str, Notice]]:
        """The newest notices with their ids, the oldest of them first. Raises `Unavailable`."""
        with redis_needed():
            rows = await self._redis.xrevrange(keys.terminal(), count=limit)
        return [self._notice(row) for row in reversed(rows)]

    async def follow(self, after: str = "$", wait: float = 5.0) -> list[tuple[str, Notice]]:
        """The notices after an id ("$": those to come), waiting up to `wait` seconds for one. Raises `Unavailable`."""
        with redis_needed():
            streams = await self._redis.xread({keys.terminal(): after}, count=100, block=max(int(wait * 1000), 1))
        return [self._notice(row) for _, rows in streams for row in rows]

    async def holds(self, alert: str) -> bool:
        """Whether an alert's card has appeared among the notices that are kept. Raises `Unavailable`."""
        return any(notice.card.alert == alert for _, notice in await self.recent(_KEPT))

    def _notice(self, row: tuple[bytes, dict[bytes, bytes]]) -> tuple[str, Notice]:
        notice: Notice = self._seal.decode(_KIND, row[1][b"n"], Notice)
        return row[0].decode(), notice
