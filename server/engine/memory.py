"""What the engine knows of contacts without asking Redis."""

from __future__ import annotations

from collections.abc import Iterable

from server.engine.owned import Owned
from server.store.codec import SealError
from server.store.partition import Partitions

__all__ = ["fetch"]


async def fetch(partitions: Partitions, wanted: Iterable[tuple[Owned, str]]) -> dict[str, SealError]:
    """Have these contacts decoded in their partitions' memory, where they exist; return those that cannot be opened."""
    missing = {(own.partition, contact): own for own, contact in wanted if contact not in own.contacts}
    if not missing:
        return {}
    unreadable: dict[str, SealError] = {}
    for (place, own), contact in zip(missing.items(), await partitions.contacts.read(list(missing)), strict=True):
        if isinstance(contact, SealError):
            unreadable[place[1]] = contact
        elif contact is not None:
            if contact.version < own.base:
                contact.version = own.base
            own.contacts[place[1]] = contact
    return unreadable
