"""How many cards a place has had in an hour, and which rules are muted where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rules.contact import Millis
from server.model.delivery import Place
from server.store import keys
from server.store.faults import redis_needed
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Holding"]

KEPT: Final[Millis] = 3 * 24 * 3600 * 1000


class Holding:
    """Places and rules are named by keyed hash. Each method raises `Unavailable`."""

    def __init__(self, redis: Redis, seal: Sealer) -> None:
        self._redis = redis
        self._digest = seal.digest

    async def numbers(self, hour: Millis, cards: Sequence[tuple[Place, str]]) -> list[int]:
        """Which card of its place's hour each alert's is, from 1 on: the same one however often it is asked."""
        asked: dict[Place, list[str]] = {}
        for place, alert_id in cards:
            asked.setdefault(place, []).append(alert_id)
        calls = [([self._hour(place, hour)], [KEPT, *alerts]) for place, alerts in asked.items()]
        with redis_needed():
            answers = await script("card_number").each(self._redis, calls) if calls else []
        numbers = {place: iter(answer) for place, answer in zip(asked, answers, strict=True)}
        return [next(numbers[place]) for place, _ in cards]

    async def counted(self, place: Place, hour: Millis) -> int:
        """How many cards a place was to show in an hour."""
        with redis_needed():
            return int(await self._redis.hlen(self._hour(place, hour)))

    async def mutes(self) -> dict[str, Millis]:
        """Every mute, by what `muted` says, and until when it holds."""
        with redis_needed():
            found: dict[bytes, bytes] = await self._redis.hgetall(keys.mutes())
        return {name.decode(): int(until) for name, until in found.items()}

    async def mute(self, rule: str, place: Place, until: Millis, now: Millis) -> None:
        """Let no new card of a rule appear in a place until a moment; what is past is forgotten."""
        past = [name for name, moment in (await self.mutes()).items() if moment <= now]
        with redis_needed():
            if past:
                await self._redis.hdel(keys.mutes(), *past)
            if until > now:
                await self._redis.hset(keys.mutes(), self.muted(rule, place), until)
            else:
                await self._redis.hdel(keys.mutes(), self.muted(rule, place))

    def muted(self, rule: str, place: Place) -> str:
        """The name of a rule's mute in a place."""
        return self._digest(f"mute:{rule}\n{place}")

    def _hour(self, place: Place, hour: Millis) -> str:
        return keys.cards_of_hour(self._digest(f"place:{place}"), hour)
