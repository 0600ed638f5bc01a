"""Suppressions: addresses to which no message goes any more, whoever's they are.

A hard bounce and a complaint suppress at once, soft bounces after five between which no message arrived. Only a person
lifts a suppression.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from server.channels.mail_address import usual_address
from server.errors import FieldError, Forbidden, Invalid, NotFound
from server.model.actor import SYSTEM, Actor
from server.model.suppression import SUPPRESSION_REASONS, Suppression, SuppressionReason
from server.ports import Clock
from server.services.consents import CHANNELS
from server.store.identities import normal_email
from server.store.store import Store
from server.store.suppressions import Suppressions as Kept

__all__ = ["SOFT_BOUNCES", "SuppressionPage", "Suppressions"]

SOFT_BOUNCES: Final = 5


class SuppressionPage(NamedTuple):
    """Some suppressions, and the cursor of the next page (None: there is none)."""

    suppressions: list[Suppression]
    next: str | None


class Suppressions:
    """Adds, finds, lists and lifts them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._kept = Kept(store.redis, store.seal)
        self._clock = clock

    async def reason(self, channel: str, address: str) -> str | None:
        """Why no message goes to an address; None where it may. Raises `Unavailable`."""
        found = await self._kept.find(channel, _usual(channel, address))
        return None if found is None else found.reason

    async def add(self, channel: str, address: str, reason: str, contact: str = "", actor: Actor = SYSTEM) -> bool:
        """Let no message go to an address; False where that was so. Raises `Forbidden`, `Invalid`, `Unavailable`."""
        _require(actor)
        if channel not in CHANNELS:
            raise Invalid(f"channels are {', '.join(CHANNELS)}", [FieldError("channel", "is none of ours")])
        if not address.strip():
            raise Invalid("the address is missing", [FieldError("address", "is missing")])
        if channel == "email" and actor is not SYSTEM and not usual_address(address):
            raise Invalid("this is no e-mail address", [FieldError("address", "is no e-mail address")])
        known: SuppressionReason = reason if reason in SUPPRESSION_REASONS else "by hand"
        by = "" if actor is SYSTEM else actor.id
        record = Suppression(channel=channel, reason=known, since=self._clock.now(), contact=contact, by=by)
        return await self._kept.add(_usual(channel, address), record)

    async def bounced_softly(self, channel: str, address: str, delivery: str, contact: str = "") -> bool:
        """A message came back for now; True where that was once too often, and the address is suppressed."""
        usual = _usual(channel, address)
        if await self._kept.soft_bounce(channel, usual, delivery) < SOFT_BOUNCES:
            return False
        return await self.add(channel, address, "soft bounces", contact)

    async def arrived(self, channel: str, address: str) -> None:
        """A message arrived: soft bounces before it do not count."""
        await self._kept.arrived(channel, _usual(channel, address))

    async def remove(self, actor: Actor, channel: str, address: str) -> None:
        """Lift a suppression. Raises `Forbidden`, `NotFound`."""
        _require(actor)
        if not await self._kept.remove(channel, _usual(channel, address)):
            raise NotFound("this address is not suppressed", code="not_suppressed")

    async def listing(self, actor: Actor, cursor: str | None = None, limit: int = 200) -> SuppressionPage:
        """All suppressions, page by page. Raises `Forbidden`."""
        _require(actor)
        start = int(cursor) if cursor is not None and cursor.isdigit() else 0
        found, following = await self._kept.page(start, limit)
        return SuppressionPage(sorted(found, key=lambda one: -one.since), str(following) if following else None)


def _usual(channel: str, address: str) -> str:
    """An address as it is compared."""
    return normal_email(address) if channel == "email" else address.strip()


def _require(actor: Actor) -> None:
    if not (actor.has("privacy") or actor.has("admin") or "admin" in actor.scopes or "consent" in actor.scopes):
        raise Forbidden("this needs the role privacy or admin", code="needs_privacy")
