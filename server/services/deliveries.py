"""Deliveries: every card, in every place, ends at the latest revision of its alert.

A courier takes a card for itself, posts or edits it, and writes down the outcome. It never trusts what rang: whatever
is due is brought to the alert as it is now. Each outcome of a channel has one answer:

    done                      the place shows the revision
    busy (`retry_after`)      nothing was sent: again at that moment, and nobody else calls the address before it
    down                      nothing was sent: again after a pause that doubles
    unsure, or no outcome     a post may have arrived: look for it and adopt it, else post again, marked as repeated
    refused                   given up, with the reason on record; the alert's next change tries again

New cards are first asked for at `services.holding`, which may hold them back, all that are taken at once. Digests lie
in the same outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import structlog
from msgspec.structs import replace

from rules.contact import Alert, Millis
from server.errors import Unavailable
from server.model.actor import Actor
from server.model.card import Card
from server.model.delivery import Delivery, Place, TakenCard
from server.model.digest import MARK
from server.ports import CardChannel, ChannelBusy, ChannelDown, Clock
from server.services.access import require
from server.services.alerts import Alerts
from server.services.copies import with_copy
from server.services.digests import Digests
from server.services.holding import Holding, New
from server.services.outcome import Shown, given_up, outcome
from server.services.pacing import Pacing
from server.services.rounds import Moments, Taken, work_off
from server.services.showing import show
from server.store.alerts import alert_partition
from server.store.outbox import Outbox
from server.store.store import Store

__all__ = ["Deliveries", "Undelivered"]

log = structlog.get_logger(__name__)

CHANNEL_TIMEOUT: Final[Millis] = 5000
HELD: Final[Millis] = 8000  # a card is one courier's alone for this long: longer than a channel's time-out
_IN_HAND: Final = 16  # of a partition; what somebody acted on goes through every call behind those of all partitions
_SORTING: Final = 4  # partitions whose cards are taken and sorted at once; the others' are not in hand meanwhile


class Undelivered(NamedTuple):
    """A card that was given up."""

    alert: str
    place: Place
    delivery: Delivery


class Deliveries:
    """Brings cards up to date. `channels` by platform; a place on any other platform fails, which is recorded.

    `timeout`: milliseconds that a channel may take, less than `HELD`. Without `holding` nothing is held back, without
    `digests` none is shown.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        alerts: Alerts,
        channels: Mapping[str, CardChannel],
        *,
        timeout: Millis = CHANNEL_TIMEOUT,
        holding: Holding | None = None,
        digests: Digests | None = None,
    ) -> None:
        self._holding = holding
        self._digests = digests
        self._store = store
        self._clock = clock
        self._alerts = alerts
        self._channels = channels
        self._timeout = timeout
        self._outbox = Outbox(store.redis, store.seal)
        self._pacing = Pacing(store)
        self._sorting = asyncio.Semaphore(_SORTING)
        self._stopping = False

    async def deliver(self, partition: int, bell: asyncio.Event | None = None) -> Moments:
        """Bring every card of a partition that is due up to date; return when something is due again, and where.

        Raises `Unavailable` where Redis does not answer; what was in hand is then found by a later call.
        """

        async def take(room: int) -> Taken[TakenCard]:
            async with self._sorting:
                return await self._take(partition, room)

        return await work_off(self._clock, partition, take, self._handle, at_once=_IN_HAND, bell=bell)

    def stop(self) -> None:
        """Begin nothing more: what is in hand comes to its end, the rest is left to others."""
        self._stopping = True

    async def next_due(self, *, within: Millis) -> Moments:
        """The partitions that must be looked at soon, and when: what a sweep finds that no bell told of."""
        moments = await self._outbox.next_due(range(self._store.partitions))
        soon = self._clock.now() + within
        return {partition: moment for partition, moment in moments.items() if moment <= soon}

    async def of_alert(self, actor: Actor, alert_id: str) -> dict[Place, Delivery]:
        """What is known of an alert's cards, by place. Raises `NotFound`, `Forbidden`."""
        alert = await self._alerts.get(actor, alert_id)
        home = alert_partition(alert.id, self._store.partitions)
        assert home is not None, "an alert that exists has a partition"
        return await self._outbox.deliveries(home, alert.id)

    async def undelivered(self, actor: Actor, limit: int = 50) -> list[Undelivered]:
        """The cards that were given up, the newest first, each with its reason. Raises `Forbidden`."""
        require(actor, "read", "viewer")
        found = await self._outbox.undelivered(range(self._store.partitions), limit)
        return [Undelivered(*row) for row in found]

    async def noticed(self, alert_id: str, platform: str, reference: str) -> None:
        """Somebody pressed a button on this message: if it is a copy that nobody knew of, keep it up to date too.

        Costs one round trip where it is known. Raises `Unavailable`.
        """
        home = alert_partition(alert_id, self._store.partitions)
        if home is None:
            return
        for _ in range(20):
            known = await self._outbox.deliveries(home, alert_id)
            found = with_copy(known, platform, reference)
            if found is None:
                return
            place, after = found
            if await self._outbox.note(home, alert_id, place, known[place], after, self._clock.now()):
                await self.deliver(home)
                return
            await asyncio.sleep(0.1)

    # --- what is due -------------------------------------------------------------------------------------------

    async def _take(self, partition: int, room: int) -> Taken[TakenCard]:
        """Take cards that are due; those that are to be held back are written down as such."""
        if self._stopping:
            return Taken((), 0, False)
        now = self._clock.now()
        cards, following = await self._outbox.take(partition, now, now + HELD, room)
        try:
            shown, again = await self._sort(cards)
        except Exception:  # nothing was sent
            await asyncio.gather(*(self._finish(card, _known(card), again=self._clock.now()) for card in cards))
            raise
        return Taken(shown, following, again or len(cards) == room)

    async def _sort(self, cards: Sequence[TakenCard]) -> tuple[list[TakenCard], bool]:
        """The cards that are to be brought up to date, and whether one that is held back has changed meanwhile."""
        if self._holding is None:
            return list(cards), False
        shown: list[TakenCard] = []
        new: list[tuple[TakenCard, New]] = []
        for card in cards:
            if (asked := await self._asked(card)) is None:
                shown.append(card)
            else:
                new.append((card, asked))
        reasons = await self._holding.why_held([asked for _, asked in new])
        now = self._clock.now()
        held: list[Awaitable[Moments]] = []
        for (card, (_, alert, before)), why in zip(new, reasons, strict=True):
            if why:
                after = replace(before, state="held", reason=why, revision=alert.revision, updated=now)
                held.append(self._finish(card, after))
            else:
                counted = replace(before, state="none", reason="", counted=now)
                shown.append(replace(card, alert=alert, delivery=counted))
        return shown, any(await asyncio.gather(*held))

    async def _asked(self, card: TakenCard) -> New | None:
        """A card that is nowhere yet, for which it is to be asked whether it may be shown; None for any other."""
        before = _known(card)
        if before.reference or before.counted or before.unsure or self._is_elsewhere(card):
            return None
        alert = card.alert
        if alert is None and not card.alert_id.startswith(MARK):
            alert = await self._store.alerts.load(card.alert_id)
        return None if alert is None or _up_to_date(before, alert) else New(card.place, alert, before)

    def _is_elsewhere(self, card: TakenCard) -> bool:
        """Whether what is known of a card lies in another partition than the one where it was due."""
        return alert_partition(card.alert_id, self._store.partitions) not in (None, card.partition)

    # --- one card ----------------------------------------------------------------------------------------------

    async def _handle(self, card: TakenCard) -> Moments:
        """Bring one card up to date; whatever goes wrong with it concerns no other."""
        try:
            return await self._bring(card)
        except Unavailable:  # before anything was sent
            return await self._finish(card, _known(card), again=self._clock.now())
        except Exception as error:
            log.exception("card failed", alert=card.alert_id, platform=card.place.platform)
            before = _known(card)
            shown = Shown(before.reference, ChannelDown(type(error).__name__))
            after, again = outcome(before, 0, shown, self._clock.now())
            return await self._finish(card, after, again=again)

    async def _bring(self, card: TakenCard) -> Moments:
        home = alert_partition(card.alert_id, self._store.partitions)
        if home is not None and self._is_elsewhere(card):
            # The contact was joined into one of this partition: what is known of the card stays where it began.
            await self._outbox.add(home, card.alert_id, [card.place], self._clock.now())
            await self._finish(card, None)
            return await self.deliver(home)
        if card.alert_id.startswith(MARK):
            return await self._bring_digest(card)
        alert = card.alert or await self._store.alerts.load(card.alert_id)
        if alert is None:
            return await self._finish(card, None)
        before = _known(card)
        if _up_to_date(before, alert):
            return await self._finish(card, before)

        async def face() -> Card:
            return await self._alerts.card(alert)

        return await self._when_due(card, alert.revision, face, before)

    async def _bring_digest(self, card: TakenCard) -> Moments:
        """A digest never changes: its card is posted once."""
        before = _known(card)
        if before.state == "sent":
            return await self._finish(card, before)
        shown = None if self._digests is None else await self._digests.card(card.alert_id)
        if shown is None:
            return await self._finish(card, None)

        async def face() -> Card:
            return shown

        return await self._when_due(card, shown.revision, face, before)

    async def _when_due(
        self, card: TakenCard, revision: int, make: Callable[[], Awaitable[Card]], before: Delivery
    ) -> Moments:
        """Call the channel now, or put the card back until it may be called."""
        now = self._clock.now()
        channel = self._channels.get(card.place.platform)
        if channel is None:
            return await self._finish(card, given_up(before, f"{card.place.platform} is not set up", now))
        if now < before.not_before:
            return await self._finish(card, before, again=before.not_before)
        editing = bool(before.reference)
        slot = await self._pacing.slot(card.place, editing=editing, reserved=before.slot, now=now)
        if slot > now:
            return await self._finish(card, replace(before, not_before=slot, slot=slot), again=slot)
        face = await make()
        if self._clock.now() + self._timeout > card.until:
            return await self._finish(card, before, again=self._clock.now())  # too late to call and still be alone
        shown = await show(channel, card, before, face, self._timeout)
        after, again = outcome(before, revision, shown, self._clock.now())
        if isinstance(shown.error, ChannelBusy) and again is not None:
            with suppress(Unavailable):
                await self._pacing.hold(card.place, editing=editing, now=self._clock.now(), moment=again)
        if shown.error is not None:
            log.warning(
                "card not delivered", alert=card.alert_id, platform=card.place.platform, state=after.state,
                attempts=after.attempts, reason=shown.error.reason,
            )  # fmt: skip
        return await self._finish(card, after, again=again)

    async def _finish(self, card: TakenCard, after: Delivery | None, *, again: Millis | None = None) -> Moments:
        """Write the outcome down, trying for as long as the card is ours: a lost outcome would repeat the card."""
        while True:
            try:
                moment = await self._outbox.finish(card, after, self._clock.now(), again=again)
                return {} if moment is None else {card.partition: moment}
            except Unavailable:
                if self._clock.now() + 300 > card.until:
                    log.warning("card left to a later courier", alert=card.alert_id, platform=card.place.platform)
                    return {}
                await asyncio.sleep(0.2)


def _up_to_date(before: Delivery, alert: Alert) -> bool:
    return before.state in ("sent", "held") and before.revision >= alert.revision


def _known(card: TakenCard) -> Delivery:
    """What is known of a card; where a courier died over its post, it may have been sent."""
    if card.died and not card.delivery.reference:
        return replace(card.delivery, state="unknown", unsure=True)
    return card.delivery
