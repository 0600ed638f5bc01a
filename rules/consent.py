"""Consent as rules see it: held now, held at a moment, the stricter of two."""

from __future__ import annotations

from rules.contact import Consent, Contact, Millis
from rules.entry import ConsentRecorded

__all__ = ["ConsentsAt", "ConsentsNow", "consented", "consented_at", "record", "stricter"]

_STRICTNESS = {"granted": 0, "pending": 1, "denied": 2, "withdrawn": 3}


def consented(contact: Contact, purpose: str) -> bool:
    """Whether the contact's consent to a purpose holds."""
    consent = contact.consents.get(purpose)
    return consent is not None and consent.status == "granted"


def consented_at(contact: Contact, purpose: str, time: Millis) -> bool:
    """Whether the contact's consent to a purpose held at a moment."""
    consent = contact.consents.get(purpose)
    if consent is None:
        return False
    return any(start <= time and (end is None or time < end) for start, end in consent.granted)


class ConsentsNow:
    """The purposes that a contact consents to, for `in`."""

    __slots__ = ("_contact",)

    def __init__(self, contact: Contact) -> None:
        self._contact = contact

    def __contains__(self, purpose: object) -> bool:
        return isinstance(purpose, str) and consented(self._contact, purpose)


class ConsentsAt:
    """The purposes that a contact consented to at a moment, for `in`."""

    __slots__ = ("_contact", "_time")

    def __init__(self, contact: Contact, time: Millis) -> None:
        self._contact = contact
        self._time = time

    def __contains__(self, purpose: object) -> bool:
        return isinstance(purpose, str) and consented_at(self._contact, purpose, self._time)


def record(contact: Contact, entry: ConsentRecorded) -> bool:
    """Take a new record of the ledger into the contact's state; True when consent is held now and was not before."""
    before = contact.consents.get(entry.purpose)
    periods = before.granted if before else ()
    held = before is not None and before.status == "granted"
    grants = entry.status == "granted"
    if grants and not held:
        periods = (*periods, (entry.time, None))
    elif not grants:
        periods = closed(periods, entry.time)
    contact.consents[entry.purpose] = Consent(
        status=entry.status,
        since=entry.time,
        wording_version=entry.wording_version,
        channels=entry.channels,
        granted=periods,
    )
    return grants and not held


def closed(periods: tuple[tuple[Millis, Millis | None], ...], time: Millis) -> tuple[tuple[Millis, Millis | None], ...]:
    """The periods with an open one ended at `time`."""
    return tuple((start, max(start, time) if end is None else end) for start, end in periods)


def stricter(ours: Consent, theirs: Consent) -> Consent:
    """The stricter of two consents to one purpose; the periods in which either held stay known."""
    first, second = sorted((ours, theirs), key=lambda one: (-_STRICTNESS[one.status], -one.since, one.wording_version))
    refused = first.status in ("denied", "withdrawn")
    chosen = first if refused or second.status != "granted" else second
    periods = tuple(sorted({*ours.granted, *theirs.granted}, key=lambda period: (period[0], period[1] or 0)))
    return Consent(
        status=chosen.status,
        since=chosen.since,
        wording_version=chosen.wording_version,
        channels=chosen.channels,
        granted=periods if chosen.status == "granted" else closed(periods, chosen.since),
    )
