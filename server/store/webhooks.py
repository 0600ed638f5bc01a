"""Webhooks, sealed, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.model.webhook import Webhook
from server.store import keys
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Webhooks"]


class Webhooks:
    """Each method raises `Unavailable` where Redis does not answer."""

    def __init__(self, redis: Redis, seal: Sealer) -> None:
        self._redis = redis
        self._seal = seal

    async def add(self, webhook: Webhook) -> bool:
        """Keep one; False where its name is taken."""
        with redis_needed():
            return bool(await self._redis.hsetnx(keys.webhooks(), webhook.name, self._seal.encode("webhook", webhook)))

    async def load(self, name: str) -> Webhook | None:
        with redis_needed():
            blob = await self._redis.hget(keys.webhooks(), name)
        return None if blob is None else self._seal.decode("webhook", blob, Webhook)

    async def all(self) -> list[Webhook]:
        """All, by name."""
        with redis_needed():
            blobs = await self._redis.hvals(keys.webhooks())
        return sorted((self._seal.decode("webhook", blob, Webhook) for blob in blobs), key=lambda one: one.name)

    async def remove(self, name: str) -> bool:
        """Forget one; False where there is none."""
        with redis_needed():
            return bool(await self._redis.hdel(keys.webhooks(), name))
