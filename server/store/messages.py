"""Message templates, by name, channel and locale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from server.model.message import MessageTemplate
from server.store import keys
from server.store.faults import redis_needed
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Messages"]


class Messages:
    """Keeps templates sealed in one hash. Each method raises `Unavailable` where Redis does not answer."""

    def __init__(self, redis: Redis, seal: Sealer) -> None:
        self._redis = redis
        self._seal = seal

    async def changes(self) -> int:
        """A number that grows with every change of any template."""
        with redis_needed():
            return int(await self._redis.get(keys.message_changes()) or 0)

    async def names(self) -> frozenset[tuple[str, str]]:
        """The name and channel of every template."""
        with redis_needed():
            fields = await self._redis.hkeys(keys.messages())
        return frozenset((name, channel) for name, channel, _ in (field.decode().split("/") for field in fields))

    async def load(self, name: str, channel: str, locale: str) -> MessageTemplate | None:
        with redis_needed():
            kept = await self._redis.hget(keys.messages(), _field(name, channel, locale))
        return None if kept is None else self._opened(kept)

    async def all(self) -> list[MessageTemplate]:
        """Every template, by name, channel and locale."""
        with redis_needed():
            kept = await self._redis.hgetall(keys.messages())
        return [self._opened(value) for _, value in sorted(kept.items())]

    async def put(self, template: MessageTemplate, base: int) -> MessageTemplate | None:
        """Keep a template as the revision after `base` (0: there is none yet); None where it changed meanwhile."""
        kept = replace(template, revision=base + 1)
        value = b"%d " % kept.revision + self._seal.encode("message", kept)
        return kept if await self._change(template, base, value) else None

    async def remove(self, template: MessageTemplate) -> bool:
        """Forget a template; False where it changed meanwhile."""
        return await self._change(template, template.revision, b"")

    async def _change(self, template: MessageTemplate, base: int, value: bytes) -> bool:
        field = _field(template.name, template.channel, template.locale)
        names = (keys.messages(), keys.message_changes())
        with redis_needed():
            return bool(await script("message_put")(self._redis, names, (field, base, value)))

    def _opened(self, kept: bytes) -> MessageTemplate:
        return self._seal.decode("message", kept.partition(b" ")[2], MessageTemplate)


def _field(name: str, channel: str, locale: str) -> str:
    return f"{name}/{channel}/{locale}"
