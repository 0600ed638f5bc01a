"""The outbox of messages: which are due, which a courier has, which are being handed over, what became of each.

Who takes a message has it alone until a moment, which is also the proof of possession: a later courier's is always
later. `begin` says that it is handed over from now on; a courier that dies behind that leaves it as it is, in state
`sending`, and the next one knows that it may have been sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from rules.contact import Millis
from rules.entry import Entry
from server.model.outgoing import MessageDelivery, MessageState
from server.store import keys
from server.store.coalesce import Coalescer
from server.store.codec import SealError
from server.store.faults import redis_needed
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["MOVED", "SEAL", "WAITING", "Found", "MessageOutbox", "Reservation", "Start", "TakenMessage"]
__all__ += ["index_of"]

MOVED: Final = b">"  # a delivery's record says so, and which contact, where its own was joined into that one
SEAL: Final = "delivery"  # the kind of record that a delivery is sealed as
_DAY: Final[Millis] = 86_400_000
_KEPT: Final[dict[MessageState, Millis]] = {
    "sent": 90 * _DAY, "delivered": 90 * _DAY, "refused": 90 * _DAY, "dropped": 90 * _DAY,
    "failed": 365 * _DAY, "unknown": 365 * _DAY,
}  # fmt: skip
_LISTED: Final = 10_000  # deliveries of one state and partition that are over
_ALL: Final = 1 << 40
_OF_CONTACT: Final = 500
WAITING: Final[frozenset[MessageState]] = frozenset(("waiting", "sending"))

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


class MessageOutbox:
    """Hands messages to couriers and writes down the outcomes; raises `Unavailable` where Redis does not answer."""

    def __init__(self, redis: Redis, seal: Sealer, partitions: int) -> None:
        self._redis = redis
        self._seal = seal
        self._partitions = partitions
        self._take = Coalescer(self._take_each, limit=100, parallel=2)
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

    async def index(self, delivery: MessageDelivery) -> None:
        """Have a message known as one of its contact, where that has become another of the same partition."""
        name = keys.deliveries_of(self._partition(delivery.contact), delivery.contact)
        with redis_needed():
            await self._redis.zadd(name, {delivery.id: delivery.created})

    async def take(self, partition: int, now: Millis, until: Millis, limit: int) -> tuple[list[TakenMessage], Millis]:
        """Take up to `limit` messages that are due, each for this courier alone until `until`.

        Returns them, and when the next one is due: 0 where none is.
        """
        names = [keys.messages_due(partition), keys.messages_sending(partition)]
        with redis_needed():
            [(rows, following)] = await self._take([(names, [now, until, limit, keys.delivery(partition, "")])])
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
        delivery: MessageDelivery,
        now: Millis,
        *,
        again: Millis | None = None,
        moved_to: str = "",
        given_back: Millis | None = None,
        entry: Entry | None = None,
        unread: tuple[str, Millis] | None = None,
    ) -> bool:
        """Write down what became of a message and let go of it; `again`: due again at that moment.

        With `moved_to`, the contact that its own was joined into, it is let go of for good: that one has it now (see
        `add`). `given_back` is the moment that was reserved under its limit, where nothing was sent; `entry` goes into
        the contact's log; `unread` is the member of a mail whose opening would show (see `keys.unread`), and when it
        counts as ignored. Returns False where another courier has taken it over: then nothing is written.
        """
        partition, contact, state = taken.partition, delivery.contact, delivery.state
        row = MOVED + moved_to.encode() if moved_to else self._seal.encode(SEAL, delivery)
        names = [
            keys.messages_due(partition),
            keys.messages_sending(partition),
            keys.delivery(partition, taken.id),
            keys.deliveries(partition, "waiting"),
            keys.deliveries(partition, state),
            keys.deliveries_of(partition, contact),
            keys.sent_to(partition, contact),
            keys.log(partition),
            keys.unread(partition),
        ]
        words = [
            taken.id,
            taken.until,
            row,
            "" if again is None else again,
            now,
            90 * _DAY if moved_to else _KEPT.get(state, 0),
            _LISTED,
            delivery.channel,
            "" if given_back is None else given_back,
            contact,
            b"" if entry is None else self._seal.encode("log", entry),
            *(unread or ("", "")),
        ]
        with redis_needed():
            [written] = await self._finish([(names, words)])
        return bool(written)

    async def put_off(self, taken: TakenMessage, moment: Millis) -> None:
        """Let go of a message that cannot be opened, as it is, until a moment."""
        with redis_needed():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.zadd(keys.messages_due(taken.partition), {taken.id: moment})
                pipe.zrem(keys.messages_sending(taken.partition), taken.id)
                await pipe.execute()

    async def change(self, found: Found, after: MessageDelivery, now: Millis, *, due: Millis | None = None) -> bool:
        """Change a message that no courier has; False where one has it, or it is not as it was found any more."""
        partition, state = found.partition, after.state
        names = [
            keys.messages_due(partition),
            keys.messages_sending(partition),
            keys.delivery(partition, after.id),
            keys.deliveries(partition, index_of(found.delivery.state)),
            keys.deliveries(partition, index_of(state)),
        ]
        row, listed = self._seal.encode(SEAL, after), _ALL if state in WAITING else _LISTED
        words = [after.id, found.row, row, "" if due is None else due, now, _KEPT.get(state, 0), listed]
        with redis_needed():
            return bool(await script("message_change")(self._redis, names, words))

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

    def _opened(self, row: bytes) -> MessageDelivery | None:
        try:
            delivery: MessageDelivery = self._seal.decode(SEAL, row, MessageDelivery)
        except SealError:
            return None
        return delivery

    def _partition(self, contact: str) -> int:
        return keys.partition_of(contact, self._partitions)

    async def _take_each(self, calls: list[tuple[list[str], list[Any]]]) -> list[Any]:
        return list(await script("message_take").each(self._redis, calls))

    async def _begin_each(self, calls: list[tuple[list[str], list[Any]]]) -> list[Any]:
        return list(await script("message_begin").each(self._redis, calls))

    async def _finish_each(self, calls: list[tuple[list[str], list[Any]]]) -> list[Any]:
        return list(await script("message_finish").each(self._redis, calls))


def index_of(state: MessageState) -> str:
    """The index that a delivery of this state is in: one that is being handed over stays among those that wait."""
    return "waiting" if state in WAITING else state
