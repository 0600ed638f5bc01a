"""A partition that this engine may write."""

from __future__ import annotations

import asyncio
from itertools import islice

import msgspec

from rules.contact import Contact, Millis
from server.store.sweeps import Agenda

__all__ = ["Owned"]


class Owned(msgspec.Struct, kw_only=True, eq=False):
    """Where the writer of a partition stands. Since it is the only writer, contacts it has read stay valid.

    All contacts are at least as `base`, a version of the rulebook, has them: one whose own version is an older one has
    not changed since. `recomputed` is the version that they are being brought to, from `bucket` on; None where that is
    done. `done` contacts have been so far, and `left` are those that could not be. `agenda` is what it sweeps.
    """

    partition: int
    token: str
    cursor: str
    alerts: int
    base: int
    recomputed: int
    bucket: int | None
    done: int = 0
    left: int = 0
    told: float = 0.0  # when it was last written down how far that is
    commits: int = 0  # how many have been sent: what was read before one of them may be old
    next_timer: Millis | None
    transfers: bool
    writing: asyncio.Task[None] | None = None
    agenda: Agenda = msgspec.field(default_factory=Agenda)
    contacts: dict[str, Contact] = msgspec.field(default_factory=dict)

    @property
    def recomputing(self) -> bool:
        return self.bucket is not None

    def used(self, contact: Contact) -> None:
        """Put a contact behind all others in the order of going."""
        self.contacts.pop(contact.id, None)
        self.contacts[contact.id] = contact

    def trim(self, limit: int) -> None:
        """Forget the contacts that were not changed for longest, down to `limit`; none that may not be written yet."""
        if self.writing is not None and not self.writing.done():
            return
        over = len(self.contacts) - limit
        if over > 0:
            for contact_id in list(islice(self.contacts, over)):
                del self.contacts[contact_id]
