"""Taking events in: from decoded calls to entries that Redis has, or to rejections that say why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from server.errors import FieldError, Forbidden, Invalid, Unavailable
from server.model.source import Source
from server.ports import Clock
from server.services.calls import Arrival, Call, moment_of, read_call
from server.services.joining import Joining
from server.services.rates import Rates
from server.services.strict import Broken, Item
from server.store.rejected import Rejected, RejectedEvent
from server.store.store import Store

__all__ = ["MAX_BATCH", "MAX_EVENT", "Ingest", "Rejection"]

MAX_BATCH = 2_500
MAX_EVENT = 32 * 1024  # bytes


class Rejection(msgspec.Struct, frozen=True):
    """An event of a batch that was not taken, by its place in the batch, and why."""

    index: int
    errors: list[FieldError]


class Ingest:
    """Takes events. Whatever returns without an error is stored."""

    def __init__(self, store: Store, clock: Clock, joining: Joining, rates: Rates) -> None:
        self._store = store
        self._clock = clock
        self._joining = joining
        self._rates = rates
        self._rejected = Rejected(store.redis, store.seal)

    async def one(self, source: Source, kind: str, event: Item) -> None:
        """Take one event. Raises `Invalid` (and keeps it for inspection), `Forbidden`, `TooFast`, `Unavailable`."""
        if kind == "alias" and source.kind == "browser":
            raise Forbidden("a browser source may not alias; use a server source", code="browser_alias")
        rejections = await self._take(source, kind, [event], self._arrival(source, {}))
        if rejections:
            raise Invalid("the event is not valid", rejections[0].errors, code="bad_event")

    async def batch(
        self, source: Source, events: Sequence[Item], envelope: dict[str, Any], *, history_only: bool = False
    ) -> list[Rejection]:
        """Take the events of a batch, each of the kind that its `type` says; return those that are not taken.

        `history_only` is for imports: their times are taken as they are and they start nothing. `envelope` holds what
        the batch says beside its events. Raises `Invalid` for the batch as a whole, `TooFast`, `Unavailable`.
        """
        if len(events) > MAX_BATCH:
            wrong = FieldError("batch", f"has more than {MAX_BATCH} events")
            raise Invalid("the batch is too long", [wrong], code="long_batch")
        return await self._take(source, "", events, self._arrival(source, envelope, history_only=history_only))

    async def again(self, kept: RejectedEvent, event: Item, message_id: str) -> None:
        """Take an event that was rejected before; `message_id` where it has none, so that twice is once."""
        arrival = Arrival(
            received=kept.received,
            source=kept.source,
            trusted=kept.trusted,
            sent=kept.sent,
            history_only=kept.history_only,
        )
        if isinstance(event.value, dict):
            event.value.setdefault("messageId", message_id)
        calls, rejections = _read(kept.kind, [event], arrival)
        if rejections:
            raise Invalid("the event is still not valid", rejections[0].errors, code="bad_event")
        await self._append(calls)

    def _arrival(self, source: Source, envelope: dict[str, Any], *, history_only: bool = False) -> Arrival:
        return Arrival(
            received=self._clock.now(),
            source=source.name,
            trusted=source.kind != "browser",
            sent=moment_of(envelope, "sentAt"),
            history_only=history_only,
        )

    async def _take(self, source: Source, kind: str, events: Sequence[Item], arrival: Arrival) -> list[Rejection]:
        await self._rates.spend(source.name, len(events), source.rate)
        calls, rejections = _read(kind, events, arrival)
        if calls:
            await self._append(calls)
        if rejections:
            await self._keep(kind, events, rejections, arrival)
        return rejections

    async def _append(self, calls: Sequence[Call]) -> None:
        """Append the entries of calls in their order, then join the contacts that they show to be one.

        Joins come last: a sender who hears of a failure sends again, the events are then known by their message ids
        and the joins are started again.
        """
        callers = [call.caller for call in calls]
        known = self._store.identities.recall(callers)
        if known is not None:
            contacts, expected = known
            entries = [(contact, call.entry) for contact, call in zip(contacts, calls, strict=True)]
            if await self._store.log.append_if(entries, expected) is not None:
                await self._follow(calls, contacts)
                return
        resolved = await self._store.identities.resolve_many(callers)
        joins: dict[tuple[str, str], None] = {}
        for who in resolved:
            if who.joins:
                joins[who.joins, who.contact] = None
        contacts = [who.contact for who in resolved]
        await self._store.log.append([(contact, call.entry) for contact, call in zip(contacts, calls, strict=True)])
        for old, into in joins:
            await self._joining.join(old, into)
        await self._follow(calls, contacts)

    async def _follow(self, calls: Sequence[Call], contacts: Sequence[str]) -> None:
        """What `identify` and `alias` calls say of their contacts beside their entry."""
        for call, contact in zip(calls, contacts, strict=True):
            if call.email:
                await self._joining.claim_email(contact, call.email)
            if call.previous:
                await self._alias(call.previous, contact)

    async def _alias(self, previous: str, contact: str) -> None:
        identities = self._store.identities
        old = await identities.find("anonymous", previous) or await identities.find("user", previous)
        if old is None:
            old = await identities.claim("anonymous", previous, contact)
        if old != contact:
            await self._joining.alias(old, contact)

    async def _keep(self, kind: str, events: Sequence[Item], rejections: Sequence[Rejection], arrival: Arrival) -> None:
        """Keep rejected events for inspection; that this cannot be done changes no answer."""
        kept = [
            RejectedEvent(
                raw=events[rejection.index].raw[:MAX_EVENT],
                kind=kind,
                source=arrival.source,
                trusted=arrival.trusted,
                received=arrival.received,
                sent=arrival.sent,
                history_only=arrival.history_only,
                errors=rejection.errors,
            )
            for rejection in rejections
        ]
        try:
            await self._rejected.keep(kept)
        except Unavailable:
            return


def _read(kind: str, events: Sequence[Item], arrival: Arrival) -> tuple[list[Call], list[Rejection]]:
    calls: list[Call] = []
    rejections: list[Rejection] = []
    for index, (raw, value) in enumerate(events):
        if len(raw) > MAX_EVENT:
            rejections.append(Rejection(index, [FieldError("", f"is over {MAX_EVENT // 1024} KB")]))
        elif isinstance(value, Broken):
            rejections.append(Rejection(index, value.errors))
        else:
            try:
                calls.append(read_call(value, kind or _type(value), arrival))
            except Invalid as error:
                rejections.append(Rejection(index, error.errors))
    return calls, rejections


def _type(value: dict[str, Any]) -> str:
    kind = value.get("type")
    return kind if isinstance(kind, str) else ""
