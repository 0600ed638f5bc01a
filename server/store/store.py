"""The store: one Redis, its keys and records."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from server.ports import Clock
from server.store import keys
from server.store.address import Address
from server.store.alerts import Alerts
from server.store.codec import Sealer, unwrap_key, wrap_key
from server.store.consents import Consents
from server.store.contacts import Contacts
from server.store.faults import redis_needed
from server.store.identities import Identities
from server.store.imports import Imports
from server.store.log import Log
from server.store.messages import Messages
from server.store.ranked import Ranked
from server.store.rulebooks import Rulebooks
from server.store.stats import Stats

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["Store"]

_LOOKUP = "lookup"  # the id of the key of identity digests, which is never rotated


class Store:
    """Everything that is kept, by what it is about.

    `redis` answers in bytes. `Store.open` makes the data's keys and number of partitions where there are none yet.
    """

    def __init__(self, redis: Redis, *, seal: Sealer, clock: Clock, partitions: int, secret: bytes = b"") -> None:
        self._secret = secret
        self.redis = redis
        self.seal = seal
        self.clock = clock
        self.partitions = partitions
        self.log = Log(redis, seal, partitions)
        self.contacts = Contacts(redis, seal, partitions)
        self.identities = Identities(redis, seal, clock, partitions)
        self.consents = Consents(redis, seal, partitions)
        self.rulebooks = Rulebooks(redis, seal, clock)
        self.alerts = Alerts(redis, seal, partitions)
        self.messages = Messages(redis, seal)
        self.imports = Imports(redis)
        self.stats = Stats(redis)
        self.segments = Ranked(redis, partitions, keys.segment)
        self.lists = Ranked(redis, partitions, keys.list_index)

    @classmethod
    async def open(cls, redis: Redis, *, secret: bytes, clock: Clock, partitions: int = 64) -> Store:
        """The store in this Redis. `partitions` counts only when the data is created.

        Raises `SealError` where the data was created with another secret, `Unavailable` where Redis does not answer.
        """
        with redis_needed():
            await redis.set(keys.partitions(), partitions, nx=True)
            count = int(await redis.get(keys.partitions()))
            for key_id in ("1", _LOOKUP):
                await redis.hsetnx(keys.data_keys(), key_id, wrap_key(secret, key_id, os.urandom(32)))
            wrapped = await redis.hgetall(keys.data_keys())
        return cls(redis, seal=_sealer(secret, wrapped), clock=clock, partitions=count, secret=secret)

    @property
    def address(self) -> Address:
        """How another process opens this store."""
        return Address.of(self.redis, self._secret)

    @classmethod
    async def reopen(cls, address: Address, clock: Clock) -> Store:
        """The store that a process was told of; nothing is written by that. Raises as `open` does."""
        redis = address.connect()
        with redis_needed():
            count = int(await redis.get(keys.partitions()))
            wrapped = await redis.hgetall(keys.data_keys())
        seal = _sealer(address.secret, wrapped)
        return cls(redis, seal=seal, clock=clock, partitions=count, secret=address.secret)

    def partition(self, contact: str) -> int:
        """The partition of a contact id."""
        return keys.partition_of(contact, self.partitions)


def _sealer(secret: bytes, wrapped: Mapping[bytes, bytes]) -> Sealer:
    opened = {key_id.decode(): unwrap_key(secret, key_id.decode(), blob) for key_id, blob in wrapped.items()}
    lookup = opened.pop(_LOOKUP)
    return Sealer({int(key_id): key for key_id, key in opened.items()}, lookup)
