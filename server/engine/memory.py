"""What the engine knows of contacts without asking Redis."""

from __future__ import annotations

from collections.abc import Iterable

from server.engine.owned import Owned
from server.store.codec import SealError
from server.store.partition import Partitions

__all__ = ["fetch"]


async def fetch(partitions: Partitions, wanted: Iterable[tuple[Owned, Iterable[str]]]) -> dict[str, SealError]:
    """Have these contacts decoded in their partitions' memory, where they exist; return those that cannot be opened."""
    missing = [(own, contact_id) for own, ids in wanted for contact_id in set(ids).difference(own.contacts)]
    if not missing:
        return {}
    found = await partitions.contacts.read([(own.partition, contact_id) for own, contact_id in missing])
    unreadable: dict[str, SealError] = {}
    for (own, contact_id), contact in zip(missing, found, strict=True):
        if isinstance(contact, SealError):
            unreadable[contact_id] = contact
        elif contact is not None:
            if contact.version < own.base:
                contact.version = own.base
            own.contacts[contact_id] = contact
    return unreadable
