"""Segments and static lists: their text, their size, who is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from rules.contact import Contact
from rules.entry import ListChanged
from rules.rulebook import Rulebook
from server.errors import NotFound
from server.model.actor import Actor
from server.services.access import require
from server.services.ranking import Cursor, Ranking
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

    def __init__(self, store: Store, rulebooks: Rulebooks, index: Ranked, timezone: str) -> None:
        self._store = store
        self._rulebooks = rulebooks
        self._index = index
        self._timezone = timezone

    def _holds(self, contact: Contact, name: str) -> bool:
        raise NotImplementedError

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
        """Who is in it, by score as it is now; further pages by what the scores were at the first.

        Where rules age, a page costs as much as all above it. Raises `Forbidden`, `NotFound`, `Invalid` for a bad
        cursor.
        """
        require(actor, "read", "rep")
        book = await self._rulebooks.live()
        self._text(book, name)
        now = self._store.clock.now()
        after = Cursor.read(cursor, now) if cursor else None
        moment = now if after is None else after.moment
        ranking = Ranking(
            self._store.contacts,
            self._index,
            name,
            lambda contact: self._holds(contact, name),
            book,
            moment,
            self._timezone,
        )
        best = await ranking.best(limit + 1, after and after[:2])
        members = [Member(one.id, one.tenths / 10, one.contact.attributes) for one in best[:limit]]
        following = Cursor(best[limit - 1].tenths, best[limit - 1].id, moment) if len(best) > limit else None
        return Members(members, str(following) if following else None)

    async def ids(
        self, actor: Actor, name: str, limit: int = 100, cursor: str | None = None
    ) -> tuple[Sequence[str], str | None]:
        """The ids of who is in it, in no order to rely on, and the cursor of the next page; all pages cost the same.

        Raises `Forbidden`, `NotFound`, `Invalid` for a bad cursor.
        """
        require(actor, "read", "rep")
        self._text(await self._rulebooks.live(), name)
        found, following = await self._index.members(name, limit, cursor)
        return [contact_id for contact_id, _ in found], following


class Segments(_Named):
    """Dynamic lists, kept true by the engine."""

    kind = "segment"

    def __init__(self, store: Store, rulebooks: Rulebooks, *, timezone: str = "UTC") -> None:
        super().__init__(store, rulebooks, store.segments, timezone)

    def _holds(self, contact: Contact, name: str) -> bool:
        return name in contact.segments


class Lists(_Named):
    """Static lists."""

    kind = "list"

    def __init__(self, store: Store, rulebooks: Rulebooks, *, timezone: str = "UTC") -> None:
        super().__init__(store, rulebooks, store.lists, timezone)

    def _holds(self, contact: Contact, name: str) -> bool:
        return name in contact.lists

    async def put(self, actor: Actor, name: str, contact: str, *, member: bool) -> bool:
        """Put a contact (by id) on a list, or take it off; False where that has not taken effect yet.

        Raises `Forbidden`, `NotFound` for an unknown list.
        """
        require(actor, "write", "marketer")
        self._text(await self._rulebooks.live(), name)
        entry = ListChanged(time=self._store.clock.now(), list=name, member=member, by=actor.id)
        [position] = await self._store.log.append([(contact, entry)])
        return await self._store.log.wait(position)
