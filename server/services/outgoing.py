"""Deliveries of messages for those who look after them: what waits, went out, was refused, failed, is uncertain."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final, get_args

import msgspec
import structlog
from msgspec.structs import replace

from rules.contact import Contact
from server.errors import Conflict, NotFound
from server.model.actor import SYSTEM, Actor
from server.model.outgoing import MessageDelivery, MessageState
from server.ports import Clock
from server.services.access import require
from server.services.contacts import Contacts
from server.services.links import is_test
from server.services.views import bad_cursor, moment
from server.store.message_outbox import Found, MessageOutbox
from server.store.message_records import MessageRecords
from server.store.store import Store

__all__ = ["STATES", "TROUBLED", "DeliveryPage", "DeliveryView", "Outgoing"]

log = structlog.get_logger(__name__)

STATES: Final[tuple[MessageState, ...]] = get_args(MessageState)
TROUBLED: Final[tuple[MessageState, ...]] = ("unknown", "failed", "refused")  # what somebody may want to look at
_RETRIED: Final[frozenset[MessageState]] = frozenset(("failed", "unknown", "refused", "dropped"))
_DROPPED: Final[frozenset[MessageState]] = frozenset(("waiting", "failed", "unknown"))
_CURSOR: Final = re.compile(r"\d{1,16}:[a-z0-9-]{1,100}")
_TRIES: Final = 5


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """A message to a contact. `reason` says why it was refused, failed or is unknown, or why the last try failed;
    `due` when it is tried next, else when it was due; `test`: somebody sent it to themselves."""

    id: str
    contact: str
    channel: str
    message: str
    purpose: str
    scenario: str | None
    trigger: str | None
    state: MessageState
    reason: str
    attempts: int
    created: datetime
    due: datetime
    updated: datetime
    test: bool

    @classmethod
    def of(cls, delivery: MessageDelivery) -> DeliveryView:
        return cls(
            id=delivery.id,
            contact=delivery.contact,
            channel=delivery.channel,
            message=delivery.message,
            purpose=delivery.purpose,
            scenario=delivery.rule if delivery.statement == "scenario" else None,
            trigger=delivery.rule if delivery.statement == "trigger" else None,
            state=delivery.state,
            reason=delivery.reason,
            attempts=delivery.attempts,
            created=moment(delivery.created),
            due=moment(delivery.not_before or delivery.due),
            updated=moment(delivery.updated or delivery.created),
            test=is_test(delivery),
        )


class DeliveryPage(msgspec.Struct, frozen=True):
    """Some deliveries, the newest first, and the cursor of the next page (None: there is none)."""

    deliveries: list[DeliveryView]
    next: str | None


class Outgoing:
    """Lists deliveries, and has them tried again or dropped."""

    def __init__(self, store: Store, clock: Clock, contacts: Contacts) -> None:
        self._clock = clock
        self._contacts = contacts
        self._outbox = MessageOutbox(store.redis, store.seal, store.partitions)
        self._records = MessageRecords(store.redis, store.seal, store.partitions)

    async def listing(
        self,
        actor: Actor,
        states: Collection[MessageState] = (),
        ref: str = "",
        cursor: str | None = None,
        limit: int = 50,
    ) -> DeliveryPage:
        """Deliveries in these states (none: in any), of one contact or of all, the latest to come into it first.

        Raises `Forbidden`, `NotFound` for the contact, `Invalid` for a bad cursor.
        """
        require(actor, "read", "marketer")
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise bad_cursor()
        wanted = states or STATES
        if ref:
            contact = await self._contacts.find(SYSTEM, ref)
            found, following = await self._records.of_contacts(_ids(contact), wanted, limit, cursor)
        else:
            found, following = await self._records.listing(wanted, limit, cursor)
        return DeliveryPage([DeliveryView.of(delivery) for delivery in found], following)

    async def counts(self, actor: Actor) -> dict[MessageState, int]:
        """How many deliveries are in each state, as far as they are kept. Raises `Forbidden`."""
        require(actor, "read", "marketer")
        return await self._records.counts()

    async def get(self, actor: Actor, delivery: str) -> DeliveryView:
        """One delivery. Raises `Forbidden`, `NotFound`."""
        require(actor, "read", "marketer")
        return DeliveryView.of((await self._find(delivery)).delivery)

    async def retry(self, actor: Actor, delivery: str) -> DeliveryView:
        """Have a message tried again that was refused, failed, was dropped, or of which nobody knows whether it
        arrived. All checks are made again, but for how long it was valid: who tries it again has decided that.

        Raises `Forbidden`, `NotFound`, and `Conflict` where it waits, is being sent, or was sent.
        """
        require(actor, "write", "marketer")
        now = self._clock.now()

        def again(before: MessageDelivery) -> MessageDelivery:
            by = before.by if is_test(before) else actor.id
            return replace(
                before, state="waiting", reason="", attempts=0, since=0, not_before=now, valid_until=0, slot=0, by=by,
                updated=now,
            )  # fmt: skip

        return await self._change(actor, delivery, "retry", _RETRIED, again)

    async def drop(self, actor: Actor, delivery: str) -> DeliveryView:
        """Let a message not go out that waits, or not be looked at any more that failed or is uncertain.

        Raises `Forbidden`, `NotFound`, and `Conflict` where it is being sent, or was sent, refused or dropped.
        """
        require(actor, "write", "marketer")
        now = self._clock.now()

        def dropped(before: MessageDelivery) -> MessageDelivery:
            return replace(before, state="dropped", not_before=0, slot=0, updated=now)

        return await self._change(actor, delivery, "drop", _DROPPED, dropped)

    async def _change(
        self,
        actor: Actor,
        delivery: str,
        act: str,
        allowed: Collection[MessageState],
        change: Callable[[MessageDelivery], MessageDelivery],
    ) -> DeliveryView:
        state: MessageState = "sending"
        for _ in range(_TRIES):
            found = await self._find(delivery)
            state = found.delivery.state
            if state not in allowed:
                break
            after = change(found.delivery)
            due = after.not_before if after.state == "waiting" else None
            if await self._outbox.change(found, after, self._clock.now(), due=due):
                log.info("delivery changed", delivery=after.id, act=act, before=state, by=actor.id)
                return DeliveryView.of(after)
            state = "sending"
        raise Conflict(
            f"this message is {state}: that cannot be done", current=state, code=f"cannot_{act}", state=state
        )

    async def _find(self, delivery: str) -> Found:
        found = await self._records.find(delivery.strip().lower())
        if found is None:
            raise NotFound("there is no such delivery, or none any more; `deliveries` lists them", code="no_delivery")
        return found


def _ids(contact: Contact) -> list[str]:
    """All ids that a contact has had: its own, and those of the contacts that were joined into it."""
    return [contact.id, *dict.fromkeys(merge.partition(">")[0] for merge in contact.merged)]
