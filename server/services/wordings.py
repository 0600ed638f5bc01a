"""The words of messages: templates compiled once, filled in for a contact."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from rules.contact import Contact, Event
from rules.facts import EventFacts, facts_now
from rules.history import History
from rules.message import CompiledMessage, compile_message, render_message
from rules.moment import zone
from rules.planning import plan_of
from rules.rulebook import Rulebook
from server.model.message import MessageTemplate
from server.model.outgoing import Rendered
from server.ports import Clock
from server.services.masking import mask_text, masked_attributes
from server.services.message_formats import formats_of
from server.store.store import Store

__all__ = ["Wordings", "masked"]

_COMPILED: Final = 500  # templates that are remembered compiled
_Key = tuple[str, str, str, str, int]


class Wordings:
    """Fills templates in. `sender` is whom the footer of an e-mail names; `timezone` the installation's."""

    def __init__(self, store: Store, clock: Clock, *, language: str, timezone: str, sender: str) -> None:
        self._store = store
        self._clock = clock
        self._language = language
        self._timezone = timezone
        self._sender = sender
        self._compiled: OrderedDict[_Key, CompiledMessage] = OrderedDict()

    def compiled(self, template: MessageTemplate, book: Rulebook) -> CompiledMessage:
        """A template, checked against a rulebook; raises RuleErrors where it is wrong for that."""
        key = (template.name, template.channel, template.format, template.source, book.version)
        known = self._compiled.get(key)
        if known is None:
            known = compile_message(template.name, template.channel, template.format, template.source, book)
            if book.version:
                self._compiled[key] = known
                if len(self._compiled) > _COMPILED:
                    self._compiled.popitem(last=False)
        else:
            self._compiled.move_to_end(key)
        return known

    def personal(self, template: MessageTemplate, book: Rulebook) -> bool:
        """Whether the words hold a personal attribute, as far as the template tells. Raises RuleErrors."""
        hidden = {one.name for one in book.attributes.values() if one.personal}
        hidden |= {one.trait for one in book.attributes.values() if one.personal and one.trait}
        if "birthday" in hidden:
            hidden.add("age")
        fields = self.compiled(template, book).fields
        return bool(hidden) and ("*" in fields or not hidden.isdisjoint(fields))

    async def render(
        self,
        template: MessageTemplate,
        contact: Contact,
        book: Rulebook,
        *,
        entry: Event | None,
        event: Event | None,
        links: Mapping[str, str],
        purpose: str,
        layout: MessageTemplate | None,
        hide: bool = False,
    ) -> Rendered:
        """A template's words for a contact. `hide`: personal values are masked. Raises RuleError."""
        compiled = self.compiled(template, book)
        around = None if layout is None else self.compiled(layout, book)
        reads = compiled.reads_history or (around is not None and around.reads_history)
        past = await self._store.contacts.past(contact) if reads and contact.chunks else []
        events = [*past, *contact.tail] if reads else []
        if hide:
            contact, events = masked(contact, book), [_masked(one, book) for one in events]
            entry, event = _masked(entry, book) if entry else None, _masked(event, book) if event else None
        locale = template.locale or str(contact.attributes.get("locale") or "") or self._language
        words = render_message(
            compiled,
            self._facts(contact, book, events, entry, event),
            events=_newest_first(events),
            links=links,
            purpose=book.purposes.get(purpose),
            locale=locale,
            sender=self._sender,
            formats=formats_of(locale, zone(contact.attributes.get("timezone"), self._timezone)),
            layout=around,
        )
        return Rendered(
            subject=words.subject, text=words.text, html=words.html, body=words.body, fields=words.fields, locale=locale
        )

    def _facts(
        self, contact: Contact, book: Rulebook, events: Sequence[Event], entry: Event | None, event: Event | None
    ) -> dict[str, Any]:
        now = self._clock.now()
        kept = plan_of(book).kept if contact.version == book.version else {}  # indexes of another text do not count
        facts = facts_now(contact, book, now, History(contact.index, kept, now, events))
        facts["entry"] = EventFacts(entry) if entry else None
        facts["event"] = EventFacts(event) if event else None
        return facts


def _newest_first(events: Sequence[Event]) -> Any:
    def named(name: str) -> Iterator[Event]:
        return (one for one in reversed(events) if one.name == name)

    return named


def masked(contact: Contact, book: Rulebook) -> Contact:
    """A contact as a channel may see it: personal values are masked unless they are `shown in alerts`."""
    return msgspec.structs.replace(contact, attributes=masked_attributes(contact, book))


def _masked(event: Event, book: Rulebook) -> Event:
    """An event without the personal values that its properties repeat."""
    hidden = {
        name
        for one in book.attributes.values()
        if one.personal and not one.shown_in_alerts
        for name in (one.name, one.trait)
        if name
    }
    return msgspec.structs.replace(event, properties=_hidden(event.properties, hidden))


def _hidden(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {
            name: mask_text(str(inner)) if name in names and inner is not None else _hidden(inner, names)
            for name, inner in value.items()
        }
    return [_hidden(inner, names) for inner in value] if isinstance(value, list) else value
