"""The templates that there are, as a process remembers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rules.contact import Millis
from server.model.message import MessageTemplate
from server.ports import Clock
from server.services.message_heads import chosen
from server.store.coalesce import Coalescer
from server.store.store import Store

__all__ = ["Templates"]

_FRESH: Final[Millis] = 250  # for which templates that were read are taken as they are


class Templates:
    """Finds templates; what was kept elsewhere is seen within 250 ms. `language` is the installation's."""

    def __init__(self, store: Store, clock: Clock, language: str) -> None:
        self._store = store
        self._clock = clock
        self._language = language
        self._known: dict[tuple[str, str], dict[str, MessageTemplate]] = {}
        self._changes = -1
        self._asked: Millis | None = None
        self._look = Coalescer(self._look_each)

    async def find(self, name: str, channel: str, locale: str) -> MessageTemplate | None:
        """The template for a contact of this locale: its own, its language's, the installation's, or any."""
        return chosen(await self.of(name, channel), locale, self._language)

    async def of(self, name: str, channel: str) -> Mapping[str, MessageTemplate]:
        """The templates of a message, by locale."""
        now = self._clock.now()
        if self._asked is None or not 0 <= now - self._asked < _FRESH:
            await self._look([now])
        return self._known.get((name, channel), {})

    async def _look_each(self, moments: list[Millis]) -> list[None]:
        """Ask whether a template has changed, for all who want to know at the same time."""
        changes = await self._store.messages.changes()
        if changes != self._changes:
            known: dict[tuple[str, str], dict[str, MessageTemplate]] = {}
            for one in await self._store.messages.all():
                known.setdefault((one.name, one.channel), {})[one.locale] = one
            self._known, self._changes = known, changes
        self._asked = moments[0]
        return [None] * len(moments)

    def look_again(self) -> None:
        """Ask the store at the next call: a template has changed."""
        self._asked = None
