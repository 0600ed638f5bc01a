"""Letters that wait to be printed."""

from __future__ import annotations

from server.model.actor import Actor
from server.model.lying import PrintRow
from server.services.access import require
from server.store.print_rows import PrintRows
from server.store.store import Store

__all__ = ["Prints"]


class Prints:
    """Gives out what `send print` made; an administrator's work, as it holds addresses."""

    def __init__(self, store: Store) -> None:
        self._rows = PrintRows(store.redis, store.seal)

    async def rows(self, actor: Actor, name: str) -> list[tuple[str, PrintRow]]:
        """The rows of a message, in order, with their places. Raises `Forbidden`."""
        require(actor, "admin", "admin")
        return await self._rows.all(name)

    async def remove(self, actor: Actor, places: list[str]) -> None:
        """Forget rows that were taken out. Raises `Forbidden`."""
        require(actor, "admin", "admin")
        await self._rows.remove(places)
