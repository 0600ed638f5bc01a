"""Numbers about the whole installation, for its operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from rules.contact import Millis
from server.store import keys
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["Figures", "Recompute", "figures", "load_bots", "save_bots"]

_BOTS_LIFETIME: Millis = 15_000


class Recompute(msgspec.Struct, frozen=True, kw_only=True):
    """How far engines are with bringing contacts under a version of the rulebook: contacts `done` `of` all."""

    version: int
    done: int
    of: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What waits and who works, over all partitions, at one moment.

    `waiting` counts entries of logs, what travels between partitions and sweeps of partitions: 0 means that everything
    that was acknowledged has taken effect. `recomputing` is the number of partitions that a rulebook has not reached;
    `recompute` says how far it is while there are such, else None.
    """

    partitions: int
    held: int
    engines: int
    waiting: int
    rulebook: int
    recomputing: int
    due: int
    undelivered: int
    recompute: Recompute | None = None
    messages_due: int = 0
    messages_failed: int = 0
    messages_unknown: int = 0


async def figures(redis: Redis, partitions: int, now: Millis) -> Figures:
    """Read all at one moment, so that what moves from one partition to another is not missed. Raises `Unavailable`."""
    with redis_needed():
        async with redis.pipeline(transaction=True) as pipe:
            pipe.get(keys.rulebook_current())
            pipe.zcount(keys.engines(), now, "+inf")
            for partition in range(partitions):
                pipe.xlen(keys.log(partition))
                pipe.llen(keys.transfers(partition))
                pipe.exists(keys.lease(partition))
                pipe.hmget(keys.meta(partition), ["recompute", "bucket", "done", "contacts", "sweeps"])
                pipe.zcount(keys.due(partition), "-inf", now)
                pipe.zcard(keys.undelivered(partition))
                pipe.zcount(keys.messages_due(partition), "-inf", now)
                pipe.zcard(keys.deliveries(partition, "failed"))
                pipe.zcard(keys.deliveries(partition, "unknown"))
            current, engines, *rows = await pipe.execute()
    version = int(current or 0)
    logs, transfers, leases, recomputes, due, undelivered, *messages = (rows[start::9] for start in range(9))
    behind = sum(int(reached or 0) != version or bool(bucket) for reached, bucket, *_ in recomputes)
    return Figures(
        partitions=partitions,
        held=sum(leases),
        engines=engines,
        waiting=sum(logs) + sum(transfers) + sum(int(row[4] or 0) for row in recomputes),
        rulebook=version,
        recomputing=behind,
        due=sum(due),
        undelivered=sum(undelivered),
        recompute=_progress(version, recomputes) if behind else None,
        messages_due=sum(messages[0]),
        messages_failed=sum(messages[1]),
        messages_unknown=sum(messages[2]),
    )


def _progress(version: int, recomputes: Sequence[Sequence[bytes | None]]) -> Recompute:
    """`recomputes`, of each partition: the version it is brought to, the bucket it is at, contacts done, contacts."""
    done = every = 0
    for reached, bucket, number, contacts, _ in recomputes:
        here = int(contacts or 0)
        every += here
        if int(reached or 0) == version:
            done += min(int(number or 0), here) if bucket else here
    return Recompute(version=version, done=done, of=every)


async def save_bots(redis: Redis, states: dict[str, str]) -> None:
    """Let other processes know how the bots of this one are. Raises `Unavailable`."""
    with redis_needed():
        await redis.set(keys.bots(), msgspec.msgpack.encode(states), px=_BOTS_LIFETIME)


async def load_bots(redis: Redis) -> dict[str, str]:
    """How the bots were some seconds ago; empty where no server has told. Raises `Unavailable`."""
    with redis_needed():
        blob = await redis.get(keys.bots())
    return {} if blob is None else msgspec.msgpack.decode(blob, type=dict[str, str])
