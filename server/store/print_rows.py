"""Rows of print files, until they are taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.model.lying import PrintRow
from server.store import keys
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["PrintRows"]


class PrintRows:
    """Keeps rows, sealed, in one stream. Each method raises `Unavailable`."""

    def __init__(self, redis: Redis, seal: Sealer) -> None:
        self._redis = redis
        self._seal = seal

    async def add(self, row: PrintRow) -> str:
        """Add a row; its place."""
        with redis_needed():
            place = await self._redis.xadd(keys.print_rows(), {"r": self._seal.encode("print", row)})
        return str(place, "ascii")

    async def all(self, message: str = "") -> list[tuple[str, PrintRow]]:
        """The rows of a message, or all, in order, with their places. A delivery that is there twice is given once."""
        with redis_needed():
            found = await self._redis.xrange(keys.print_rows())
        rows: dict[str, tuple[str, PrintRow]] = {}
        for place, fields in found:
            row: PrintRow = self._seal.decode("print", fields[b"r"], PrintRow)
            if message in ("", row.message):
                rows.setdefault(row.delivery, (place.decode(), row))
        return list(rows.values())

    async def remove(self, places: list[str]) -> None:
        """Forget rows that were taken out."""
        with redis_needed():
            if places:
                await self._redis.xdel(keys.print_rows(), *places)
