"""The outbox of messages: which are due, which a courier has, which are being handed over, what became of each.

Who takes a message has it alone until a moment, which is also the proof of possession: a later courier's is always
later. `begin` says that it is handed over from now on; a courier that dies behind that leaves it as it is, in state
`sending`, and the next one knows that it may have been sent.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from rules.contact import Millis
from rules.entry import Entry
from server.model.outgoing import MessageDelivery, MessageState
from server.store import keys
from server.store.coalesce import Coalescer
from server.store.codec import SealError
from server.store.faults import redis_needed
from server.store.scripts import script
from server.store.wire import Word

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["SEAL", "Found", "MessageOutbox", "Reservation", "Start", "TakenMessage", "commands_to_add"]

SEAL: Final = "delivery"  # the kind of record that a delivery is sealed as
_DAY: Final[Millis] = 86_400_000
_KEPT: Final[dict[MessageState, Millis]] = {
    "sent": 90 * _DAY, "delivered": 90 * _DAY, "refused": 90 * _DAY, "dropped": 90 * _DAY,
    "failed": 365 * _DAY, "unknown": 365 * _DAY,
}  # fmt: skip
_LISTED: Final = 10_000  # deliveries of one state and partition that are over
_ALL: Final = 1 << 40
_OF_CONTACT: Final = 500
_WAITING: Final[frozenset[MessageState]] = frozenset(("waiting", "sending"))

Start = Literal["begun", "lost", "moved", "again", "over"]


class TakenMessage(NamedTuple):
    """A message that one courier has for itself until a moment; `delivery` is None where it cannot be opened."""

    partition: int
    id: str
    until: Millis
    delivery: MessageDelivery | None


class Reservation(NamedTuple):
    """A place under a limit: at most `number` after a moment, of what went over the channel; known for `keep`
    milliseconds (0: for good)."""

    number: int
    after: Millis
    keep: Millis


class Found(NamedTuple):
    """A delivery, where it lies, and its row as it is stored."""

    partition: int
    delivery: MessageDelivery
    row: bytes


def commands_to_add(partition: int, delivery: MessageDelivery, seal: Sealer) -> list[list[Word]]:
    """What puts a new message on its way, as commands of a commit."""
    return [
        ["SET", keys.delivery(partition, delivery.id), seal.encode(SEAL, delivery)],
        ["ZADD", keys.messages_due(partition), delivery.not_before or delivery.created, delivery.id],
        ["ZADD", keys.deliveries(partition, "waiting"), delivery.created, delivery.id],
        ["ZADD", keys.deliveries_of(partition, delivery.contact), delivery.created, delivery.id],
        ["ZREMRANGEBYRANK", keys.deliveries_of(partition, delivery.contact), 0, -1 - _OF_CONTACT],
    ]


class MessageOutbox:
    """Hands messages to couriers and writes down the outcomes; raises `Unavailable` where Redis does not answer."""

    def __init__(self, redis: Redis, seal: Sealer, partitions: int) -> None:
        self._redis = redis
        self._seal = seal
        self._partitions = partitions
        self._take = script("message_take")
        self._begin = Coalescer(self._begin_each, limit=200, parallel=2)
        self._finish = Coalescer(self._finish_each, limit=200, parallel=2)

    async def add(self, delivery: MessageDelivery) -> bool:
        """Put a message on its way, due at `not_before`; False where one of its id is known already."""
        partition = self._partition(delivery.contact)
        names = [
            keys.delivery(partition, delivery.id),
            keys.messages_due(partition),
            keys.deliveries(partition, "waiting"),
            keys.deliveries_of(partition, delivery.contact),
        ]
        row = self._seal.encode(SEAL, delivery)
        words = [delivery.id, row, delivery.not_before or delivery.created, delivery.created, _OF_CONTACT]
        with redis_needed():
            return bool(await script("message_add")(self._redis, names, words))

    async def take(self, partition: int, now: Millis, until: Millis, limit: int) -> tuple[list[TakenMessage], Millis]:
        """Take up to `limit` messages that are due, each for this courier alone until `until`.

        Returns them, and when the next one is due: 0 where none is.
        """
        with redis_needed():
            rows, following = await self._take(
                self._redis,
                [keys.messages_due(partition), keys.messages_sending(partition)],
                [now, until, limit, keys.delivery(partition, "")],
            )
        taken = [TakenMessage(partition, name.decode(), until, self._opened(row)) for name, row in rows]
        return taken, following

    async def begin(
        self,
        taken: TakenMessage,
        delivery: MessageDelivery,
        *,
        records: int | None,
        limit: Reservation | None,
        now: Millis,
        until: Millis,
    ) -> tuple[Start, TakenMessage, str]:
        """Say that a message is handed over from now on, for which it is this courier's until `until`.

        `records` is how many consent records the contact had when its consent was looked at (None: it needs none).
        Returns what came of it, the message as it is held now, and, where it `moved`, the contact that it belongs to.
        Nothing but `begun` writes; it may be asked again where the answer was lost.
        """
        partition, contact = taken.partition, delivery.contact
        names = [
            keys.messages_sending(partition),
            keys.delivery(partition, taken.id),
            keys.joined(partition),
            keys.consents(partition, keys.bucket_of(contact, self._partitions)),
            keys.sent_to(partition, contact),
        ]
        row = self._seal.encode(SEAL, delivery)
        reserved = ("", "", "") if limit is None else limit
        words = [taken.id, taken.until, until, row, contact, "" if records is None else records, now, delivery.channel]
        with redis_needed():
            [answer] = await self._begin([(names, [*words, *reserved])])
        start: Start = answer[0].decode()
        held = taken._replace(until=until, delivery=delivery) if start == "begun" else taken
        return start, held, answer[1].decode() if start == "moved" else ""

    async def finish(
        self,
        taken: TakenMessage,
        delivery: MessageDelivery | None,
        now: Millis,
        *,
        again: Millis | None = None,
        given_back: Millis | None = None,
        entry: Entry | None = None,
    ) -> bool:
        """Write down what became of a message (None: forget it) and let go of it; `again`: due again at that moment.

        `given_back` is the moment that was reserved under its limit, where nothing was sent; `entry` goes into the
        contact's log. Returns False where another courier has taken it over: then nothing is written.
        """
        partition = taken.partition
        known = delivery or taken.delivery
        contact, channel = (known.contact, known.channel) if known else ("", "")
        state = known.state if known else "failed"
        names = [
            keys.messages_due(partition),
            keys.messages_sending(partition),
            keys.delivery(partition, taken.id),
            keys.deliveries(partition, "waiting"),
            keys.deliveries(partition, state),
            keys.deliveries_of(partition, contact),
            keys.sent_to(partition, contact),
            keys.log(partition),
        ]
        words = [
            taken.id,
            taken.until,
            b"" if delivery is None else self._seal.encode(SEAL, delivery),
            "" if again is None else again,
            now,
            _KEPT.get(state, 0),
            _LISTED,
            channel,
            "" if given_back is None else given_back,
            contact,
            b"" if entry is None else self._seal.encode("log", entry),
        ]
        with redis_needed():
            [written] = await self._finish([(names, words)])
        return bool(written)

    async def change(self, found: Found, after: MessageDelivery, now: Millis, *, due: Millis | None = None) -> bool:
        """Change a message that no courier has; False where one has it, or it is not as it was found any more."""
        partition, state = found.partition, after.state
        names = [
            keys.messages_due(partition),
            keys.messages_sending(partition),
            keys.delivery(partition, after.id),
            keys.deliveries(partition, _index(found.delivery.state)),
            keys.deliveries(partition, _index(state)),
        ]
        row, listed = self._seal.encode(SEAL, after), _ALL if state in _WAITING else _LISTED
        words = [after.id, found.row, row, "" if due is None else due, now, _KEPT.get(state, 0), listed]
        with redis_needed():
            return bool(await script("message_change")(self._redis, names, words))

    # --- reading -----------------------------------------------------------------------------------------------

    async def next_due(self, partitions: Iterable[int]) -> dict[int, Millis]:
        """When each partition must be looked at next: at its first due message, or where a courier's time ends."""
        asked = list(partitions)
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for partition in asked:
                    pipe.zrange(keys.messages_due(partition), 0, 0, withscores=True)
                    pipe.zrange(keys.messages_sending(partition), 0, 0, withscores=True)
                firsts: list[list[tuple[bytes, float]]] = await pipe.execute()
        moments: dict[int, Millis] = {}
        for index, partition in enumerate(asked):
            scores = [int(first[0][1]) for first in firsts[2 * index : 2 * index + 2] if first]
            if scores:
                moments[partition] = min(scores)
        return moments

    async def find(self, delivery_id: str, contact: str = "") -> Found | None:
        """A delivery by its id; looked for in every partition where its contact is not told, or was joined away."""
        if contact:
            [row] = await self._rows([(self._partition(contact), delivery_id)])
            if row is not None:
                return self._found(self._partition(contact), row)
        rows = await self._rows([(partition, delivery_id) for partition in range(self._partitions)])
        return next((self._found(at, row) for at, row in enumerate(rows) if row is not None), None)

    async def listing(
        self, states: Collection[MessageState], limit: int, cursor: str | None = None
    ) -> tuple[list[MessageDelivery], str | None]:
        """Deliveries in these states, the newest in it first, and the cursor of the next page (None: there is none)."""
        indexes = sorted({_index(state) for state in states})
        named = [(keys.deliveries(at, state), at) for state in indexes for at in range(self._partitions)]
        return await self._page(named, limit, cursor, states)

    async def of_contacts(
        self, contacts: Sequence[str], states: Collection[MessageState], limit: int, cursor: str | None = None
    ) -> tuple[list[MessageDelivery], str | None]:
        """The deliveries of a contact, of all the ids that it has had, in these states, the newest first."""
        homes = [(keys.deliveries_of(self._partition(one), one), self._partition(one)) for one in contacts]
        return await self._page(homes, limit, cursor, states)

    async def counts(self) -> dict[MessageState, int]:
        """How many deliveries each state's index holds."""
        states: list[MessageState] = ["waiting", "sent", "delivered", "refused", "failed", "unknown", "dropped"]
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for state in states:
                    for partition in range(self._partitions):
                        pipe.zcard(keys.deliveries(partition, state))
                sizes = await pipe.execute()
        step = self._partitions
        return {state: sum(sizes[at * step : (at + 1) * step]) for at, state in enumerate(states)}

    async def _page(
        self, named: Sequence[tuple[str, int]], limit: int, cursor: str | None, states: Collection[MessageState]
    ) -> tuple[list[MessageDelivery], str | None]:
        found: list[MessageDelivery] = []
        while True:
            places = await self._places(named, limit + 1, cursor)
            some = places[:limit]
            rows = await self._rows([(partition, name) for _, name, partition in some])
            for (score, name, _), row in zip(some, rows, strict=True):
                cursor = f"{score:.0f}:{name}"
                if row is not None and (delivery := self._opened(row)) is not None and delivery.state in states:
                    found.append(delivery)
                if len(found) == limit:
                    more = len(places) > limit or (score, name) != some[-1][:2]
                    return found, cursor if more else None
            if len(places) <= limit:
                return found, None

    async def _places(
        self, named: Sequence[tuple[str, int]], number: int, cursor: str | None
    ) -> list[tuple[float, str, int]]:
        before, _, after = (cursor or "+inf:").partition(":")
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for name, _ in named:
                    pipe.zrevrangebyscore(name, before, "-inf", start=0, num=number, withscores=True)
                    if after:
                        pipe.zrangebyscore(name, before, before, withscores=True)
                answers = await pipe.execute()
        step = 2 if after else 1
        found = {
            (score, member.decode(), partition)
            for at, (_, partition) in enumerate(named)
            for answer in answers[at * step : (at + 1) * step]
            for member, score in answer
            if not after or (score, member.decode()) < (float(before), after)
        }
        return heapq.nlargest(number, found)

    async def _rows(self, wanted: Sequence[tuple[int, str]]) -> list[bytes | None]:
        if not wanted:
            return []
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for partition, delivery_id in wanted:
                    pipe.get(keys.delivery(partition, delivery_id))
                rows: list[bytes | None] = await pipe.execute()
        return rows

    def _found(self, partition: int, row: bytes) -> Found | None:
        delivery = self._opened(row)
        return None if delivery is None else Found(partition, delivery, row)

    def _opened(self, row: bytes) -> MessageDelivery | None:
        try:
            delivery: MessageDelivery = self._seal.decode(SEAL, row, MessageDelivery)
        except SealError:
            return None
        return delivery

    def _partition(self, contact: str) -> int:
        return keys.partition_of(contact, self._partitions)

    async def _begin_each(self, calls: list[tuple[list[str], list[Any]]]) -> list[Any]:
        return list(await script("message_begin").each(self._redis, calls))

    async def _finish_each(self, calls: list[tuple[list[str], list[Any]]]) -> list[Any]:
        return list(await script("message_finish").each(self._redis, calls))


def _index(state: MessageState) -> str:
    """The index that a delivery of this state is in: one that is being handed over stays among those that wait."""
    return "waiting" if state in _WAITING else state
