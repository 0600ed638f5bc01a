"""The devices of contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rules.contact import Contact
from server.model.device import Device
from server.store import keys
from server.store.codec import SealError
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Devices"]

_MOST: Final = 20  # of a contact


class Devices:
    """Keeps them, sealed. A device belongs to the contact that registered it last."""

    def __init__(self, redis: Redis, seal: Sealer, partitions: int) -> None:
        self._redis = redis
        self._seal = seal
        self._partitions = partitions

    async def key(self, new: str) -> str:
        """The installation's key to push services: the one that is kept, else `new`, which is kept from now on."""
        with redis_needed():
            await self._redis.set(keys.vapid(), self._seal.encode("vapid", new), nx=True)
            held = await self._redis.get(keys.vapid())
        return self._seal.decode("vapid", held, str)

    async def add(self, contact: str, device: Device) -> None:
        """Keep a device, and take it from whom it belonged to; of too many the oldest goes. Raises `Unavailable`."""
        name, field = self._name(contact), self._field(device.token)
        with redis_needed():
            before = await self._redis.getset(keys.device_owner(field), contact)
            if before is not None and before.decode() != contact:
                await self._redis.hdel(self._name(before.decode()), field)
            await self._redis.hset(name, field, self._seal.encode("device", device))
            held = await self._redis.hgetall(name)
            if len(held) > _MOST:
                by_age = sorted(held, key=lambda field: self._open(held[field]).added)
                await self._redis.hdel(name, *by_age[: len(held) - _MOST])

    async def remove(self, contact: str, token: str) -> bool:
        """Forget a device; False where the contact has none with this token."""
        with redis_needed():
            return bool(await self._redis.hdel(self._name(contact), self._field(token)))

    async def of(self, contact: Contact) -> list[tuple[str, Device]]:
        """The devices of a contact, and of those that were joined into it, each with the contact that it lies with."""
        owners = [contact.id, *(merge.partition(">")[0] for merge in contact.merged)]
        found: dict[str, tuple[str, Device]] = {}
        for owner in dict.fromkeys(owners):
            with redis_needed():
                blobs = await self._redis.hvals(self._name(owner))
            for blob in blobs:
                device = self._open(blob)
                if device.token:
                    found.setdefault(device.token, (owner, device))
        return list(found.values())

    def _open(self, blob: bytes) -> Device:
        try:
            return self._seal.decode("device", blob, Device)
        except SealError:
            return Device(platform="web", token="")

    def _name(self, contact: str) -> str:
        return keys.devices(keys.partition_of(contact, self._partitions), contact)

    def _field(self, token: str) -> str:
        return self._seal.digest("device:" + token)
