"""The command that tells what happened to a contact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Self

from bots.cards import known_as
from bots.commands.alerts import pages_of
from bots.commands.base import Asking, Command, Misused
from bots.replies import Item, Reply
from rules.entry import NOTE as NOTE_ADDED
from rules.moment import millis
from rules.rulebook import Rulebook
from server.i18n import Translator, mark
from server.services.masking import company, mask_email
from server.services.timeline import TimelineEntry

__all__ = ["Timeline"]

PAGE: Final = 10
PAGES: Final = 100
SHOWN: Final = 4  # properties of an event
LONGEST: Final = 60  # characters of one
NOTE: Final = 300
_DIGITS: Final = 7  # a text with so many may be a telephone number


class Timeline(Command, frozen=True, kw_only=True, tag="timeline"):
    en = ("timeline",)
    fr = ("chronologie", "historique")
    role = "rep"
    usage = mark("REF")
    summary = mark("what happened to a contact, the newest first")
    details = (mark("Texts of events that may be personal (addresses, numbers, long texts) are left out or masked."),)

    ref: str
    page: int = 1

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if not 1 <= len(rest) <= 2 or not all(word.isascii() and word.isdigit() for word in rest[1:]):
            raise Misused(cls)
        return cls(ref=rest[0], page=min(max(int(rest[1][:6]), 1), PAGES) if len(rest) == 2 else 1)

    async def answer(self, asking: Asking) -> Reply:
        t, contacts = asking.t, asking.services.contacts
        contact = await contacts.find(asking.actor, self.ref)
        end = self.page * PAGE
        happened = await contacts.timeline(asking.actor, contact.id, None, end)
        entries = happened.entries[end - PAGE :]
        book = await asking.services.rulebooks.live()
        who, hidden = known_as(contacts.display(contact, book), company(contact, book)), _hidden(book)
        zone = asking.zone
        items = tuple(
            Item(
                title=f"{t.local(millis(entry.time), zone)} · {_what(entry, t)}",
                lines=tuple(_lines(entry, hidden, t)),
            )
            for entry in entries
        )
        pages = pages_of(t, self.page, happened.next is not None, lambda page: Timeline(ref=contact.id, page=page))
        lines = () if items else (t("Nothing is kept of this contact."),)
        return Reply(title=who, lines=lines, items=items, footer=contact.id, pages=pages)


def _what(entry: TimelineEntry, t: Translator) -> str:
    match entry.kind:
        case "consent":
            return t(
                "consent to {purpose}: {status}", purpose=entry.name, status=str(entry.properties.get("status", ""))
            )
        case "points":
            return t("{points} by hand", points=t.points(float(entry.properties.get("points", 0))))
        case "list":
            return t("on the list {name}", name=entry.name)
        case "segment":
            return t("entered the segment {name}", name=entry.name)
        case _:
            return t("note") if entry.name == NOTE_ADDED else entry.name


def _hidden(book: Rulebook) -> frozenset[str]:
    """Names under which events may carry what the rulebook lets no channel show."""
    hidden = [each for each in book.attributes.values() if each.personal and not each.shown_in_alerts]
    return frozenset(name.replace("_", "").lower() for each in hidden for name in (each.name, each.trait) if name)


def _lines(entry: TimelineEntry, hidden: frozenset[str], t: Translator) -> Iterator[str]:
    match entry.kind:
        case "points":
            by, why = entry.properties.get("by", ""), entry.properties.get("reason", "")
            if said := " · ".join(str(part) for part in (by, why) if part):
                yield said
        case "event" if entry.name == NOTE_ADDED:
            text = str(entry.properties.get("text", ""))
            yield text if len(text) <= NOTE else text[: NOTE - 1] + "…"
            if by := entry.properties.get("by_name") or entry.properties.get("by"):
                yield f"— {by}"
        case "event":
            told = [
                t("{name}: {value}", name=name, value=said)
                for name, value in entry.properties.items()
                if name.replace("_", "").lower() not in hidden and (said := _told(value, t))
            ]
            if told:
                yield ", ".join(told[:SHOWN])


def _told(value: Any, t: Translator) -> str:
    """A property as a channel may show it; "" where it may not, or does not fit."""
    match value:
        case bool():
            return t("yes") if value else t("no")
        case int() | float() if abs(value) < 10**_DIGITS:
            return t.number(value)
        case str() if "@" in value and len(value) <= LONGEST:
            return mask_email(value)
        case str() if len(value) <= LONGEST and sum(letter.isdigit() for letter in value) < _DIGITS:
            return value
        case _:
            return ""
