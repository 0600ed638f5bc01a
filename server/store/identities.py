"""Who is who: identities and the contacts that they name.

An identity is a pair of namespace (`user`, `anonymous`, `email`) and value; it is stored as a keyed hash. A contact id
is `u…` where it was made for a user and `a…` where it was made for a visitor; what follows is the time of making and
chance, so ids sort by age. An `a…` contact that gets a user has an *owner*: the digest of that user.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from server.ports import Clock
from server.store import keys
from server.store.coalesce import Coalescer
from server.store.faults import redis_needed
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Caller", "Identities", "Resolved", "normal_email"]

_claim = script("claim")

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32
_REMEMBERED = 20_000  # identities that a process knows without asking


class Caller(msgspec.Struct, frozen=True):
    """The identities that a call names. At least one is given."""

    user: str = ""
    anonymous: str = ""


class Resolved(msgspec.Struct, frozen=True):
    """The contact that a call is about, and the one to be joined into it, if any."""

    contact: str
    joins: str = ""


def normal_email(address: str) -> str:
    """An e-mail address as it is compared: without surrounding space, in lower case."""
    return address.strip().lower()


class Identities:
    """Finds and claims identities."""

    def __init__(self, redis: Redis, seal: Sealer, clock: Clock, partitions: int) -> None:
        self._redis = redis
        self._digest = seal.digest
        self._clock = clock
        self._partitions = partitions
        self._ask = Coalescer(self._named, limit=2000, parallel=2)
        self._seen: dict[str, str] = {}  # identity key → the contact that it named when it was last read
        self.key: Callable[[str, str], str] = lru_cache(maxsize=_REMEMBERED)(self._key)  # a visitor comes again

    def new_id(self, user: bool) -> str:
        """A contact id, never given before."""
        stamp, text = self._clock.now(), ""
        for _ in range(9):
            stamp, digit = divmod(stamp, 32)
            text = _DIGITS[digit] + text
        chance = secrets.randbits(40)
        for _ in range(8):
            chance, digit = divmod(chance, 32)
            text += _DIGITS[digit]
        return ("u" if user else "a") + text

    def _key(self, namespace: str, value: str) -> str:
        """The Redis key of an identity."""
        if namespace == "email":
            value = normal_email(value)
        return keys.identity(namespace, self._digest(f"{namespace}:{value}"))

    async def find(self, namespace: str, value: str) -> str | None:
        """The contact id of an identity."""
        name = self.key(namespace, value)
        return (await self._claim_many({name: ""})).get(name)

    async def resolve_many(self, callers: Sequence[Caller]) -> list[Resolved]:
        """The contact of each call, made where there is none yet.

        A call with both ids gives the visitor's contact to the user, or says which contact is to be joined into the
        user's; where the visitor already belongs to another user (a shared browser), the anonymous id is pointed at
        the new user for what follows and nothing is joined. Raises `Unavailable`.
        """
        known = await self._claim_many(self._first_claims(callers))
        await self._make_missing(callers, known)
        resolved: list[Resolved] = []
        for caller in callers:
            user, anonymous = self._pair(caller)
            if user and anonymous and known.get(user) != known.get(anonymous):
                resolved.append(await self._both(user, anonymous, known))
            else:
                resolved.append(Resolved(known[user or anonymous]))
        if len(self._seen) + len(known) > _REMEMBERED:
            self._seen.clear()
        self._seen.update(known)
        return resolved

    def recall(self, callers: Sequence[Caller]) -> tuple[list[str], dict[str, str]] | None:
        """The contact of each call as it was found before, and the identity keys that must still name them.

        None where a call names somebody new, or two who were not one contact. Whoever finds that a key names another
        contact by now must `resolve_many`.
        """
        contacts: list[str] = []
        expected: dict[str, str] = {}
        for caller in callers:
            contact = None
            for name in self._keys_of(caller):
                found = self._seen.get(name)
                if found is None or (contact is not None and found != contact):
                    return None
                contact = expected[name] = found
            assert contact is not None, "a call names somebody"
            contacts.append(contact)
        return contacts, expected

    async def claim(self, namespace: str, value: str, contact: str) -> str:
        """Point an identity at a contact unless it already names one; return the contact that it names."""
        return await self._claim(self.key(namespace, value), contact)

    async def claim_many(self, claims: Sequence[tuple[str, str, str]]) -> list[str]:
        """`claim` of many (namespace, value, contact), in one round trip; of two for one identity the first counts."""
        wanted: dict[str, str] = {}
        names = [self.key(namespace, value) for namespace, value, _ in claims]
        for name, (_, _, contact) in zip(names, claims, strict=True):
            wanted.setdefault(name, contact)
        known = await self._claim_many(wanted)
        return [known[name] for name in names]

    async def point(self, identities: Iterable[tuple[str, str]], old: str, new: str) -> None:
        """Point identities that name one contact at another; those that name a third are left alone."""
        for namespace, value in identities:
            name = self.key(namespace, value)
            with redis_needed():
                if (await self._redis.hget(*_place(name)) or b"").decode() == old:
                    await self._redis.hset(*_place(name), new)

    async def owner(self, contact: str) -> str:
        """What stands for the user that a contact belongs to; "" where it has none."""
        if contact.startswith("u"):
            return contact
        with redis_needed():
            owner = await self._redis.get(self._owner_key(contact))
        return owner.decode() if owner else ""

    async def own(self, contact: str, owner: str) -> bool:
        """Give a contact to a user, once; False where it belongs to another."""
        if contact.startswith("u"):
            return contact == owner
        name = self._owner_key(contact)
        with redis_needed():
            await self._redis.set(name, owner, nx=True)
            return (await self._redis.get(name) or b"").decode() == owner

    def _first_claims(self, callers: Sequence[Caller]) -> dict[str, str]:
        """What to ask about calls: each identity, with a new contact where a call names nothing else.

        An identity that some call names together with another is only read: the other one may have a contact.
        """
        claims: dict[str, str] = {}
        for caller in callers:
            user, anonymous = self._pair(caller)
            if user and anonymous:
                claims[user] = claims[anonymous] = ""
            else:
                name = user or anonymous
                if name not in claims:
                    claims[name] = "" if name in self._seen else self.new_id(bool(user))
        return claims

    async def _make_missing(self, callers: Sequence[Caller], known: dict[str, str]) -> None:
        """Make contacts for calls none of whose ids is known, and claim their ids, all in one round trip."""
        claims: dict[str, str] = {}
        for caller in callers:
            user, anonymous = self._pair(caller)
            names = [name for name in (user, anonymous) if name]
            contact = next(
                (claims.get(name) or known.get(name) for name in names if name in claims or name in known), ""
            )
            if contact and (not user or user in known or user in claims):
                continue
            if not contact:
                contact = self.new_id(bool(user))
                for name in names:
                    claims.setdefault(name, contact)
        if claims:
            known.update(await self._claim_many(claims))

    async def _both(self, user: str, anonymous: str, known: dict[str, str]) -> Resolved:
        """A call names a user and a visitor who are not one contact yet."""
        mine, visitor = known.get(user), known.get(anonymous)
        if mine is None and visitor is not None:
            if await self._adopt(user, visitor):
                known[user] = await self._claim(user, visitor)
            else:
                known[user] = await self._claim(user, self.new_id(True))
            mine = known[user]
        assert mine is not None
        if visitor is None:
            visitor = known[anonymous] = await self._claim(anonymous, mine)
        if visitor == mine:
            return Resolved(mine)
        if await self._adopt(user, visitor):
            return Resolved(mine, joins=visitor)
        with redis_needed():
            await self._redis.hset(*_place(anonymous), mine)
        known[anonymous] = mine
        return Resolved(mine)

    async def _adopt(self, user: str, visitor: str) -> bool:
        """Whether a visitor's contact belongs to nobody but this user, from now on."""
        if visitor.startswith("u"):
            return False
        return await self.own(visitor, user.rpartition(":")[2])

    async def _claim(self, name: str, contact: str) -> str:
        return (await self._claim_many({name: contact}))[name]

    async def _claim_many(self, claims: dict[str, str]) -> dict[str, str]:
        """What identities name after each was claimed for a contact, or only read ("")."""
        with redis_needed():
            named = await self._ask(list(claims.items()))
        return {name: contact.decode() for name, contact in zip(claims, named, strict=True) if contact}

    async def _named(self, claims: list[tuple[str, str]]) -> list[bytes | None]:
        names, contacts = [name for name, _ in claims], [contact for _, contact in claims]
        [named] = await _claim.each(self._redis, [(names, contacts)])
        found: list[bytes | None] = named
        return found

    def _pair(self, caller: Caller) -> tuple[str, str]:
        return (
            self.key("user", caller.user) if caller.user else "",
            self.key("anonymous", caller.anonymous) if caller.anonymous else "",
        )

    def _keys_of(self, caller: Caller) -> list[str]:
        return [name for name in self._pair(caller) if name]

    def _owner_key(self, contact: str) -> str:
        return keys.owner(keys.partition_of(contact, self._partitions), contact)


def _place(name: str) -> tuple[str, str]:
    """The key and the field of an identity."""
    return name[: -keys.IDENTITY_FIELD], name[-keys.IDENTITY_FIELD :]
