"""People, their chat accounts and one-time codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from rules.contact import Millis
from server.model.person import Account, Person
from server.store import keys
from server.store.faults import redis_needed

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["People"]


class _Code(msgspec.Struct, array_like=True, frozen=True):
    person: str
    until: Millis


class People:
    """Keeps people sealed under their id; names, accounts and codes are found by keyed hash.

    Each method raises `Unavailable` where Redis does not answer.
    """

    def __init__(self, redis: Redis, seal: Sealer) -> None:
        self._redis = redis
        self._seal = seal

    async def load(self, person: str) -> Person | None:
        with redis_needed():
            blob = await self._redis.hget(keys.people(), person)
        return None if blob is None else self._seal.decode("person", blob, Person)

    async def all(self) -> list[Person]:
        """Everybody, by name."""
        with redis_needed():
            blobs = await self._redis.hvals(keys.people())
        return sorted((self._seal.decode("person", blob, Person) for blob in blobs), key=lambda person: person.name)

    async def save(self, person: Person) -> None:
        with redis_needed():
            await self._redis.hset(keys.people(), person.id, self._seal.encode("person", person))

    async def remove(self, person: Person) -> None:
        """Forget a person; the ways to find them go first."""
        fields = [self._name_field(person.name), *map(self._account_field, person.accounts)]
        with redis_needed():
            for field in fields:
                if await self._redis.hget(keys.accounts(), field) == person.id.encode():
                    await self._redis.hdel(keys.accounts(), field)
            await self._redis.hdel(keys.people(), person.id)

    async def claim_name(self, name: str, person: str) -> str:
        """Give a name to a person unless somebody has it; return who has it then."""
        return await self._claim(self._name_field(name), person)

    async def by_name(self, name: str) -> str | None:
        return await self._find(self._name_field(name))

    async def claim_account(self, account: Account, person: str) -> str:
        """Give an account to a person unless somebody has it; return who has it then."""
        return await self._claim(self._account_field(account), person)

    async def by_account(self, account: Account) -> str | None:
        return await self._find(self._account_field(account))

    async def keep_code(self, code: str, person: str, until: Millis, lifetime: Millis) -> None:
        """Remember a one-time code until it is taken or its lifetime has passed."""
        blob = self._seal.encode("code", _Code(person, until))
        with redis_needed():
            await self._redis.set(keys.link_code(self._seal.digest("code:" + code)), blob, px=lifetime)

    async def take_code(self, code: str, now: Millis) -> str | None:
        """The person a code is for; it can be taken once, until its time is over."""
        with redis_needed():
            blob = await self._redis.getdel(keys.link_code(self._seal.digest("code:" + code)))
        if blob is None:
            return None
        kept: _Code = self._seal.decode("code", blob, _Code)
        return kept.person if now < kept.until else None

    async def _claim(self, field: str, person: str) -> str:
        with redis_needed():
            if await self._redis.hsetnx(keys.accounts(), field, person):
                return person
        return await self._find(field) or person

    async def _find(self, field: str) -> str | None:
        with redis_needed():
            found = await self._redis.hget(keys.accounts(), field)
        return None if found is None else found.decode()

    def _name_field(self, name: str) -> str:
        return self._seal.digest("name:" + name.casefold())

    def _account_field(self, account: Account) -> str:
        return self._seal.digest(f"account:{account.platform}:{account.workspace}/{account.user}")
