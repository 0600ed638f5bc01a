"""A partition that this engine may write."""

from __future__ import annotations

from itertools import islice

import msgspec

from rules.contact import Contact, Millis

__all__ = ["Owned"]


class Owned(msgspec.Struct, kw_only=True):
    """Where the writer of a partition stands. Since it is the only writer, contacts it has read stay valid.

    All contacts are at least as `base`, a version of the rulebook, has them. `recomputed` is the version that they are
    being brought to, from `bucket` on; None where that is done.
    """

    partition: int
    token: str
    cursor: str
    alerts: int
    base: int
    recomputed: int
    bucket: int | None
    next_timer: Millis | None
    transfers: bool
    contacts: dict[str, Contact] = msgspec.field(default_factory=dict)

    @property
    def recomputing(self) -> bool:
        return self.bucket is not None

    def used(self, contact: Contact) -> None:
        """Put a contact behind all others in the order of going."""
        self.contacts.pop(contact.id, None)
        self.contacts[contact.id] = contact

    def trim(self, limit: int) -> None:
        """Forget the contacts that were not changed for longest, down to `limit`."""
        over = len(self.contacts) - limit
        if over > 0:
            for contact_id in list(islice(self.contacts, over)):
                del self.contacts[contact_id]
