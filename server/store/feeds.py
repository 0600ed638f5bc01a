"""What is known of feeds: which entries were seen, and what their servers ask to be told at the next poll."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from rules.contact import Millis
from server.store import keys
from server.store.codec import SealError
from server.store.faults import redis_needed
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["FeedState", "Feeds"]


class FeedState(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """A feed as it was last read; `seen` are digests of its entries' ids, the newest first. `reason`: why it could not
    be read, "" where it could."""

    url: str
    checked: Millis = 0
    etag: str = ""
    modified: str = ""
    seen: tuple[str, ...] = ()
    known: bool = False  # it was read once: what is new from now on is told
    reason: str = ""


class Feeds:
    """Keeps the states of feeds, and lets one poller in at a time. Each method raises `Unavailable`."""

    def __init__(self, redis: Redis, seal: Sealer) -> None:
        self._redis = redis
        self._seal = seal
        self._token = secrets.token_hex(8)

    async def begin(self, milliseconds: int) -> bool:
        """Be the poller for so long, unless another is."""
        with redis_needed():
            return bool(await self._redis.set(keys.feeds_poller(), self._token, nx=True, px=milliseconds))

    async def go_on(self, milliseconds: int) -> bool:
        """Stay the poller for so long; False where another has become it."""
        with redis_needed():
            return bool(await script("renew")(self._redis, [keys.feeds_poller()], [self._token, milliseconds]))

    async def end(self) -> None:
        """Be the poller no more."""
        with redis_needed():
            await script("release")(self._redis, [keys.feeds_poller()], [self._token])

    async def keep_only(self, urls: Iterable[str]) -> None:
        """Forget what is known of other feeds."""
        wanted = {self._field(url).encode() for url in urls}
        with redis_needed():
            gone = [field for field in await self._redis.hkeys(keys.feeds()) if field not in wanted]
            if gone:
                await self._redis.hdel(keys.feeds(), *gone)

    async def states(self, urls: Iterable[str]) -> dict[str, FeedState]:
        """What is known of these feeds."""
        wanted = {self._field(url): url for url in urls}
        with redis_needed():
            rows: dict[bytes, bytes] = await self._redis.hgetall(keys.feeds())
        found: dict[str, FeedState] = {}
        for field, url in wanted.items():
            try:
                row = rows.get(field.encode())
                found[url] = FeedState(url=url) if row is None else self._seal.decode("feed", row, FeedState)
            except SealError:
                found[url] = FeedState(url=url)
        return found

    async def save(self, state: FeedState) -> None:
        """Write down what is known of a feed."""
        with redis_needed():
            await self._redis.hset(keys.feeds(), self._field(state.url), self._seal.encode("feed", state))

    def _field(self, url: str) -> str:
        return self._seal.digest("feed " + url)
