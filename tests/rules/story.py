"""A contact's story for tests: events, attributes, consents and moments told one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from rules import parse_rulebook
from rules.contact import Contact, Event, Millis
from rules.decide import advance, bring_up_to_date, decide, needs_past
from rules.decision import Decision
from rules.entry import AttributesSet, ConsentRecorded, Entry, EventReceived, ListChanged, PointsAdded
from rules.rulebook import Rulebook

__all__ = ["DAY", "HOUR", "MINUTE", "START", "Story", "book", "copy_of", "event", "play"]

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_772_442_000_000  # Monday 2026-03-02 at 09:00 UTC


def book(text: str, version: int = 1) -> Rulebook:
    """The rulebook of a text, as published under a version."""
    return msgspec.structs.replace(parse_rulebook(text), version=version)


def copy_of(contact: Contact) -> Contact:
    """A contact that shares nothing with another: what a store gives back."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(contact), type=Contact)


def event(
    name: str,
    time: Millis,
    properties: dict[str, Any] | None = None,
    *,
    received: Millis | None = None,
    message_id: str | None = None,
    **more: Any,
) -> EventReceived:
    """An event at `time`, received at once unless told otherwise, with a message id of its own."""
    properties = properties or {}
    return EventReceived(
        name=name,
        time=time,
        received=time if received is None else received,
        message_id=f"{name} {time} {sorted(properties.items(), key=str)}" if message_id is None else message_id,
        properties=properties,
        **more,
    )


class Story:
    """One contact under one rulebook, with its stored chunks, as an engine keeps them."""

    def __init__(self, text_or_book: str | Rulebook, *, id: str = "c1", timezone: str = "UTC") -> None:  # noqa: A002
        self.book = book(text_or_book) if isinstance(text_or_book, str) else text_or_book
        self.contact = Contact(id=id)
        self.chunks: list[list[Event]] = []
        self.timezone = timezone
        self.now = START
        self.decision = Decision()
        self.number = 0

    @property
    def past(self) -> list[Event]:
        return [one for chunk in self.chunks for one in chunk]

    @property
    def score(self) -> float:
        return self.contact.score

    @property
    def segments(self) -> set[str]:
        return set(self.contact.segments)

    def apply(self, entry: Entry, now: Millis | None = None) -> Decision:
        """One entry of the log, decided as soon as it was received unless a time is given."""
        self.number += 1
        received = entry.received if isinstance(entry, EventReceived) else entry.time
        self.now = max(self.now, received) if now is None else now
        past = self.past if needs_past(self.contact, self.book, entry) else []
        return self.keep(
            decide(
                self.contact, entry, self.book, self.now, entry_id=str(self.number), timezone=self.timezone, past=past
            )
        )

    def happens(self, name: str, time: Millis | None = None, /, **properties: Any) -> Decision:
        """An event, now or at a time."""
        self.number += 1
        moment = self.now if time is None else time
        return self.apply(event(name, moment, properties, message_id=f"n{self.number}"))

    def learns(self, time: Millis | None = None, /, **traits: Any) -> Decision:
        """An `identify` call of a server source."""
        self.number += 1
        moment = self.now if time is None else time
        return self.apply(event("identify", moment, traits=traits, silent=True, message_id=f"n{self.number}"))

    def sets(self, **values: Any) -> Decision:
        return self.apply(AttributesSet(time=self.now, values=values))

    def consents(self, purpose: str, status: str = "granted") -> Decision:
        return self.apply(ConsentRecorded(time=self.now, purpose=purpose, status=status))  # type: ignore[arg-type]

    def listed(self, name: str, member: bool = True) -> Decision:
        return self.apply(ListChanged(time=self.now, list=name, member=member))

    def gets(self, tenths: int) -> Decision:
        return self.apply(PointsAdded(time=self.now, tenths=tenths, by="someone"))

    def waits(self, span: Millis) -> list[Decision]:
        """Time passes; every moment that the contact asked for comes."""
        end, decisions = self.now + span, []
        while self.contact.changes_at is not None and self.contact.changes_at <= end:
            self.now = max(self.now, self.contact.changes_at)
            decisions.append(
                self.keep(advance(self.contact, self.book, self.now, entry_id=f"t{self.now}", timezone=self.timezone))
            )
            assert len(decisions) < 10_000
        self.now = end
        return decisions

    def publishes(self, text: str) -> Decision:
        """A new version of the rulebook, and the contact recomputed under it."""
        self.book = book(text, self.book.version + 1)
        return self.recomputed()

    def recomputed(self) -> Decision:
        return self.keep(
            bring_up_to_date(self.contact, self.past, self.book, self.now, entry_id="recompute", timezone=self.timezone)
        )

    def keep(self, decision: Decision) -> Decision:
        if decision.spill:
            self.chunks.append(decision.spill)
        del self.chunks[: decision.drop]
        assert [len(chunk) for chunk in self.chunks] == self.contact.chunks
        for place, alert in enumerate(decision.alerts):
            alert.id = alert.id or f"{self.contact.id}-{self.number}-{place}"
        self.contact = copy_of(self.contact)
        self.decision = decision
        return decision


def play(story: Story, entries: Iterable[Entry], now: Millis) -> Story:
    """Apply entries that are all received by `now`."""
    for entry in entries:
        story.apply(entry, now)
    return story
