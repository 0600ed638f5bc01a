"""What an expression sees: event, contact, history, now. Built once a decision, converted when read."""

from __future__ import annotations

from collections.abc import Container, Mapping
from decimal import Decimal
from typing import Any

from rules import attribute
from rules.consent import ConsentsAt, ConsentsNow
from rules.contact import Contact, Event, Millis
from rules.history import History
from rules.moment import age, instant
from rules.rulebook import Attribute, Rulebook

__all__ = ["ContactFacts", "EventFacts", "facts_at", "facts_now"]

_TEXT = Attribute(name="", type="text")


class ContactFacts(dict[str, Any]):
    """A contact's values by name, as of a moment; each is converted by its declared type when first read.

    Besides the declared attributes: `score`, `created`, `last_seen`, `age`, `locale`, `timezone`.
    """

    __slots__ = ("_at", "_attributes", "_contact", "_now")

    def __init__(
        self, contact: Contact, attributes: Mapping[str, Attribute], now: Millis, at: Millis | None = None
    ) -> None:
        """`at`: values as they were at that moment; None: present ones."""
        super().__init__()
        self._contact = contact
        self._attributes = attributes
        self._now = now
        self._at = at

    def __missing__(self, name: str) -> Any:
        value = self[name] = self._read(name)
        return value

    get = dict.__getitem__  # type: ignore[assignment]  # as fast as a dict's own, and asks `__missing__`

    def _read(self, name: str) -> Any:
        declared = self._attributes.get(name)
        if declared is not None:
            return attribute.read(declared, self._stored(name))
        contact = self._contact
        match name:
            case "score":
                return Decimal(contact.tenths) / 10
            case "created":
                return instant(contact.created)
            case "last_seen":
                return instant(contact.last_seen if self._at is None else min(contact.last_seen, self._at))
            case "age":
                birthday = self["birthday"] if "birthday" in self._attributes else None
                return None if birthday is None else Decimal(age(birthday, instant(self._now)))
            case "locale" | "timezone":
                return attribute.read(_TEXT, self._stored(name))
            case _:
                return None

    def _stored(self, name: str) -> Any:
        current = self._contact.attributes.get(name)
        return current if self._at is None else attribute.value_at(self._contact, name, self._at, current)


class EventFacts(dict[str, Any]):
    """The event being decided on: `name`, `time`, `source`, `properties`."""

    __slots__ = ("_time",)

    def __init__(self, event: Event) -> None:
        super().__init__(name=event.name, source=event.source, properties=event.properties)
        self._time = event.time

    def __missing__(self, name: str) -> Any:
        value = self[name] = instant(self._time) if name == "time" else None
        return value

    get = dict.__getitem__  # type: ignore[assignment]


class _ListsAt:
    """The lists that a contact was on at a moment, for `in`."""

    __slots__ = ("_contact", "_time")

    def __init__(self, contact: Contact, time: Millis) -> None:
        self._contact = contact
        self._time = time

    def __contains__(self, name: object) -> bool:
        current = name in self._contact.lists
        return bool(attribute.value_at(self._contact, f"list:{name}", self._time, current))


def facts_now(contact: Contact, book: Rulebook, now: Millis, history: History) -> dict[str, Any]:
    """The facts of a decision made at `now`; add "event" where there is one."""
    return {
        "now": instant(now),
        "contact": ContactFacts(contact, book.attributes, now),
        "history": history,
        "segments": contact.segments,
        "lists": contact.lists,
        "consents": ConsentsNow(contact),
        "entry": None,
        "arrived": None,
    }


def facts_at(contact: Contact, book: Rulebook, event: Event, shown: EventFacts, history: History) -> dict[str, Any]:
    """The facts as they were when an event happened: what the `when` of an `on` score sees."""
    time = event.time
    lists: Container[str] = _ListsAt(contact, time)
    return {
        "now": shown["time"],
        "event": shown,
        "contact": ContactFacts(contact, book.attributes, time, time),
        "history": history,
        "segments": (),
        "lists": lists,
        "consents": ConsentsAt(contact, time),
        "entry": None,
        "arrived": None,
    }
