"""What keeps a new card out of a chat: a rule that somebody muted there, an hour that is full.

A place takes `BUDGET` new cards in an hour of the clock. What is more is held back, and one card at the end of the
hour says how many; the alerts are there, `leads` lists them. A mute holds the new cards of one rule back in one chat,
until a moment. A card that is held is shown after all when its alert changes later while it is still open, and there
is room. Cards that are there are kept up to date in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from rules.contact import Alert, Millis
from rules.near import nearest
from server.errors import Invalid, NotFound
from server.model.actor import Actor
from server.model.delivery import Delivery, Place
from server.model.digest import MARK, DigestCard
from server.ports import Clock
from server.services.access import require
from server.services.rulebooks import Rulebooks
from server.store.digests import Digests
from server.store.holding import Holding as Kept
from server.store.store import Store

__all__ = ["BUDGET", "HOUR", "Holding", "New"]

BUDGET: Final = 60  # new cards of a place in an hour
HOUR: Final[Millis] = 3_600_000
MUTED: Final = "muted"
FULL: Final = "the place's hour is full"
_FRESH: Final[Millis] = 1000
_LONGEST: Final[Millis] = 31 * 24 * HOUR


class New(NamedTuple):
    """A card that is nowhere yet, and what is known of it."""

    place: Place
    alert: Alert
    before: Delivery


class Holding:
    """Says whether a new card may be shown; `budget` may be another in tests."""

    def __init__(self, store: Store, clock: Clock, rulebooks: Rulebooks, *, budget: int = BUDGET) -> None:
        self.budget = budget
        self._kept = Kept(store.redis, store.seal)
        self._digests = Digests(store.redis, store.seal, store.partitions)
        self._clock = clock
        self._rulebooks = rulebooks
        self._mutes: dict[str, Millis] = {}
        self._asked: Millis = -_FRESH
        self._told: set[str] = set()  # cards about full hours that this process has made

    async def why_held(self, cards: Sequence[New]) -> list[str]:
        """Why each of some cards is to be held back; "" for one that may be shown: then it is counted.

        A courier that dies over the answer takes no room: the next one is given the same. Raises `Unavailable`.
        """
        now = self._clock.now()
        await self._look_at_mutes(now)
        reasons = [self._known_reason(card, now) for card in cards]
        hour = now - now % HOUR
        counted = [at for at, why in enumerate(reasons) if not why and cards[at].place.platform != "terminal"]
        numbers = await self._kept.numbers(hour, [(cards[at].place, cards[at].alert.id) for at in counted])
        for at, number in zip(counted, numbers, strict=True):
            if number > self.budget:
                reasons[at] = FULL
        for place in {cards[at].place for at in counted if reasons[at]}:
            await self._tell(place, hour)
        return reasons

    async def held(self, place: Place, hour: Millis) -> int:
        """How many cards a place's full hour has held back."""
        return max(await self._kept.counted(place, hour) - self.budget, 0)

    async def mute(self, actor: Actor, rule: str, platform: str, addresses: tuple[str, ...], until: Millis) -> Place:
        """Let no new card of a rule appear in a chat until a moment (a past one: let them again).

        Returns which place that is: a chat is known by several addresses, such as its id and its name. Raises
        `Forbidden`, `NotFound` for what is no trigger or scenario, `Invalid` where no team's cards come to this chat,
        or the moment is more than a month away.
        """
        require(actor, "write", "rep")
        book, now = await self._rulebooks.live(), self._clock.now()
        if rule not in book.triggers and rule not in book.scenarios:
            near = nearest(rule, (*book.triggers, *book.scenarios)) or ""
            raise NotFound("there is no such trigger or scenario", code="no_trigger", name=rule, near=near)
        if until > now + _LONGEST:
            raise Invalid("a rule is muted for at most a month", code="long_mute")
        teams = [Place(target.platform, target.address) for team in book.teams.values() for target in team.targets]
        here = [Place(platform, address) for address in addresses]
        places = [place for place in here if place in teams or place.platform == "terminal"]
        if not places:
            raise Invalid("no cards come to this chat", code="no_cards_here", name=rule)
        for place in places:
            await self._kept.mute(rule, place, until, now)
        self._asked = now - _FRESH
        return places[0]

    async def _look_at_mutes(self, now: Millis) -> None:
        if not self._asked <= now < self._asked + _FRESH:
            self._mutes = await self._kept.mutes()
            self._asked = now

    def _known_reason(self, card: New, now: Millis) -> str:
        """Why a card is held back whatever the room there is; "" where only room decides."""
        if card.before.state == "held" and card.alert.status != "open":
            return card.before.reason
        if self._mutes and self._mutes.get(self._kept.muted(card.alert.trigger, card.place), 0) > now:
            return MUTED
        return ""

    async def _tell(self, place: Place, hour: Millis) -> None:
        """See to it that the end of the hour tells how many were held back."""
        card_id = MARK + sha256(f"held\0{place}\0{hour}".encode()).hexdigest()[:16]
        if card_id in self._told:
            return
        card = DigestCard(id=card_id, kind="held", created=self._clock.now(), since=hour, place=str(place))
        await self._digests.put(card, [place], hour + HOUR)
        if len(self._told) > 1000:
            self._told.clear()
        self._told.add(card_id)
