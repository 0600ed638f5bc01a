"""What was looked up a moment ago, so that a request does not ask Redis for what a thousand before it have asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from rules.contact import Millis
from server.ports import Clock

__all__ = ["Recent"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_LARGEST = 10_000


class Recent(Generic[K, V]):
    """Remembers what was found for `lifetime` milliseconds; what was not found is asked for again each time.

    So a new key works at once, and a removed one for at most that long.
    """

    def __init__(self, clock: Clock, look_up: Callable[[K], Awaitable[V | None]], *, lifetime: Millis = 2000) -> None:
        self._clock = clock
        self._look_up = look_up
        self._lifetime = lifetime
        self._found: dict[K, tuple[Millis, V]] = {}

    async def get(self, key: K) -> V | None:
        """What is known under a key, or None."""
        now = self._clock.now()
        held = self._found.get(key)
        if held is not None and now < held[0]:
            return held[1]
        value = await self._look_up(key)
        if value is None:
            self._found.pop(key, None)
            return None
        if len(self._found) >= _LARGEST:
            self._found.clear()
        self._found[key] = (now + self._lifetime, value)
        return value

    def forget(self) -> None:
        """Look everything up again."""
        self._found.clear()
