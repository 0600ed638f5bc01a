"""Entries and moments of one partition, decided one after the other into a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from rules.contact import Contact, Event, Millis
from rules.decide import advance, decide, needs_past
from rules.decision import Decision
from rules.entry import Absorbed, AlertActed, Broadcast, Entry, Joined, ScenarioResumed
from rules.rulebook import Rulebook
from server.engine.announced import announce
from server.engine.batch import Batch
from server.engine.formers import Formers
from server.engine.owned import Owned
from server.store.codec import SealError
from server.store.partition import Line

__all__ = ["Decider", "PastWanted", "Poison"]

_log = structlog.get_logger(__name__)

Unreadable = Mapping[str, SealError]


class Poison(Exception):
    """An entry met an error of ours: the batch starts again without it."""

    def __init__(self, entry_id: str, reason: str) -> None:
        super().__init__(reason)
        self.entry_id = entry_id
        self.reason = reason


class PastWanted(Exception):
    """A decision needs the stored chunks of a contact: the batch starts again with them."""

    def __init__(self, contact: str) -> None:
        super().__init__(contact)
        self.contact = contact


class Decider:
    """Applies a partition's entries to contacts under one rulebook."""

    def __init__(
        self,
        owned: Owned,
        book: Rulebook,
        now: Millis,
        timezone: str,
        past: Mapping[str, list[Event]],
        formers: Formers,
    ) -> None:
        self._owned = owned
        self._book = book
        self._now = now
        self._timezone = timezone
        self._past = past
        self._formers = formers

    def entries(self, batch: Batch, lines: Sequence[Line], unreadable: Unreadable, skip: Mapping[str, str]) -> None:
        """Decide a run of the log, contact by contact, those of one in their order.

        Raises `Poison` for an entry that cannot be applied and is not in `skip`.
        """
        together: dict[str, list[Line]] = {}
        for line in lines:
            if line.entry is None or line.id in skip or line.contact in unreadable:
                reason = skip.get(line.id) or "the contact or the entry cannot be opened"
                batch.set_aside(line.id, line.contact, line.sealed, reason)
            elif isinstance(line.entry, Broadcast | ScenarioResumed):
                self._announce(batch, line, line.entry)
            elif line.contact in together:
                together[line.contact].append(line)
            else:
                together[line.contact] = [line]
        batch.cursor = lines[-1].id
        for contact_id, some in together.items():
            self._contact(batch, contact_id, some)

    def _announce(self, batch: Batch, line: Line, entry: Broadcast | ScenarioResumed) -> None:
        try:
            announce(batch, entry, self._book)
        except Exception as error:
            _log.error("entry set aside", entry=line.id, error=type(error).__name__, **_place(error))
            raise Poison(line.id, type(error).__name__) from error

    def _contact(self, batch: Batch, contact_id: str, lines: Sequence[Line]) -> None:
        own, book = self._owned, self._book
        contact = own.contacts.get(contact_id)
        stored = contact is not None
        if contact is None:
            contact = Contact(id=contact_id, created=self._now, version=book.version)
        elif contact.version < own.base:
            contact.version = own.base
        batch.touch(contact, stored)
        for line in lines:
            try:
                decision = self._entry(batch, line, contact)
            except PastWanted:
                raise
            except Exception as error:
                # Its text may hold personal values: the type and the place are all that is told.
                _log.error("entry set aside", entry=line.id, error=type(error).__name__, **_place(error))
                raise Poison(line.id, type(error).__name__) from error
            if stored or decision.changed:
                own.contacts[contact_id] = contact
                stored = True
            batch.add(contact, decision, line.id, acted=isinstance(line.entry, AlertActed))
        batch.seal(contact)

    def _entry(self, batch: Batch, line: Line, contact: Contact) -> Decision:
        entry, book = line.entry, self._book
        assert entry is not None
        past = self._needed_past(batch, contact, entry) if contact.chunks else ()
        former = None if contact.version == book.version else self._formers.of(contact)
        decision = decide(
            contact, entry, book, self._now, entry_id=line.id, timezone=self._timezone, past=past, former=former
        )
        if decision.forward:
            batch.forward(contact, line.id, entry)
        elif decision.snapshot is not None:
            assert isinstance(entry, Joined)
            absorbed = Absorbed(time=self._now, merge=entry.merge, snapshot=decision.snapshot, past=list(past))
            batch.send_snapshot(contact, line.id, absorbed)
        return decision

    def _needed_past(self, batch: Batch, contact: Contact, entry: Entry) -> list[Event]:
        """The events of a contact's chunks, where a decision needs them: those stored and those of this batch."""
        former = self._formers.of(contact)
        if not (needs_past(contact, self._book, entry, former) or isinstance(entry, Joined)):
            return []
        if contact.id not in self._past:
            raise PastWanted(contact.id)
        return [*self._past[contact.id], *batch.spilled.get(contact.id, [])]

    def moment(self, batch: Batch, contact: Contact) -> None:
        """Let time come to a contact whose moment it is."""
        before = contact.changes_at
        if before is None or before > self._now:
            batch.look_again(contact.id, before)
            return
        batch.touch(contact, True)
        contact.version = max(contact.version, self._owned.base)
        decision = advance(
            contact,
            self._book,
            self._now,
            entry_id=f"time {self._now}",
            timezone=self._timezone,
            past=self._past.get(contact.id, []),
            former=self._formers.of(contact),
        )
        batch.add(contact, decision, f"time {self._now}")
        if not decision.changed or contact.changes_at == before:
            batch.look_again(contact.id, contact.changes_at if contact.changes_at != before else None)


def _place(error: BaseException) -> dict[str, str]:
    """Where an error was raised: the last frame's module and line."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    if at is None:
        return {}
    return {"module": at.tb_frame.f_globals.get("__name__", "?"), "line": str(at.tb_lineno)}
