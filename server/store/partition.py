"""What an engine needs of a partition: its lease, its log, its contacts, and the one call that writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from rules.contact import Event, Millis
from rules.entry import Entry
from server.store import keys
from server.store.codec import SealError
from server.store.contacts import Contacts
from server.store.dictionaries import Dictionaries
from server.store.scripts import script
from server.store.sweeps import Agenda
from server.store.wire import Word, exchange

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Commit", "Line", "Opened", "Partitions", "Transfer"]

_acquire = script("acquire")
_commit = script("commit")
_pop = script("pop")
_release = script("release")
_renew = script("renew")


class Opened(msgspec.Struct, kw_only=True):
    """Where a partition stands when its lease is taken.

    All its contacts are at least as `base` has them, the last version of the rulebook to which a recompute came to its
    end. `recomputed` is the version that they are being brought to, from `bucket` on (None: that is done, or has not
    begun); `done` contacts have been so far, and `left` are those that met an error.
    """

    cursor: str
    alerts: int
    base: int
    recomputed: int
    bucket: int | None
    done: int
    left: int
    next_timer: Millis | None
    transfers: bool
    agenda: Agenda


class Line(msgspec.Struct, frozen=True, gc=False):
    """An entry as it lies in a log; `entry` is None where it cannot be opened."""

    id: str
    contact: str
    sealed: bytes
    entry: Entry | None


class Transfer(msgspec.Struct, array_like=True, frozen=True):
    """What travels to a contact of another partition."""

    origin: str  # partition and entry id, by which a second arrival is known
    contact: str
    old: str
    entry: Entry


class Commit(msgspec.Struct, kw_only=True):
    """A batch's changes of one partition: the cursor before and after; of each contact its bucket, its id and its
    sealed bytes; commands, each as its length and its words."""

    partition: int
    token: str
    before: str
    after: str
    contacts: list[Word] = msgspec.field(default_factory=list)
    commands: list[Word] = msgspec.field(default_factory=list)

    def words(self) -> list[Word]:
        """The arguments of commit.lua."""
        number = len(self.contacts) // 3
        return [self.token, self.before, self.after, number, *self.contacts, *self.commands]


class Partitions:
    """Leases, logs and commits. Errors of Redis pass through: the engine starts again from what Redis has."""

    def __init__(self, redis: Redis, seal: Sealer, partitions: int) -> None:
        self.redis = redis
        self.seal = seal
        self.count = partitions
        self.contacts = Contacts(redis, seal, partitions)
        self.dictionaries = Dictionaries(redis, seal)

    # --- leases ---

    async def register(self, engine: str, now: Millis, until: Millis) -> int:
        """Say that an engine lives until a moment; return how many do."""
        name = keys.engines()
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.zadd(name, {engine: until})
            pipe.zremrangebyscore(name, "-inf", now)
            pipe.zcard(name)
            return int((await pipe.execute())[-1])

    async def unregister(self, engine: str) -> None:
        """Say that an engine ends."""
        await self.redis.zrem(keys.engines(), engine)

    async def holders(self) -> list[str]:
        """The token of each partition's lease, "" where it is free."""
        tokens = await self.redis.mget([keys.lease(partition) for partition in range(self.count)])
        return [token.decode() if token else "" for token in tokens]

    async def acquire(self, partition: int, token: str, before: str, milliseconds: int) -> bool:
        """Take a lease that is free, or that `before` holds."""
        return bool(await _acquire(self.redis, [keys.lease(partition)], [token, before or "-", milliseconds]))

    async def renew(self, tokens: Mapping[int, str], milliseconds: int) -> list[int]:
        """Prolong leases; return the partitions whose lease is lost."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for partition, token in tokens.items():
                pipe.eval(_renew.text, 1, keys.lease(partition), token, milliseconds)
            answers = await pipe.execute()
        return [partition for partition, kept in zip(tokens, answers, strict=True) if not kept]

    async def release(self, partition: int, token: str) -> None:
        """Give a lease back."""
        await _release(self.redis, [keys.lease(partition)], [token])

    # --- reading ---

    async def open(self, partition: int) -> Opened:
        """Where the partition stands."""
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.get(keys.cursor(partition))
            pipe.hmget(keys.meta(partition), ["alerts", "base", "recompute", "bucket", "done", "left", "dated"])
            pipe.zrange(keys.timers(partition), 0, 0, withscores=True)
            pipe.exists(keys.transfers(partition))
            pipe.hgetall(keys.sweeps(partition))
            pipe.hgetall(keys.zones(partition))
            cursor, meta, timers, transfers, sweeps, zones = await pipe.execute()
        alerts, base, recomputed, bucket, done, left, dated = meta
        return Opened(
            cursor=cursor.decode() if cursor else "0-0",
            alerts=int(alerts or 0),
            base=int(base or 0),
            recomputed=int(recomputed or 0),
            bucket=int(bucket) if bucket else None,
            done=int(done or 0),
            left=int(left or 0),
            next_timer=int(timers[0][1]) if timers else None,
            transfers=bool(transfers),
            agenda=Agenda.read(sweeps, zones, dated, self.seal),
        )

    async def read(self, cursors: Mapping[int, str], count: int, block: int) -> dict[int, list[Line]]:
        """Entries behind the cursors, at most `count` a partition.

        Waits `block` milliseconds for the first; 0 does not wait. Redis ends a wait up to 100 ms late, when its clock
        ticks.
        """
        names = {keys.log(partition).encode(): partition for partition in cursors}
        wait = ("BLOCK", block) if block else ()
        [answer] = await exchange(self.redis, [("XREAD", "COUNT", count, *wait, "STREAMS", *names, *cursors.values())])
        if isinstance(answer, Exception):
            raise answer
        return {names[name]: self._lines(entries) for name, entries in answer or ()}

    def _lines(self, entries: Sequence[tuple[bytes, list[bytes]]]) -> list[Line]:
        decoded = self.seal.decode_each("log", [fields[3] for _, fields in entries], Entry)
        return [
            Line(str(entry_id, "ascii"), str(fields[1], "utf-8"), fields[3], entry)
            for (entry_id, fields), entry in zip(entries, decoded, strict=True)
        ]

    async def load_past(self, wanted: Sequence[tuple[int, str]]) -> dict[str, list[Event]]:
        """Events of stored chunks, by contact id."""
        if not wanted:
            return {}
        async with self.redis.pipeline(transaction=False) as pipe:
            for partition, contact in wanted:
                pipe.lrange(keys.history(partition, contact), 0, -1)
            answers = await pipe.execute()
        past: dict[str, list[Event]] = {}
        for (_, contact), blobs in zip(wanted, answers, strict=True):
            events = past[contact] = []
            for chunk in await self.dictionaries.decode_all("history", blobs, list[Event]):
                if isinstance(chunk, SealError):
                    raise chunk
                events += chunk
        return past

    async def due_timers(self, partitions: Sequence[int], now: Millis, limit: int) -> list[list[str]]:
        """Contacts whose moment has come, the earliest first, at most so many of each partition."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for partition in partitions:
                pipe.zrangebyscore(keys.timers(partition), "-inf", now, 0, limit)
            return [[contact.decode() for contact in found] for found in await pipe.execute()]

    async def next_timers(self, partitions: Sequence[int]) -> list[Millis | None]:
        """When the next contact of each partition is to be looked at."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for partition in partitions:
                pipe.zrange(keys.timers(partition), 0, 0, withscores=True)
            return [int(found[0][1]) if found else None for found in await pipe.execute()]

    # --- writing ---

    async def commit(self, commits: Sequence[Commit]) -> list[int]:
        """Write batches of several partitions in one round trip: 1 written, 0 lease lost, -1 another cursor."""
        answers = await _commit.each(self.redis, [(_names(commit), commit.words()) for commit in commits])
        return [int(answer) for answer in answers]

    # --- what travels to other partitions ---

    async def first_transfer(self, partition: int) -> tuple[bytes, Transfer] | None:
        """The oldest transfer that is not done, with the bytes by which it is taken off."""
        blob = await self.redis.lindex(keys.transfers(partition), 0)
        return None if blob is None else (blob, self.seal.decode("transfer", blob, Transfer))

    async def transferred(self, partition: int, token: str, blob: bytes) -> bool:
        """Take a transfer that was done off the list; False where the lease is lost."""
        return bool(await _pop(self.redis, (keys.lease(partition), keys.transfers(partition)), (token, blob)))


def _names(commit: Commit) -> tuple[str, str, str]:
    """The keys that commit.lua compares, and where the contacts are."""
    partition = commit.partition
    return keys.lease(partition), keys.cursor(partition), keys.contacts_start(partition)
