"""Segments and static lists: their text, their size, who is in them."""

from __future__ import annotations

from typing import Any

import msgspec

from rules.entry import ListChanged
from rules.rulebook import Rulebook
from server.errors import NotFound
from server.model.actor import Actor
from server.services.access import require
from server.services.rulebooks import Rulebooks
from server.store.ranked import Ranked
from server.store.store import Store

__all__ = ["Lists", "Member", "Members", "SegmentView", "Segments"]


class SegmentView(msgspec.Struct, frozen=True, kw_only=True):
    """A segment or list: its statement, how many are in it now, the version of the rulebook that it is of."""

    name: str
    text: str
    count: int
    version: int


class Member(msgspec.Struct, frozen=True):
    """A contact in a segment or list."""

    id: str
    score: float
    attributes: dict[str, Any]


class Members(msgspec.Struct, frozen=True):
    """Some members, the highest score first, and the cursor of the next page (None: there is none)."""

    members: list[Member]
    next: str | None


class _Named:
    """What segments and lists have in common: statements of one kind, and an index of members."""

    kind: str

    def __init__(self, store: Store, rulebooks: Rulebooks, index: Ranked) -> None:
        self._store = store
        self._rulebooks = rulebooks
        self._index = index

    async def list(self, actor: Actor) -> list[SegmentView]:
        """All of them, in the order of the text. Raises `Forbidden`."""
        require(actor, "read", "viewer")
        book = await self._rulebooks.live()
        names = [name for kind, name in book.sources if kind == self.kind]
        counts = await self._index.counts(names)
        return [
            SegmentView(name=name, text=book.sources[self.kind, name], count=count, version=book.version)
            for name, count in zip(names, counts, strict=True)
        ]

    async def get(self, actor: Actor, name: str) -> SegmentView:
        """One of them. Raises `Forbidden`, `NotFound`."""
        require(actor, "read", "viewer")
        book = await self._rulebooks.live()
        text = self._text(book, name)
        return SegmentView(name=name, text=text, count=await self._index.count(name), version=book.version)

    def _text(self, book: Rulebook, name: str) -> str:
        text = book.sources.get((self.kind, name))
        if text is None:
            raise NotFound(f"the rulebook has no such {self.kind}", code=f"no_{self.kind}", name=name)
        return text

    async def members(self, actor: Actor, name: str, limit: int = 10, cursor: str | None = None) -> Members:
        """Who is in it, by score. Raises `Forbidden`, `NotFound`, `Invalid` for a bad cursor."""
        require(actor, "read", "rep")
        await self.get(actor, name)
        ranked, following = await self._index.members(name, limit, cursor)
        contacts = await self._store.contacts.load_many([contact_id for contact_id, _ in ranked])
        members = [
            Member(contact_id, score, contact.attributes)
            for (contact_id, score), contact in zip(ranked, contacts, strict=True)
            if contact is not None
        ]
        return Members(members, following)


class Segments(_Named):
    """Dynamic lists, kept true by the engine."""

    kind = "segment"

    def __init__(self, store: Store, rulebooks: Rulebooks) -> None:
        super().__init__(store, rulebooks, store.segments)


class Lists(_Named):
    """Static lists."""

    kind = "list"

    def __init__(self, store: Store, rulebooks: Rulebooks) -> None:
        super().__init__(store, rulebooks, store.lists)

    async def put(self, actor: Actor, name: str, contact: str, *, member: bool) -> bool:
        """Put a contact (by id) on a list, or take it off; False where that has not taken effect yet.

        Raises `Forbidden`, `NotFound` for an unknown list.
        """
        require(actor, "write", "marketer")
        self._text(await self._rulebooks.live(), name)
        entry = ListChanged(time=self._store.clock.now(), list=name, member=member, by=actor.id)
        [position] = await self._store.log.append([(contact, entry)])
        return await self._store.log.wait(position)
