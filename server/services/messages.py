"""Messages: their templates per name, channel and locale, what they look like, who sends them."""

from __future__ import annotations

from collections.abc import Mapping

from rules import RuleErrors
from rules.contact import Contact, Event, Millis
from rules.errors import Problem
from rules.message import LAYOUT, MessageFault, layout_source
from rules.rulebook import OnBroadcast, OnEvent, Rulebook
from rules.sends import Sent, sends
from server.errors import Conflict, Invalid, NotFound
from server.model.actor import SYSTEM, Actor
from server.model.message import MessageTemplate, TemplateFormat
from server.model.outgoing import MessageDelivery, Rendered, delivery_id
from server.model.person import Person
from server.ports import Clock
from server.services.access import require
from server.services.contacts import Contacts
from server.services.message_heads import ANY, check_place, made, normal_locale
from server.services.message_views import Listed, Previewed, WrongMessage
from server.services.rulebooks import Rulebooks
from server.services.templates import Templates
from server.services.wordings import Wordings
from server.store.message_outbox import MessageOutbox
from server.store.store import Store

__all__ = ["Listed", "Messages", "Previewed", "WrongMessage"]


class Messages:
    """Keeps templates, and fills them in. `language` and `timezone` are the installation's; `sender` is whom the
    footer of an e-mail names; `url` where others reach the installation."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        rulebooks: Rulebooks,
        contacts: Contacts,
        *,
        language: str = "en",
        timezone: str = "UTC",
        sender: str = "",
        url: str = "",
    ) -> None:
        self._store = store
        self._clock = clock
        self._rulebooks = rulebooks
        self._contacts = contacts
        self._url = url
        self._wordings = Wordings(store, clock, language=language, timezone=timezone, sender=sender)
        self._outbox = MessageOutbox(store.redis, store.seal, store.partitions)
        self._templates = Templates(store, clock, language)

    # --- looking ------------------------------------------------------------------------------------------------

    async def get(self, actor: Actor, name: str, channel: str, locale: str = "") -> MessageTemplate:
        """A template; the built-in layout where there is none of our own. Raises `Forbidden`, `NotFound`."""
        require(actor, "read", "viewer")
        return await self._get(name, channel, locale)

    async def listing(self, actor: Actor, name: str = "") -> list[Listed]:
        """All templates, or those of a name, by name, channel and locale. Raises `Forbidden`."""
        require(actor, "read", "viewer")
        book = await self._rulebooks.live()
        by = sends(book)
        now = self._clock.now()
        return [
            Listed(
                template=one,
                stale=bool(one.expires) and one.expires <= now,
                problems=self._problems(one, book),
                sent_by=tuple(by.get((one.name, one.channel), ())),
            )
            for one in await self._store.messages.all()
            if name in ("", one.name)
        ]

    async def stale(self) -> list[MessageTemplate]:
        """The templates whose time is over, those that are over for longest first."""
        now = self._clock.now()
        over = [one for one in await self._store.messages.all() if one.expires and one.expires <= now]
        return sorted(over, key=lambda one: one.expires)

    async def names(self) -> frozenset[tuple[str, str]]:
        """The name and channel of every message that there is."""
        return await self._store.messages.names()

    async def find(self, name: str, channel: str, locale: str) -> MessageTemplate | None:
        """The template for a contact of this locale: its own, its language's, the installation's, or any."""
        return await self._templates.find(name, channel, locale)

    async def preview(
        self, actor: Actor, name: str, channel: str, locale: str | None, ref: str, *, hide: bool = False
    ) -> Previewed:
        """A message as a contact would get it; in the contact's language where no locale is named.

        With `hide` its personal values are masked, and whoever may read messages may see it. Raises `Forbidden`,
        `NotFound`, and `Invalid` where it cannot be filled in for this contact.
        """
        require(actor, "read", "viewer")
        contact = await self._contacts.find(SYSTEM if hide else actor, ref)
        template = await self._template(name, channel, locale, contact)
        book = await self._rulebooks.live()
        by = sends(book).get((name, channel), [])
        entry = await self._entry(contact, by, book)
        links = {"unsubscribe": f"{self._url}/unsubscribe/test"}
        purpose = next((one.purpose for one in by if one.purpose), "")
        try:
            rendered = await self._wordings.render(
                template, contact, book, entry=entry, event=entry, links=links, purpose=purpose,
                layout=await self._layout(template), hide=hide,
            )  # fmt: skip
        except MessageFault as fault:
            message = f"the message cannot be filled in for this contact: {fault.reason}"
            raise Invalid(message, code="message_fault", reason=fault.reason) from None
        except RuleErrors as wrong:
            raise WrongMessage(wrong.problems) from None
        return Previewed(template=template, contact=contact.id, rendered=rendered)

    # --- changing -----------------------------------------------------------------------------------------------

    async def put(
        self,
        actor: Actor,
        name: str,
        channel: str,
        locale: str,
        source: str,
        *,
        form: TemplateFormat | None = None,
        owner: str = "",
        expires: Millis | None = None,
        base: int | None = None,
        book: Rulebook | None = None,
    ) -> MessageTemplate:
        """Keep a template as the revision after `base` (None: whatever is there), if it has no mistakes under the
        published rulebook, or under `book`, which is about to be.

        `form`, `owner` and `expires` are taken from the head where they are not given, else from what is there, else
        they are the channel's usual one, the actor, and never. Raises `Forbidden`, `WrongMessage`, `Invalid`,
        and `Conflict` where it changed meanwhile.
        """
        require(actor, "rules", "marketer")
        locale = _kept_locale(locale)
        check_place(name, channel, locale)
        former = await self._store.messages.load(name, channel, locale)
        revision = former.revision if former else 0
        if base is not None and base != revision:
            raise _changed(revision)
        template = MessageTemplate(
            name=name, channel=channel, locale=locale, format="text", source=source, owner=actor.name or actor.id,
            by=actor.id, updated=self._clock.now(),
        )  # fmt: skip
        template = made(template, former, form=form, owner=owner, expires=expires)
        try:
            self._wordings.compiled(template, book or await self._rulebooks.live())
        except RuleErrors as wrong:
            raise WrongMessage(wrong.problems) from None
        kept = await self._store.messages.put(template, revision)
        if kept is None:
            raise _changed(await self._revision(name, channel, locale))
        self._templates.look_again()
        return kept

    async def delete(self, actor: Actor, name: str, channel: str, locale: str, *, base: int | None = None) -> None:
        """Forget a template. Raises `Forbidden`, `NotFound`, and `Conflict` where it changed meanwhile, or where it is
        the last of a message that the published rulebook sends."""
        require(actor, "rules", "marketer")
        template = await self._store.messages.load(name, channel, _kept_locale(locale))
        if template is None:
            raise _unknown(name)
        if base is not None and base != template.revision:
            raise _changed(template.revision)
        self._rulebooks.look_again()
        self._templates.look_again()
        by = sends(await self._rulebooks.live()).get((name, channel), [])
        if by and len(await self._templates.of(name, channel)) <= 1:
            rules = ", ".join(sorted({f"{one.kind} {one.rule}" for one in by}))
            raise Conflict(
                f"{rules} sends this message: take that out first", code="message_in_use", name=name, rules=rules
            )
        if not await self._store.messages.remove(template):
            raise _changed(await self._revision(name, channel, template.locale))
        self._templates.look_again()

    async def test(self, actor: Actor, name: str, channel: str, locale: str | None, ref: str, *, to: Person) -> str:
        """Send a message, as the contact of a reference would get it, to somebody of the team; return the id of the
        delivery. Raises as `preview`, and `Invalid` where they have no address."""
        require(actor, "write", "marketer")
        if channel != "email":
            raise Invalid("a test goes by e-mail alone; a preview shows the others", code="no_test_here")
        if not to.email:
            message = "there is no e-mail address of this person; `relance user add --email` takes one"
            raise Invalid(message, code="no_own_address")
        seen = await self.preview(actor, name, channel, locale, ref)
        contact = await self._contacts.find(actor, seen.contact)
        book = await self._rulebooks.live()
        by = sends(book).get((name, channel), [])
        now = self._clock.now()
        entry = await self._entry(contact, by, book)
        made = delivery_id(self._store.partition(contact.id), "test", to.id, name, now)
        delivery = MessageDelivery(
            id=made, contact=contact.id, channel=channel, message=name,
            purpose=next((one.purpose for one in by if one.purpose), ""), due=now, entry=entry, event=entry,
            locale=seen.template.locale, created=now, updated=now, by=to.id,
        )  # fmt: skip
        await self._outbox.add(delivery)
        return delivery.id

    # --- for the sending ----------------------------------------------------------------------------------------

    async def render(
        self,
        template: MessageTemplate,
        contact: Contact,
        book: Rulebook,
        *,
        entry: Event | None = None,
        event: Event | None = None,
        links: Mapping[str, str] | None = None,
        purpose: str = "",
    ) -> Rendered:
        """A template's words for a contact, with nothing masked.

        `links` are the addresses `unsubscribe`, `preferences` and `view`. Raises `RuleError` where the template is
        wrong under this rulebook (`RuleErrors`), or cannot be filled in for this contact (`MessageFault`).
        """
        return await self._wordings.render(
            template, contact, book, entry=entry, event=event, links=links or {}, purpose=purpose,
            layout=await self._layout(template),
        )  # fmt: skip

    def personal(self, template: MessageTemplate, book: Rulebook) -> bool:
        """Whether the words hold a personal attribute, as far as the template tells; so too where it is wrong."""
        try:
            return self._wordings.personal(template, book)
        except RuleErrors:
            return True

    # --- within -------------------------------------------------------------------------------------------------

    async def _get(self, name: str, channel: str, locale: str) -> MessageTemplate:
        template = await self._store.messages.load(name, channel, _kept_locale(locale))
        if template is None and (name, channel) == (LAYOUT, "email"):
            return MessageTemplate(
                name=name, channel=channel, locale="", format="html", source=layout_source(), revision=0
            )
        if template is None:
            raise _unknown(name)
        return template

    async def _template(self, name: str, channel: str, locale: str | None, contact: Contact) -> MessageTemplate:
        if locale is not None:
            return await self._get(name, channel, locale)
        template = await self.find(name, channel, str(contact.attributes.get("locale") or ""))
        if template is None:
            raise _unknown(name)
        return template

    async def _layout(self, template: MessageTemplate) -> MessageTemplate | None:
        if template.channel != "email" or template.name == LAYOUT:
            return None
        return await self.find(LAYOUT, "email", template.locale)

    async def _entry(self, contact: Contact, by: list[Sent], book: Rulebook) -> Event | None:
        """The newest event of the contact that would have this message sent, for a preview."""
        tables = {"scenario": book.scenarios, "trigger": book.triggers}
        occasions = [tables[one.kind][one.rule].occasion for one in by]  # type: ignore[index]
        names = {one.event for one in occasions if isinstance(one, OnEvent | OnBroadcast)}
        if not names:
            return None
        past = await self._store.contacts.past(contact) if contact.chunks else []
        return next((one for one in reversed([*past, *contact.tail]) if one.name in names), None)

    async def _revision(self, name: str, channel: str, locale: str) -> int:
        there = await self._store.messages.load(name, channel, locale)
        return there.revision if there else 0

    def _problems(self, template: MessageTemplate, book: Rulebook) -> tuple[Problem, ...]:
        try:
            self._wordings.compiled(template, book)
        except RuleErrors as wrong:
            return tuple(wrong.problems)
        return ()


def _kept_locale(locale: str) -> str:
    return "" if locale == ANY else normal_locale(locale)


def _unknown(name: str) -> NotFound:
    return NotFound("there is no such message; `relance message list` names them", code="no_message", name=name)


def _changed(revision: int) -> Conflict:
    return Conflict(
        f"the message is at revision {revision} meanwhile; look at it and try again",
        current=str(revision), code="message_changed", revision=str(revision),
    )  # fmt: skip
