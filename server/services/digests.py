"""Digests: at its moment, the contacts of a segment or list that are first by a number, as one card to a team.

Moments are in the installation's zone. What is ranked is everybody who is a member at that time, as they are then;
equal numbers are in the order of the ids. An occurrence comes once: its card lies in the outbox under an id made
from the digest and the moment, and whoever makes it second makes nothing. One that an outage swallowed comes when it is
over; of several of one digest, the last. A moment that was past when the digest was published never comes.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Final

import structlog

from rules.contact import Contact, Millis
from rules.decide import bring_up_to_date
from rules.digest import digest_text, last_occurrence, value_of
from rules.moment import instant, zone
from rules.rulebook import At, Digest, Rulebook
from server.model.card import Card, CardRow
from server.model.delivery import Place
from server.model.digest import MARK, DigestCard, Ranked
from server.ports import Clock
from server.services.alerts import Names
from server.services.holding import HOUR, Holding
from server.services.rulebooks import Rulebooks
from server.store.digests import Digests as Kept
from server.store.store import Store

__all__ = ["Digests"]

log = structlog.get_logger(__name__)

SLICE: Final = 200  # members that are loaded at once
SHOWN: Final = 30  # of a ranking that a card names; the rest is counted


class Digests:
    """Makes digests whose moment has come, and says what their cards show."""

    def __init__(
        self, store: Store, clock: Clock, rulebooks: Rulebooks, names: Names, holding: Holding, *, timezone: str = "UTC"
    ) -> None:
        self._store = store
        self._kept = Kept(store.redis, store.seal, store.partitions)
        self._clock = clock
        self._rulebooks = rulebooks
        self._names = names
        self._holding = holding
        self._timezone = timezone

    async def run(self) -> list[int]:
        """Make the digests whose moment has come; the partitions whose outboxes hold their cards.

        Raises `Unavailable`; what was not made then is made by the next call.
        """
        book = await self._rulebooks.live()
        if not book.version or not book.digests:
            return []
        began = (await self._rulebooks.version(book.version)).time
        known = {_key(digest): digest for digest in book.digests.values()}
        progress = await self._kept.progress(known, began)
        where, now, rings = zone(self._timezone), self._clock.now(), []
        for key, digest in known.items():
            moment = last_occurrence(digest, progress[key], now, where)
            if moment is None:
                continue
            made = await self._make(book, digest, moment)
            await self._kept.came(key, moment)
            if made is not None:
                rings.append(made)
                log.info("digest made", digest=digest.name)
        return rings

    async def card(self, card_id: str) -> Card | None:
        """What the card of a digest shows; None where it is not kept any more, or has nothing to say."""
        made = await self._kept.load(card_id)
        if made is None:
            return None
        if made.kind == "held":
            count = await self._holding.held(Place.parse(made.place), made.since)
            return None if not count else _held(made, count, self._timezone)
        book = await self._rulebooks.live()
        contacts = [await self._store.contacts.load(row.contact) for row in made.rows]
        rows = [
            CardRow(contact.id, self._names.display(contact, book), row.value)
            for row, contact in zip(made.rows, contacts, strict=True)
            if contact is not None  # erased meanwhile
        ]
        return Card(
            alert=made.id, contact="", who=made.text or made.digest, text="", trigger=made.digest, version=made.version,
            team=made.team, score=0, kind="digest", count=made.count, created=made.created, rows=tuple(rows),
            timezone=self._timezone,
        )  # fmt: skip

    async def _make(self, book: Rulebook, digest: Digest, moment: Millis) -> int | None:
        """Rank, and put the card into the outbox; None where another has."""
        now = self._clock.now()
        best, count = await self._ranked(book, digest, now)
        card = DigestCard(
            id=MARK + sha256(f"{digest.name}\0{moment}".encode()).hexdigest()[:16], kind="ranked", digest=digest.name,
            team=digest.alert.team, text=digest_text(digest, book, now), rows=tuple(best[:SHOWN]), count=count,
            version=book.version, created=now,
        )  # fmt: skip
        targets = book.teams[digest.alert.team].targets if digest.alert.team in book.teams else ()
        places = [Place(target.platform, target.address) for target in targets]
        return await self._kept.put(card, [*places, Place("terminal", "")], now)

    async def _ranked(self, book: Rulebook, digest: Digest, now: Millis) -> tuple[list[Ranked], int]:
        """The first of the members, at most as many as the digest asks for; and how many these are."""
        best: list[tuple[Decimal, str]] = []
        async for contacts in self._members(book, digest):
            found = []
            for contact in contacts:
                if contact.version != book.version:  # a recompute has not come to it yet
                    past = await self._store.contacts.past(contact) if contact.chunks else []
                    bring_up_to_date(contact, past, book, now, entry_id="", timezone=self._timezone)
                value = value_of(contact, digest, book, now, self._timezone)
                if value is not None:
                    found.append((value, contact.id))
            best = heapq.nsmallest(digest.top, [*best, *found], key=lambda each: (-each[0], each[1]))
        return [Ranked(contact, float(value)) for value, contact in best], len(best)

    async def _members(self, book: Rulebook, digest: Digest) -> AsyncIterator[Sequence[Contact]]:
        index = self._store.segments if digest.of in book.segments else self._store.lists
        for partition in range(self._store.partitions):
            ids = await index.of_partition(partition, digest.of)
            for at in range(0, len(ids), SLICE):
                found = await self._store.contacts.load_many(ids[at : at + SLICE])
                yield [contact for contact in found if contact is not None and not contact.moved_to]


def _key(digest: Digest) -> str:
    """A digest and when it comes: another time makes it new."""
    occasion = digest.occasion
    when = occasion.moment if isinstance(occasion, At) else f"{occasion.day} {occasion.time}"
    return f"{digest.name} {when}"


def _held(made: DigestCard, count: int, timezone: str) -> Card:
    where = zone(timezone)
    start, end = (f"{instant(moment).astimezone(where):%H:%M}" for moment in (made.since, made.since + HOUR))
    return Card(
        alert=made.id, contact="", who="", text=f"{start} – {end}", trigger="", version=0, team="", score=0,
        kind="held", count=count, created=made.created, timezone=timezone,
    )  # fmt: skip
