"""Who is in a segment or on a list, by score: right under rules that age.

The index holds an upper bound of each score: what it was when something last happened to the contact, without what is
negative and fades. So the bounds are walked down, the score of each contact is worked out as it is now, and the walk
ends where no bound that follows can reach what was found.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import NamedTuple

from rules.contact import Contact, Millis
from rules.planning import plan_of
from rules.rulebook import Rulebook
from rules.score import score_at
from server.store.contacts import Contacts
from server.store.ranked import Place, Ranked, bad_cursor

__all__ = ["Cursor", "Ranking", "Standing"]

_MOST = 512  # contacts read at a time
_GUESS = 4  # how many times those wanted are read at first where rules age: seldom are they the first of the index
_FEW = 4  # bounds of a partition read at first, beside its share of what is wanted


class Standing(NamedTuple):
    """A contact in a ranking: tenths of its score, its id, and itself."""

    tenths: int
    id: str
    contact: Contact


class Cursor(NamedTuple):
    """The last place that a page gave, and the moment whose scores all its pages are in the order of."""

    tenths: int
    id: str
    moment: Millis

    @classmethod
    def read(cls, text: str, now: Millis) -> Cursor:
        """The cursor of a text; raises `Invalid` where it is not one of ours."""
        tenths, _, rest = text.partition(":")
        contact_id, _, moment = rest.rpartition(":")
        try:
            return cls(int(tenths), contact_id, min(int(moment), now))
        except ValueError:
            raise bad_cursor() from None

    def __str__(self) -> str:
        return f"{self.tenths}:{self.id}:{self.moment}"


class Ranking:
    """A segment or list (that `holds` contacts) under a rulebook, as it stands at a moment."""

    def __init__(
        self,
        contacts: Contacts,
        index: Ranked,
        name: str,
        holds: Callable[[Contact], bool],
        book: Rulebook,
        moment: Millis,
        timezone: str,
    ) -> None:
        self._contacts = contacts
        self._name = name
        self._index = index
        self._holds = holds
        self._book = book
        self._moment = moment
        self._timezone = timezone

    async def best(self, number: int, behind: Place | None = None) -> list[Standing]:
        """The highest so many, those of equal scores the youngest id first; only those behind a place where one is
        given. Where rules age, all above it are worked out too.
        """
        ages = bool(plan_of(self._book).ageing)
        walk = _Walk(self._index, self._name, number, None if ages else behind)
        best: list[Standing] = []
        known: set[str] = set()  # one whose bound rises during the walk is met twice
        size = min(_GUESS * number, _MOST) if ages else number
        while size:
            places = await walk.next(size, best[0][:2] if len(best) == number else None)
            size = min(2 * size, _MOST) if places else 0
            contacts = await self._contacts.load_many([contact_id for _, contact_id in places])
            for (bound, contact_id), contact in zip(places, contacts, strict=True):
                if contact is None or contact.moved_to or contact_id in known or not self._holds(contact):
                    continue  # it left meanwhile
                known.add(contact_id)
                # What happened after the moment may have let the bound fall below the score that it had then.
                tenths = min(score_at(contact, self._book, self._moment, self._timezone), bound)
                if behind is not None and (tenths, contact_id) >= behind:
                    continue
                standing = Standing(tenths, contact_id, contact)
                if len(best) < number:
                    heapq.heappush(best, standing)
                elif standing[:2] > best[0][:2]:
                    heapq.heapreplace(best, standing)
        return sorted(best, key=lambda one: one[:2], reverse=True)


class _Walk:
    """Goes down the bounds of all partitions together, the highest first."""

    def __init__(self, index: Ranked, name: str, number: int, start: Place | None) -> None:
        self._index = index
        self._name = name
        self._size = _FEW + 2 * number // index.partitions
        self._ends: dict[int, Place | None] = dict.fromkeys(range(index.partitions), start)
        self._waiting: list[Place] = []  # read and not given yet, the lowest first

    async def next(self, number: int, floor: Place | None) -> list[Place]:
        """At most so many of those that follow, and only above the floor; none: the walk is over."""
        while True:
            high = max((end or _TOP for end in self._ends.values()), default=_BOTTOM)
            given: list[Place] = []
            while len(given) < number and self._waiting and self._waiting[-1] >= high:
                place = self._waiting.pop()
                if floor is not None and place < floor:
                    self._waiting, self._ends = [], {}
                    break
                given.append(place)
            if given or not self._ends or (floor is not None and high < floor):
                return given
            await self._read(high)

    async def _read(self, high: Place) -> None:
        """Read on in the partitions of which the least is known: at first all, then those that hold up the others."""
        highest = sorted(self._ends, key=lambda partition: self._ends[partition] or _TOP, reverse=True)
        equal = sum((self._ends[partition] or _TOP) == high for partition in highest)
        some = highest[: max(equal, len(highest) // 4)]
        found = await self._index.below(self._name, {at: self._ends[at] for at in some}, self._size)
        for partition, places in found.items():
            if len(places) < self._size:
                del self._ends[partition]
            else:
                self._ends[partition] = places[-1]
            self._waiting += places
        self._waiting.sort()
        self._size = min(2 * self._size, _MOST)


_TOP: Place = (2**62, "")
_BOTTOM: Place = (-(2**62), "")
