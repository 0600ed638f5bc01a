"""Consent: given, denied and withdrawn, each act on record; what holds now is read where something is sent."""

from __future__ import annotations

import hashlib
import secrets

import msgspec

from rules.contact import Consent, ConsentStatus, Millis
from rules.rulebook import Purpose
from server.errors import FieldError, Forbidden, Invalid, NotFound
from server.model.actor import Actor
from server.model.consent import ConsentAction, ConsentRecord, ConsentSheet
from server.ports import Clock
from server.services.rulebooks import Rulebooks
from server.store.store import Store

__all__ = ["CHANNELS", "ConsentRequest", "Consents", "allows", "wording_version"]

CHANNELS = ("email", "sms", "push", "inbox", "print", "webhook")
_ACT_OF: dict[ConsentStatus, ConsentAction] = {
    "granted": "grant",
    "pending": "grant",
    "denied": "deny",
    "withdrawn": "withdraw",
}
_STRICTNESS: dict[ConsentStatus, int] = {"withdrawn": 3, "denied": 2, "pending": 1, "granted": 0}


class ConsentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An act of consent as it is asked for; `time` in milliseconds, None for now."""

    purpose: str
    action: ConsentAction
    source: str
    channel: str = ""
    wording_version: str = ""
    ip: str = ""
    user_agent: str = ""
    time: Millis | None = None
    confirmed: bool = False


def wording_version(purpose: Purpose) -> str:
    """The version of a purpose's wording: the first 12 hex digits of its SHA-256."""
    return hashlib.sha256(purpose.wording.encode()).hexdigest()[:12]


def allows(sheet: ConsentSheet, purpose: str, channel: str) -> bool:
    """Whether what holds now lets a message for a purpose go over a channel."""
    consent = sheet.purposes.get(purpose)
    return consent is not None and consent.status == "granted" and (not consent.channels or channel in consent.channels)


class Consents:
    """Records acts of consent at once, and carries them over when contacts are joined."""

    def __init__(self, store: Store, clock: Clock, rulebooks: Rulebooks) -> None:
        self._store = store
        self._clock = clock
        self._rulebooks = rulebooks

    async def record(self, actor: Actor, contact: str, request: ConsentRequest) -> dict[str, str]:
        """Record an act of consent of a contact (by id); return what holds then, by purpose.

        It holds before this returns. Raises `Forbidden` without the scope `consent` or the role `privacy`, `Invalid`
        for an unknown purpose, channel or wording.
        """
        if "consent" not in actor.scopes and not actor.has("privacy"):
            raise Forbidden("this needs an API key with the scope `consent`", code="needs_consent")
        purpose = (await self._rulebooks.live()).purposes.get(request.purpose)
        if purpose is None:
            raise _wrong("purpose", "there is no such purpose in the rulebook")
        if request.channel and request.channel not in (purpose.channels or CHANNELS):
            raise _wrong("channel", f"this purpose goes over {', '.join(purpose.channels or CHANNELS)}")
        now = self._clock.now()
        time = now if request.time is None else min(request.time, now)
        if "consent" in actor.scopes:  # whoever holds such a key has confirmed it elsewhere
            request = msgspec.structs.replace(request, confirmed=True)

        def change(sheet: ConsentSheet) -> tuple[ConsentRecord, ConsentSheet]:
            before = sheet.purposes.get(purpose.name)
            after = _after(before, purpose, request, time)
            record = ConsentRecord(
                id=secrets.token_hex(8),
                time=time,
                purpose=purpose.name,
                action=request.action,
                status=after.status,
                channels=(request.channel,) if request.channel else (),
                source=request.source,
                by=actor.id,
                wording=purpose.wording,
                wording_version=request.wording_version or wording_version(purpose),
                ip=request.ip,
                user_agent=request.user_agent[:300],
            )
            return record, msgspec.structs.replace(sheet, purposes={**sheet.purposes, purpose.name: after})

        written = await self._store.consents.write(contact, change)
        if written.position is not None:
            await self._store.log.wait(written.position)
        return {name: consent.status for name, consent in written.sheet.purposes.items()}

    async def current(self, contact: str) -> dict[str, str]:
        """What a contact consents to now: purpose → granted, pending, denied or withdrawn."""
        return {name: consent.status for name, consent in (await self._store.consents.sheet(contact)).purposes.items()}

    async def ledger(self, contact: str) -> list[ConsentRecord]:
        """All acts of consent of a contact, oldest first; raises `NotFound` where there was none."""
        records = await self._store.consents.ledger(contact)
        if not records:
            raise NotFound("this contact has given, denied and withdrawn nothing", code="no_consents")
        return records

    async def carry_over(self, old: str, new: str, *, everything: bool) -> None:
        """Bring the consents of one contact to another that it is joined into: the stricter one holds.

        With `everything` also those that the other has no word about; else withdrawals and denials alone.
        """
        theirs = await self._store.consents.frozen(old)
        for name, consent in theirs.purposes.items():
            await self._carry(name, consent, old, new, everything)

    async def _carry(self, purpose: str, consent: Consent, old: str, new: str, everything: bool) -> None:
        def change(sheet: ConsentSheet) -> tuple[ConsentRecord, ConsentSheet] | None:
            mine = sheet.purposes.get(purpose)
            if mine is None and not everything and _STRICTNESS[consent.status] < 2:
                return None
            if mine is not None and _STRICTNESS[mine.status] >= _STRICTNESS[consent.status]:
                return None
            record = ConsentRecord(
                id=secrets.token_hex(8),
                time=consent.since,
                purpose=purpose,
                action={"granted": "grant", "pending": "grant", "denied": "deny", "withdrawn": "withdraw"}[
                    consent.status
                ],  # type: ignore[arg-type]
                status=consent.status,
                channels=consent.channels,
                source="joined contact",
                by="system",
                wording_version=consent.wording_version,
                origin=old,
            )
            return record, msgspec.structs.replace(sheet, purposes={**sheet.purposes, purpose: consent})

        await self._store.consents.write(new, change)


def _after(before: Consent | None, purpose: Purpose, request: ConsentRequest, time: Millis) -> Consent:
    """What holds after an act."""
    version = request.wording_version or wording_version(purpose)
    if request.action == "grant":
        waits = purpose.double_opt_in and not request.confirmed
        if before is not None and before.status == "granted":
            channels = _united(before.channels, request.channel)
            return msgspec.structs.replace(before, wording_version=version, channels=channels)
        channels = (request.channel,) if request.channel else ()
        status: ConsentStatus = "pending" if waits else "granted"
        return Consent(status=status, since=time, wording_version=version, channels=channels)
    if request.channel and before is not None and before.status == "granted":
        left = tuple(c for c in before.channels or purpose.channels or CHANNELS if c != request.channel)
        if left:
            return msgspec.structs.replace(before, channels=left)
    status = "denied" if request.action == "deny" else "withdrawn"
    return Consent(status=status, since=time, wording_version=version)


def _united(channels: tuple[str, ...], channel: str) -> tuple[str, ...]:
    """The channels of a consent to which one more is given; none means all."""
    return () if not channels or not channel else tuple(dict.fromkeys((*channels, channel)))


def _wrong(path: str, message: str) -> Invalid:
    return Invalid(message, [FieldError(path, message)], code="bad_consent")
