"""The outbox: which cards are due, which a courier has, and what became of each.

A card is named by `card:<alert>:<platform>:<address>`. Who takes one has it alone until a moment; that moment is
also the proof of possession, for a later courier's is always later. Whoever changes an alert adds its cards to `due`
again, at any time; so a change during a send is not lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from rules.contact import Alert, Millis
from server.model.delivery import Delivery, Place, TakenCard
from server.store import keys
from server.store.coalesce import Coalescer
from server.store.codec import SealError
from server.store.faults import redis_needed
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Outbox", "member"]

_MOVED = b">"  # an alert's record says so where its contact lives in another partition now


def member(alert_id: str, place: Place) -> str:
    """The name of a card in the outbox."""
    return f"card:{alert_id}:{place}"


class Outbox:
    """Hands cards to couriers and writes down the outcomes; raises `Unavailable` where Redis does not answer."""

    def __init__(self, redis: Redis, seal: Sealer) -> None:
        self._redis = redis
        self._seal = seal
        self._take = script("card_take")
        self._finish = Coalescer(self._finish_each, limit=200, parallel=2)

    async def add(self, partition: int, alert_id: str, places: Iterable[Place], at: Millis) -> None:
        """Make an alert's cards due. (The engine does the same within its commit.)"""
        with redis_needed():
            await self._redis.zadd(keys.due(partition), {member(alert_id, place): at for place in places})

    async def take(self, partition: int, now: Millis, until: Millis, limit: int) -> tuple[list[TakenCard], Millis]:
        """Take up to `limit` cards that are due, each for this courier alone until `until`.

        Returns them, and when the next one is due: 0 where none is.
        """
        with redis_needed():
            rows, following = await self._take(
                self._redis,
                [keys.due(partition), keys.sending(partition)],
                [now, until, limit, keys.card(partition, ""), keys.alert(partition, "")],
            )
        return [self._taken(partition, until, *row) for row in rows], following

    def _taken(self, partition: int, until: Millis, member: bytes, died: int, row: bytes, alert: bytes) -> TakenCard:
        _, alert_id, place = member.decode().split(":", 2)
        try:
            delivery: Delivery = self._seal.decode("card", row, Delivery) if row else Delivery()
        except SealError:
            delivery = Delivery(state="unknown", unsure=True)
        return TakenCard(
            partition=partition,
            alert_id=alert_id,
            place=Place.parse(place),
            until=until,
            died=bool(died),
            delivery=delivery,
            alert=self._alert(alert),
        )

    def _alert(self, blob: bytes) -> Alert | None:
        if not blob or blob.startswith(_MOVED):
            return None
        try:
            return self._seal.decode("alert", blob, Alert)
        except SealError:
            return None  # `store.alerts.load` says so, of this one card

    async def finish(
        self, card: TakenCard, delivery: Delivery | None, now: Millis, *, again: Millis | None = None
    ) -> Millis | None:
        """Write down what became of a card (None: forget it) and let go of it; `again` makes it due at that moment.

        Returns when it is due again, sooner than asked where the alert has changed meanwhile; None where it is not,
        or where the card was taken over by another courier: then nothing is written.
        """
        names = [
            keys.due(card.partition),
            keys.sending(card.partition),
            keys.card(card.partition, card.alert_id),
            keys.undelivered(card.partition),
        ]
        arguments = [
            member(card.alert_id, card.place),
            card.until,
            str(card.place),
            b"" if delivery is None else self._seal.encode("card", delivery),
            "" if again is None else again,
            now,
            int(delivery is not None and delivery.state == "failed"),
        ]
        with redis_needed():
            [moment] = await self._finish([(names, arguments)])
        return int(moment) if moment > 0 else None

    async def _finish_each(self, calls: list[tuple[list[str], list[Any]]]) -> list[Any]:
        return await script("card_finish").each(self._redis, calls)

    async def note(
        self, partition: int, alert_id: str, place: Place, before: Delivery, after: Delivery, now: Millis
    ) -> bool:
        """Change what is known of a card and make it due; False where a courier has it, or it is known otherwise."""
        name, field = keys.card(partition, alert_id), str(place)
        with redis_needed():
            row: bytes | None = await self._redis.hget(name, field)
            if row is None:
                return False
            known: Delivery = self._seal.decode("card", row, Delivery)
            if known != before:
                return False
            return bool(
                await script("card_note")(
                    self._redis,
                    [keys.due(partition), keys.sending(partition), name],
                    [member(alert_id, place), field, row, self._seal.encode("card", after), now],
                )
            )

    async def next_due(self, partitions: Iterable[int]) -> dict[int, Millis]:
        """When each partition must be looked at next: at its first due card, or where a courier's time ends."""
        asked = list(partitions)
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for partition in asked:
                    pipe.zrange(keys.due(partition), 0, 0, withscores=True)
                    pipe.zrange(keys.sending(partition), 0, 0, withscores=True)
                firsts: list[list[tuple[bytes, float]]] = await pipe.execute()
        moments: dict[int, Millis] = {}
        for index, partition in enumerate(asked):
            scores = [int(first[0][1]) for first in firsts[2 * index : 2 * index + 2] if first]
            if scores:
                moments[partition] = min(scores)
        return moments

    async def deliveries(self, partition: int, alert_id: str) -> dict[Place, Delivery]:
        """What is known of an alert's cards, by place; `state` is "sending" where a courier has it now."""
        with redis_needed():
            rows: dict[bytes, bytes] = await self._redis.hgetall(keys.card(partition, alert_id))
            async with self._redis.pipeline(transaction=False) as pipe:
                for place in rows:
                    pipe.zscore(keys.sending(partition), f"card:{alert_id}:{place.decode()}")
                taken: list[float | None] = await pipe.execute()
        known: dict[Place, Delivery] = {}
        for (place, row), until in zip(rows.items(), taken, strict=True):
            delivery: Delivery = self._seal.decode("card", row, Delivery)
            known[Place.parse(place.decode())] = delivery if until is None else replace(delivery, state="sending")
        return known

    async def undelivered(self, partitions: Iterable[int], limit: int) -> list[tuple[str, Place, Delivery]]:
        """Cards that were given up, the newest first, with the alert's id."""
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                asked = list(partitions)
                for partition in asked:
                    pipe.zrevrange(keys.undelivered(partition), 0, limit - 1, withscores=True)
                answers: list[list[tuple[bytes, float]]] = await pipe.execute()
                members = zip(asked, answers, strict=True)
                given_up = [(score, member.decode(), p) for p, answer in members for member, score in answer]
                newest = [(member.split(":", 2), p) for _, member, p in sorted(given_up, reverse=True)[:limit]]
                for (_, alert_id, place), partition in newest:
                    pipe.hget(keys.card(partition, alert_id), place)
                rows: list[bytes | None] = await pipe.execute()
        return [
            (alert_id, Place.parse(place), self._seal.decode("card", row, Delivery))
            for ((_, alert_id, place), _), row in zip(newest, rows, strict=True)
            if row is not None
        ]
