"""Contacts: finding one, seeing what is known of it, changing its attributes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from rules.attribute import Misfit, fit
from rules.contact import Consent, Contact
from rules.entry import AttributesSet, EventReceived
from rules.rulebook import Rulebook
from rules.score import score_at
from rules.verdict import RuleWhy
from server.errors import FieldError, Invalid, NotFound
from server.model.actor import Actor, Role
from server.ports import Clock
from server.services.access import require
from server.services.masking import display
from server.services.rulebooks import Rulebooks
from server.services.timeline import TimelinePage, page_of, timeline_of
from server.services.views import bad_cursor, moment
from server.services.why import Why, rule_why, why_of
from server.store.store import Store

__all__ = ["ContactPage", "ContactView", "Contacts", "IdentityView", "Patched", "Reached"]

_ID: Final = re.compile(r"[au][0-9a-hjkmnp-tv-z]{17}")
_NAMESPACES: Final = ("user", "anonymous", "email")
_MAX_REF: Final = 320


class IdentityView(msgspec.Struct, frozen=True):
    """A name of a contact: `user`, `anonymous` or `email`, and its value."""

    namespace: str
    value: str


class ContactView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a contact."""

    id: str
    identities: list[IdentityView]
    attributes: dict[str, Any]
    score: float
    segments: list[str]
    lists: list[str]
    consents: dict[str, str]
    created: datetime
    last_seen: datetime


class ContactPage(msgspec.Struct, frozen=True):
    """Some contacts, and the cursor of the next page (None: there is none)."""

    contacts: list[ContactView]
    next: str | None


class Patched(msgspec.Struct, frozen=True):
    """A contact after a change; `pending` where the change is stored and has not taken effect yet."""

    contact: ContactView
    pending: bool


class Reached(NamedTuple):
    """A contact's id, and the identity by which it was reached where its state does not know that yet."""

    contact: str
    identity: tuple[str, str] | None


