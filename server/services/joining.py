"""Joining two contacts into one: a message between two partitions, in five steps.

(a) the withdrawals and denials of the one that goes are copied to the one that stays, here; (b) a `Joined` entry makes
the one that goes a tombstone and puts its snapshot on its partition's list of transfers; (c) the engine of that
partition appends the snapshot to the other's log (`Absorbed`); (d) it points the identities at the survivor; (e) what
still arrives for the tombstone is forwarded behind the snapshot. Each step can be done again without harm, and whoever
calls again with the same two ids starts again where the last one stopped.
"""

from __future__ import annotations

from rules.entry import Joined
from server.ports import Clock
from server.services.consents import Consents
from server.store import keys
from server.store.faults import redis_needed
from server.store.log import Position
from server.store.store import Store

__all__ = ["Joining"]

_LONGEST_CHAIN = 50


class Joining:
    """Decides which contact stays, and starts the join."""

    def __init__(self, store: Store, clock: Clock, consents: Consents) -> None:
        self._store = store
        self._clock = clock
        self._consents = consents

    async def join(self, old: str, into: str) -> Position | None:
        """Join contact `old` into `into`; None where they are one already or are being joined the other way round.

        Returns the place of the entry that begins it. Safe to repeat. Raises `Unavailable`.
        """
        into = await self._survivor(into)
        if old == into or not await self._mark(old, into):
            return None
        into = await self._marked(old) or into
        await self._consents.carry_over(old, into, everything=False)
        entry = Joined(time=self._clock.now(), merge=f"{old}>{into}", into=into)
        return (await self._store.log.append([(old, entry)]))[0]

    async def claim_email(self, contact: str, address: str) -> Position | None:
        """Give an e-mail address to a contact; where another has it and one of them has no user, join the two.

        The one with a user stays, else the older. Only what a server source or an API key says may come here.
        """
        other = await self._store.identities.claim("email", address, contact)
        if other == contact:
            return None
        other = await self._survivor(other)
        contact = await self._survivor(contact)
        if other == contact:
            return None
        owners = await self._store.identities.owner(contact), await self._store.identities.owner(other)
        match owners:
            case ("", ""):
                old, into = max(contact, other), min(contact, other)
            case (owner, "") if await self._store.identities.own(other, owner):
                old, into = other, contact
            case ("", owner) if await self._store.identities.own(contact, owner):
                old, into = contact, other
            case _:
                return None
        return await self.join(old, into)

    async def visitor(self, anonymous: str, contact: str) -> bool:
        """Join whoever has an anonymous id into a contact of whom it is proved that the id is theirs.

        Only a visitor who is known by nothing else is joined: where somebody has logged in, or is known by an e-mail
        address, the browser may be a shared one, and nothing changes. Returns whether the two are one then.
        """
        contact = await self._survivor(contact)
        visitor = await self._survivor(await self._store.identities.claim("anonymous", anonymous, contact))
        if visitor == contact:
            return True
        if await self._store.identities.owner(visitor) or await self._is_known(visitor):
            return False
        owner = await self._store.identities.owner(contact)
        if owner and not await self._store.identities.own(visitor, owner):
            return False  # somebody has just logged in
        await self.join(visitor, contact)
        return True

    async def _is_known(self, contact: str) -> bool:
        state = await self._store.contacts.load(contact)
        return state is not None and any(namespace != "anonymous" for namespace, _ in state.identities)

    async def alias(self, previous: str, contact: str) -> Position | None:
        """Join the contact of a previous id into the one of the present id, whoever they belong to."""
        return await self.join(await self._survivor(previous), contact)

    async def _mark(self, old: str, into: str) -> bool:
        """Say for good that `old` goes into `into`; False where that would close a circle."""
        name = keys.moved(self._store.partition(old), old)
        with redis_needed():
            first = await self._store.redis.set(name, into, nx=True)
        target: str | None = await self._marked(old)
        for _ in range(_LONGEST_CHAIN):
            if target is None:
                return True
            if target == old:
                break
            target = await self._marked(target)
        if first:
            with redis_needed():
                await self._store.redis.delete(name)
        return False

    async def _marked(self, contact: str) -> str | None:
        with redis_needed():
            target = await self._store.redis.get(keys.moved(self._store.partition(contact), contact))
        return target.decode() if target else None

    async def _survivor(self, contact: str) -> str:
        """The contact at the end of a chain of joins."""
        for _ in range(_LONGEST_CHAIN):
            target = await self._marked(contact)
            if target is None:
                return contact
            contact = target
        return contact
