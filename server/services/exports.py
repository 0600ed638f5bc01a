"""Exports: contacts as rows, all of them or those of a segment or a list, in slices."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, Literal, TypeAlias

from rules.contact import Contact
from rules.moment import instant
from rules.rulebook import Rulebook
from rules.score import score_at
from server.errors import NotFound
from server.model.actor import Actor
from server.services.access import require
from server.services.rulebooks import Rulebooks
from server.store.ranked import Ranked
from server.store.store import Store

__all__ = ["Exports", "Of"]

Of: TypeAlias = Literal["contacts", "segment", "list"]

_SLICE: Final = 500  # contacts


class Exports:
    """Gives contacts out, unmasked: for who may read the installation's key."""

    def __init__(self, store: Store, rulebooks: Rulebooks, *, timezone: str = "UTC") -> None:
        self._store = store
        self._rulebooks = rulebooks
        self._timezone = timezone

    async def columns(self, actor: Actor) -> list[str]:
        """The names of the columns, in order. Raises `Forbidden`."""
        require(actor, "admin", "admin")
        book = await self._rulebooks.live()
        return ["id", "user", "email", "anonymous", *_attributes(book), "score", "segments", "lists", "consents",
                "created", "last_seen"]  # fmt: skip

    async def rows(self, actor: Actor, of: Of = "contacts", name: str = "") -> AsyncIterator[dict[str, Any]]:
        """A row a contact, the score as it is now.

        Raises `Forbidden`, `NotFound` for a segment or list that the rulebook does not have.
        """
        require(actor, "admin", "admin")
        book = await self._rulebooks.live()
        if of != "contacts" and (of, name) not in book.sources:
            raise NotFound(f"there is no {of} {name} in the rulebook", code="unknown_segment", name=name)
        pages = self._all() if of == "contacts" else self._of(name, of)
        async for ids in pages:
            for contact in await self._store.contacts.load_many(ids):
                if contact is not None and not contact.moved_to:
                    tenths = score_at(contact, book, self._store.clock.now(), self._timezone)
                    yield _row(contact, book, tenths / 10)

    async def _all(self) -> AsyncIterator[list[str]]:
        cursor: str | None = None
        while True:
            page = await self._store.contacts.page(cursor, _SLICE)
            yield page.ids
            cursor = page.next
            if cursor is None:
                return

    async def _of(self, name: str, of: Of) -> AsyncIterator[list[str]]:
        index: Ranked = self._store.segments if of == "segment" else self._store.lists
        cursor: str | None = None
        while True:
            found, cursor = await index.members(name, _SLICE, cursor)
            yield [contact_id for contact_id, _ in found]
            if cursor is None:
                return


def _attributes(book: Rulebook) -> list[str]:
    return [name for name in book.attributes if name != "email"]


def _row(contact: Contact, book: Rulebook, score: float) -> dict[str, Any]:
    identities: dict[str, str] = {}
    for namespace, value in contact.identities:
        identities.setdefault(namespace, value)
    return {
        "id": contact.id,
        "user": identities.get("user"),
        "email": contact.attributes.get("email") or identities.get("email"),
        "anonymous": identities.get("anonymous"),
        **{name: contact.attributes.get(name) for name in _attributes(book)},
        "score": score,
        "segments": sorted(contact.segments),
        "lists": sorted(contact.lists),
        "consents": {purpose: consent.status for purpose, consent in contact.consents.items()},
        "created": instant(contact.created).isoformat(),
        "last_seen": instant(contact.last_seen).isoformat() if contact.last_seen else None,
    }