class Contacts:
    """Reads contacts as the engine last wrote them, and changes them through the log."""

    def __init__(self, store: Store, clock: Clock, rulebooks: Rulebooks, *, timezone: str = "UTC") -> None:
        self._store = store
        self._clock = clock
        self._rulebooks = rulebooks
        self._timezone = timezone

    async def find(self, actor: Actor, ref: str, role: Role = "rep") -> Contact:
        """The contact that a reference names, for who has the role: an id, `email:a@b.fr`, `user:42`, `anonymous:…`.

        A bare e-mail address or user id will do too. Raises `Forbidden`, `NotFound`.
        """
        require(actor, "read", role)
        return await self._load(ref)

    async def view(self, actor: Actor, ref: str) -> ContactView:
        """What is known of a contact, with its consents as they hold now. Raises `Forbidden`, `NotFound`."""
        return await self._view(await self.find(actor, ref))

    async def page(self, actor: Actor, *, cursor: str | None = None, limit: int = 50) -> ContactPage:
        """All contacts, page by page, in no order that means anything. Raises `Forbidden`, `Invalid`."""
        require(actor, "read", "rep")
        if cursor is not None and not re.fullmatch(r"\d{1,4}:\d{1,3}:[a-z0-9]*", cursor):
            raise bad_cursor()
        some = await self._store.contacts.page(cursor, limit)
        return ContactPage(await self._views(some.ids), some.next)

    async def search(self, actor: Actor, text: str) -> ContactPage:
        """The contacts that have this identity, in any namespace, or this id. Raises `Forbidden`."""
        require(actor, "read", "rep")
        try:
            return ContactPage([await self._view(await self._load(text))], None)
        except NotFound:
            return ContactPage([], None)

    async def among(self, members: Sequence[str]) -> list[ContactView]:
        """The contacts of an index, those left out that are gone or joined into another."""
        return await self._views(members)

    async def patch(self, actor: Actor, ref: str, attributes: Mapping[str, Any]) -> Patched:
        """Set attributes by name; null removes one. Raises `Forbidden`, `NotFound`, and `Invalid` for a name that is
        not declared or a value that does not fit its type."""
        require(actor, "write", "rep")
        contact = await self._load(ref)
        values = _fitting(attributes, await self._rulebooks.live())
        entry = AttributesSet(time=self._clock.now(), values=values, by=actor.id)
        [position] = await self._store.log.append([(contact.id, entry)])
        applied = await self._store.log.wait(position)
        return Patched(await self._view(await self._load(contact.id)), not applied)

    async def timeline(self, actor: Actor, ref: str, cursor: str | None = None, limit: int = 50) -> TimelinePage:
        """What happened to a contact, newest first. Raises `Forbidden`, `NotFound`, `Invalid` for a bad cursor."""
        contact = await self.find(actor, ref)
        events = await self._store.contacts.history(contact)
        ledger = await self._store.consents.ledger(contact.id)
        return page_of(timeline_of(contact, events, ledger), cursor, limit)

    async def why(self, actor: Actor, ref: str, rule: str | None = None) -> Why:
        """The score of a contact line by line, or of one rule. Raises `Forbidden`, `NotFound`."""
        contact = await self.find(actor, ref)
        past = await self._store.contacts.past(contact) if contact.chunks else []
        book = await self._rulebooks.live()
        return why_of(contact, past, book, self._clock.now(), self._timezone, rule)

    async def why_rule(self, actor: Actor, ref: str, rule: str) -> RuleWhy:
        """Why one rule is, or is not, true of a contact. Raises `Forbidden`, `NotFound`."""
        contact = await self.find(actor, ref)
        past = await self._store.contacts.past(contact) if contact.chunks else []
        book = await self._rulebooks.live()
        return rule_why(contact, past, book, self._clock.now(), self._timezone, rule)

    def display(self, contact: Contact, book: Rulebook) -> str:
        """A contact's name for a channel, with nothing personal that the rulebook does not let alerts show."""
        return display(contact, book)

    async def locate(self, actor: Actor, ref: str) -> str:
        """The id of the contact that a reference names, for those who may write. Raises `Forbidden`, `NotFound`."""
        require(actor, "write", "rep")
        return (await self._load(ref)).id

    async def reach(self, ref: str) -> Reached:
        """The contact that a reference names; an id is claimed for an identity that nobody has yet.

        For writes that may come before the first event, such as a consent: an id without state is harmless, and
        `introduce` tells the contact its identity. Raises `NotFound` for an unknown id.
        """
        namespace, _, value = ref.partition(":")
        named = namespace in _NAMESPACES and bool(value) and len(ref) <= _MAX_REF
        try:
            contact = await self._load(ref)
        except NotFound:
            if not named:
                raise
            made = self._store.identities.new_id(namespace == "user")
            return Reached(await self._store.identities.claim(namespace, value, made), (namespace, value))
        # a state that a consent alone has made does not know yet whose it is
        return Reached(contact.id, None if contact.identities or not named else (namespace, value))

    async def introduce(self, reached: Reached) -> None:
        """Tell a contact the identity by which it was reached, where it does not know it."""
        if reached.identity is None:
            return
        namespace, value = reached.identity
        now = self._clock.now()
        entry = EventReceived(
            name="identify",
            time=now,
            received=now,
            message_id=f"introduced-{reached.contact}",
            traits={"email": value} if namespace == "email" else {},
            identities=(reached.identity,),
            silent=True,
        )
        [position] = await self._store.log.append([(reached.contact, entry)])
        await self._store.log.wait(position)

    async def _load(self, ref: str) -> Contact:
        contact_id = await self._id_of(ref)
        contact = await self._store.contacts.load(contact_id) if contact_id else None
        if contact is None:
            raise NotFound("there is no such contact", code="no_contact")
        return contact

    async def _id_of(self, ref: str) -> str | None:
        if not ref or len(ref) > _MAX_REF:
            return None
        if _ID.fullmatch(ref):
            return ref
        namespace, colon, value = ref.partition(":")
        if colon and namespace in _NAMESPACES:
            return await self._store.identities.find(namespace, value) if value else None
        if "@" in ref and (found := await self._store.identities.find("email", ref)):
            return found
        return await self._store.identities.find("user", ref) or await self._store.identities.find("anonymous", ref)

    async def _view(self, contact: Contact) -> ContactView:
        sheet = await self._store.consents.sheet(contact.id)
        return self._shown(contact, await self._rulebooks.live(), sheet.purposes)

    async def _views(self, ids: Sequence[str]) -> list[ContactView]:
        book = await self._rulebooks.live()
        found = await self._store.contacts.load_many(ids)
        return [
            self._shown(contact, book, contact.consents)
            for contact in found
            if contact is not None and not contact.moved_to
        ]

    def _shown(self, contact: Contact, book: Rulebook, consents: Mapping[str, Consent]) -> ContactView:
        return ContactView(
            id=contact.id,
            identities=[IdentityView(namespace, value) for namespace, value in contact.identities],
            attributes=contact.attributes,
            score=score_at(contact, book, self._clock.now(), self._timezone) / 10,
            segments=sorted(contact.segments),
            lists=sorted(contact.lists),
            consents={name: consent.status for name, consent in consents.items()},
            created=moment(contact.created),
            last_seen=moment(contact.last_seen),
        )


def _fitting(attributes: Mapping[str, Any], book: Rulebook) -> dict[str, Any]:
    """The values as their attributes store them; raises `Invalid` with all that do not fit."""
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, value in attributes.items():
        declared = book.attributes.get(name)
        if declared is None:
            errors.append(FieldError("attributes", "holds a name that the rulebook does not declare"))
            continue
        try:
            values[name] = None if value is None else fit(declared, value)
        except Misfit as misfit:
            errors.append(FieldError(f"attributes.{name}", str(misfit)))
    if errors or not values:
        raise Invalid(
            "the attributes cannot be set", errors or [FieldError("attributes", "is empty")], code="bad_value"
        )
    return values
