"""A record of the consent ledger: who, what, when, how, by which wording."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from rules.contact import Consent, ConsentStatus, Millis

__all__ = ["ConsentAction", "ConsentRecord", "ConsentSheet"]

ConsentAction: TypeAlias = Literal["grant", "deny", "withdraw"]


class ConsentRecord(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """One act of consent; the ledger only grows. `confirmed` is False while a double opt-in waits."""

    id: str
    time: Millis
    purpose: str
    action: ConsentAction
    status: ConsentStatus
    channels: tuple[str, ...] = ()
    source: str = ""
    by: str = ""
    wording: str = ""
    wording_version: str = ""
    ip: str = ""
    user_agent: str = ""
    origin: str = ""  # the contact it was copied from when two were joined
    previous: str = ""  # digest of the record before it in this contact's ledger
    digest: str = ""


class ConsentSheet(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """The current consents of a contact by purpose; `moved_to` where the contact was joined into another."""

    purposes: dict[str, Consent] = msgspec.field(default_factory=dict)
    moved_to: str = ""
