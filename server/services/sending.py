"""Sending: each message that is due is handed to its channel once, or it is known to be uncertain.

A courier takes a message for itself and looks at everything that may speak against it, as it is at this moment:

    paused             its scenario or trigger is paused: it waits
    too late           it is past its `valid`
    consent            to its purpose, over its channel; a webhook needs one if its words hold a personal attribute
    address            the contact has a valid one, to which messages may go
    quiet hours        it waits until they are over
    words              there is a template, and it can be filled in
    limit              with the last look at the consent, in the one call that says that it is handed over now

What may not be sent is `refused`, for a reason on record, which its contact's history tells. What may is handed over;
a courier that dies from there on, and a channel that does not answer, leave it `unknown`: a person decides what then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import structlog
from msgspec.structs import replace

from rules.contact import Millis
from server.errors import Unavailable
from server.model.outgoing import MessageDelivery, Outbound
from server.ports import ChannelDown, ChannelError, ChannelRefused, ChannelUnsure, Clock, MessageChannel
from server.services.clearance import (
    Clearance,
    Later,
    Links,
    Messages,
    Moved,
    Own,
    Ready,
    Refused,
    Suppressions,
    paused,
)
from server.services.links import is_test
from server.services.message_outcome import REPEATED, ended, outcome, told
from server.services.message_pace import HURRY, MessagePace, Rate
from server.services.rounds import Moments, Taken, work_off
from server.services.rulebooks import Rulebooks
from server.services.tracking import IGNORED_AFTER, unread_member
from server.store.message_outbox import MessageOutbox, TakenMessage
from server.store.store import Store

__all__ = ["CHANNEL_TIMEOUT", "HELD", "Rate", "Sending"]

log = structlog.get_logger(__name__)

CHANNEL_TIMEOUT: Final[Millis] = 40_000  # longer than a mail server may take
HELD: Final[Millis] = 8000  # a message is one courier's alone for this long, until it is handed over
_MARGIN: Final[Millis] = 5000  # from a channel's time-out to the moment at which a courier counts as dead
_READS: Final = 20  # of a contact whose consent changes again and again
_IN_HAND: Final = 16  # messages of one partition
_UNREADABLE: Final[Millis] = 600_000  # until a message that cannot be opened is tried again
_SHORTEST_LOOK: Final[Millis] = 10_000  # at a paused rule
_LONGEST_LOOK: Final[Millis] = 60_000


class Sending:
    """Sends what is due. `channels` by name: a message over any other fails, which is recorded; they may grow.

    `rates`: what a channel bears. `timezone` is the zone of contacts that have none of their own. `timeout`:
    milliseconds that a channel may take.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        rulebooks: Rulebooks,
        messages: Messages,
        suppressions: Suppressions,
        links: Links,
        channels: Mapping[str, MessageChannel],
        timezone: str = "UTC",
        *,
        own: Own,
        rates: Mapping[str, Rate] | None = None,
        timeout: Millis = CHANNEL_TIMEOUT,
    ) -> None:
        self._store = store
        self._clock = clock
        self._rulebooks = rulebooks
        self._clearance = Clearance(store, clock, messages, suppressions, links, own, timezone)
        self._channels = channels
        self._timeout = timeout
        self._outbox = MessageOutbox(store.redis, store.seal, store.partitions)
        self._pace = MessagePace(store, clock, rates or {})
        self._stopping = False
        self._turns: dict[str, asyncio.Task[Moments]] = {}  # of contacts, so that theirs go in their order

    async def send(self, partition: int, bell: asyncio.Event | None = None) -> Moments:
        """Send every message of a partition that is due; return when something is due again, and where.

        Raises `Unavailable` where Redis does not answer; what was in hand is then found by a later call.
        """

        async def take(room: int) -> Taken[TakenMessage]:
            if self._stopping:
                return Taken((), 0, False)
            now = self._clock.now()
            taken, following = await self._outbox.take(partition, now, now + HELD, room)
            return Taken(taken, following, len(taken) == room)

        return await work_off(self._clock, partition, take, self._in_turn, at_once=_IN_HAND, bell=bell)

    def stop(self) -> None:
        """Begin nothing more: what is being handed over comes to its end, the rest is left to others."""
        self._stopping = True

    async def next_due(self, *, within: Millis) -> Moments:
        """The partitions that must be looked at soon, and when: what a sweep finds that no bell told of."""
        moments = await self._outbox.next_due(range(self._store.partitions))
        soon = self._clock.now() + within
        return {partition: moment for partition, moment in moments.items() if moment <= soon}

    # --- one message -------------------------------------------------------------------------------------------

    async def _in_turn(self, taken: TakenMessage) -> Moments:
        """Messages to one contact go one after the other."""
        contact = taken.delivery.contact if taken.delivery else ""
        before, own = self._turns.get(contact), asyncio.current_task()
        assert own is not None, "a round makes a task of each"
        self._turns[contact] = own
        try:
            if before is not None:
                await asyncio.wait({before})
            return await self._handle(taken)
        finally:
            if self._turns.get(contact) is own:
                del self._turns[contact]

    async def _handle(self, taken: TakenMessage) -> Moments:
        """Bring one message to its end, or put it back; whatever goes wrong with it concerns no other."""
        delivery = taken.delivery
        if delivery is None:
            log.error("message cannot be opened", delivery=taken.id)
            await self._outbox.put_off(taken, self._clock.now() + _UNREADABLE)
            return {}
        if delivery.state == "sending" and delivery.channel in REPEATED:
            delivery = replace(delivery, state="waiting")
        if delivery.state == "sending":
            return await self._finish(taken, ended(delivery, "unknown", "died", self._clock.now()))
        try:
            return await self._bring(taken, delivery)
        except Refused as refused:
            return await self._finish(taken, ended(delivery, "refused", refused.reason, self._clock.now()))
        except Later as later:
            after = replace(delivery, not_before=later.moment, slot=later.slot)
            return await self._finish(taken, after, again=later.moment)
        except Moved as moved:
            return await self._move(taken, delivery, moved.contact)
        except Unavailable:  # before anything was handed over
            return await self._finish(taken, delivery, again=self._clock.now() + HURRY)
        except Exception as error:
            log.exception("message failed", delivery=taken.id, channel=delivery.channel)
            after, again = outcome(delivery, "", ChannelDown(type(error).__name__), self._clock.now())
            return await self._finish(taken, after, again=again)

    async def _bring(self, taken: TakenMessage, delivery: MessageDelivery) -> Moments:
        now, book = self._clock.now(), await self._rulebooks.live()
        if paused(delivery, book):
            waited = now - max(delivery.due, delivery.created)
            raise Later(now + min(max(waited // 4, _SHORTEST_LOOK), _LONGEST_LOOK))
        channel = self._channels.get(delivery.channel)
        if channel is None:
            return await self._finish(taken, ended(delivery, "failed", "no_channel", now))
        async with self._pace.room(delivery.channel, taken.until):
            if self._stopping:
                raise Later(self._clock.now())
            for _ in range(_READS):
                ready = await self._clearance.ready(delivery, channel, book)
                await self._pace.wait(delivery)
                if (held := await self._begin(taken, ready)) is not None:
                    return await self._hand_over(held, channel, ready.outbound)
        raise Unavailable("the contact's consents change all the time", code="busy_contact")

    async def _begin(self, taken: TakenMessage, ready: Ready) -> TakenMessage | None:
        """Say that it is handed over from now on, if nothing has changed since it was read; None: read again."""
        now = self._clock.now()
        until = now + self._timeout + _MARGIN
        reserved = now if ready.limit else 0
        delivery = replace(ready.outbound.delivery, state="sending", updated=now, reserved=reserved)
        while True:
            try:
                start, held, moved = await self._outbox.begin(
                    taken, delivery, records=ready.records, limit=ready.limit, now=now, until=until
                )
                break
            except Unavailable:  # it may have begun: asked again, it says so
                if self._clock.now() + 300 > taken.until:
                    raise
                await asyncio.sleep(0.2)
        match start:
            case "begun":
                return held
            case "again":
                return None
            case "moved":
                raise Moved(moved)
            case "over":
                raise Refused("over_limit")
            case "lost":
                raise Later(now)  # another courier has it: nothing that this one says is written

    async def _hand_over(self, held: TakenMessage, channel: MessageChannel, outbound: Outbound) -> Moments:
        """Call the channel; from here on the message may have been sent."""
        assert held.delivery is not None, "it has just begun"
        delivery = held.delivery
        reference, error = await self._called(channel, replace(outbound, delivery=delivery))
        now = self._clock.now()
        after, again = outcome(delivery, reference, error, now)
        if error is not None:
            log.warning(
                "message not sent", delivery=delivery.id, channel=delivery.channel, state=after.state,
                attempts=after.attempts, reason=error.reason,
            )  # fmt: skip
        dead = isinstance(error, ChannelRefused) and error.suppress
        if dead:
            with suppress(Unavailable):
                await self._clearance.suppress(outbound)
        nothing_sent = after.state in ("waiting", "failed")
        given_back = delivery.reserved if nothing_sent and delivery.reserved else None
        unread = None
        if after.state == "sent" and outbound.tracked and delivery.channel == "email" and not is_test(delivery):
            unread = unread_member(delivery.contact, delivery.id, delivery.message), now + IGNORED_AFTER
        after = replace(after, reserved=0)
        return await self._finish(held, after, again=again, given_back=given_back, unread=unread, dead=dead)

    async def _called(self, channel: MessageChannel, outbound: Outbound) -> tuple[str, ChannelError | None]:
        try:
            async with asyncio.timeout(self._timeout / 1000):
                return await channel.send(outbound), None
        except ChannelError as error:
            return "", error
        except TimeoutError:
            return "", ChannelUnsure("no_answer")
        except Exception as error:  # a channel's own fault must not stop the others, nor repeat the message
            log.exception("channel failed", channel=outbound.delivery.channel, delivery=outbound.delivery.id)
            return "", ChannelUnsure(type(error).__name__)

    # --- the outcome -------------------------------------------------------------------------------------------

    async def _move(self, taken: TakenMessage, delivery: MessageDelivery, contact: str) -> Moments:
        """The contact was joined into another: its message goes after it, whoever tries it how often."""
        now, home = self._clock.now(), self._store.partition(contact)
        after = replace(delivery, contact=contact, not_before=now, slot=0)
        if home == taken.partition:
            await self._outbox.index(after)
            return await self._finish(taken, after, again=now)
        await self._outbox.add(after)
        await self._outbox.finish(taken, delivery, now, moved_to=contact)
        return {home: now}

    async def _finish(
        self,
        taken: TakenMessage,
        after: MessageDelivery,
        *,
        again: Millis | None = None,
        given_back: Millis | None = None,
        unread: tuple[str, Millis] | None = None,
        dead: bool = False,
    ) -> Moments:
        """Write the outcome down, trying for as long as the message is ours: one that is lost leaves it unknown."""
        entry = told(after, self._clock.now(), dead=dead)
        while True:
            try:
                now = self._clock.now()
                written = await self._outbox.finish(
                    taken, after, now, again=again, given_back=given_back, entry=entry, unread=unread
                )
                return {taken.partition: again} if written and again is not None else {}
            except Unavailable:
                if self._clock.now() + 300 > taken.until:
                    log.warning("message left to a later courier", delivery=taken.id, channel=after.channel)
                    return {}
                await asyncio.sleep(0.2)
