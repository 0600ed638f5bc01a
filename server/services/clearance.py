"""Whether a message may go to a contact at this moment: its time, consent, address, quiet hours, words.

Consent holds here as the ledger has it, not as the engine last knew it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Final, NamedTuple, Protocol

from msgspec.structs import replace

from rules.actions import Duration
from rules.contact import Contact, Event, Millis
from rules.errors import RuleError
from rules.local_time import after, quiet_until
from rules.moment import DAY, calendar_period, zone
from rules.rulebook import Rulebook
from server.model.consent import ConsentSheet
from server.model.message import MessageTemplate
from server.model.outgoing import MessageDelivery, Outbound, Rendered
from server.ports import Clock, MessageChannel
from server.services.consents import wording_version
from server.services.links import is_test
from server.services.reasons import Reason
from server.store.coalesce import Coalescer
from server.store.codec import SealError
from server.store.consents import Standing
from server.store.message_outbox import Reservation
from server.store.store import Store

__all__ = ["Clearance", "Later", "Links", "Messages", "Moved", "Own", "Ready", "Refused", "Suppressions"]
__all__ += ["consent_lacks", "paused", "quiet_over", "reservation"]

_DISTURBING: Final = frozenset(("email", "sms", "push"))  # what a contact is reached by; the others lie and wait


class Messages(Protocol):
    """Finds templates and fills them in: `services.messages.Messages`."""

    async def find(self, name: str, channel: str, locale: str) -> MessageTemplate | None: ...

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
    ) -> Rendered:
        """Raises `RuleError` where the template is wrong for this rulebook or this contact."""

    def personal(self, template: MessageTemplate, book: Rulebook) -> bool:
        """Whether the words hold a personal attribute."""


class Suppressions(Protocol):
    """Knows the addresses to which no message goes: `services.suppressions.Suppressions`."""

    async def reason(self, channel: str, address: str) -> str | None: ...

    async def add(self, channel: str, address: str, reason: str, contact: str = "") -> bool: ...


class Links(Protocol):
    """Makes the links of messages: `services.links.Links`."""

    def unsubscribe(self, delivery: MessageDelivery) -> str: ...


class Own(Protocol):
    """Knows where people are reached who send a message to themselves: `services.people.People`."""

    async def address(self, user: str, channel: str) -> str: ...


class Refused(Exception):
    """The message may not be sent."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Later(Exception):
    """The message waits until a moment; `slot` is that moment where it was reserved."""

    def __init__(self, moment: Millis, *, slot: Millis = 0) -> None:
        super().__init__(moment)
        self.moment = moment
        self.slot = slot


class Moved(Exception):
    """The contact was joined into another."""

    def __init__(self, contact: str) -> None:
        super().__init__(contact)
        self.contact = contact


class Ready(NamedTuple):
    """What is to be handed over. It needs no consent, or rests on so many records of it; `limit` holds now."""

    outbound: Outbound
    records: int | None
    limit: Reservation | None


class Clearance:
    """Looks at all that may speak against a message, in the order in which it is told."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        messages: Messages,
        suppressions: Suppressions,
        links: Links,
        own: Own,
        timezone: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._messages = messages
        self._suppressions = suppressions
        self._links = links
        self._own = own
        self._timezone = timezone
        self._read = Coalescer(self._read_each, limit=200, parallel=2)

    async def ready(self, delivery: MessageDelivery, channel: MessageChannel, book: Rulebook) -> Ready:
        """The message as it may be handed over now; raises `Refused`, `Later`, `Moved`, `Unavailable`."""
        now, test = self._clock.now(), is_test(delivery)
        if delivery.valid_until and now > delivery.valid_until:
            raise Refused("too_late")
        contact, standing = await self._known(delivery)
        where = zone(contact.attributes.get("timezone"), self._timezone)
        template = await self._template(delivery, contact)
        records: int | None = None
        if not test and self._needs_consent(delivery, template, book):
            if (lack := consent_lacks(standing.sheet, delivery, book, now)) is not None:
                raise Refused(lack)
            records = standing.number
        outbound = await self._addressed(delivery, contact, channel, book)
        if not test and (over := quiet_over(delivery, book, where, now)) is not None:
            raise Later(over)
        if template is None:
            raise Refused("no_template")
        try:
            rendered = await self._messages.render(
                template, contact, book, entry=delivery.entry, event=delivery.event,
                links={"unsubscribe": outbound.unsubscribe}, purpose=delivery.purpose,
            )  # fmt: skip
        except RuleError:
            raise Refused("bad_template") from None
        limit = None if test else reservation(delivery, book, where, now)
        return Ready(replace(outbound, rendered=rendered), records, limit)

    async def suppress(self, outbound: Outbound) -> None:
        """Let no more messages go to a dead address."""
        await self._suppressions.add(outbound.delivery.channel, outbound.to, "hard bounce", outbound.contact.id)

    async def _known(self, delivery: MessageDelivery) -> tuple[Contact, Standing]:
        """The contact, and what it consents to now."""
        [(contact, standing)] = await self._read([delivery.contact])
        if isinstance(contact, SealError):
            raise contact
        if isinstance(standing, SealError):
            raise standing
        if contact is None:
            raise Refused("no_contact")
        if contact.moved_to:
            raise Moved(contact.moved_to)
        return contact, standing

    async def _template(self, delivery: MessageDelivery, contact: Contact) -> MessageTemplate | None:
        locale = delivery.locale or contact.attributes.get("locale") or ""
        return await self._messages.find(delivery.message, delivery.channel, str(locale))

    def _needs_consent(self, delivery: MessageDelivery, template: MessageTemplate | None, book: Rulebook) -> bool:
        """All but a webhook that names no purpose, and whose words hold nothing personal."""
        if delivery.purpose or delivery.channel != "webhook":
            return True
        return template is not None and self._messages.personal(template, book)

    async def _addressed(
        self, delivery: MessageDelivery, contact: Contact, channel: MessageChannel, book: Rulebook
    ) -> Outbound:
        purpose = book.purposes.get(delivery.purpose)
        outbound = Outbound(
            delivery=delivery,
            contact=contact,
            to="",
            rendered=Rendered(),
            tracked=purpose is not None and purpose.open_tracking,
            unsubscribe=self._links.unsubscribe(delivery) if delivery.purpose else "",
        )
        test = is_test(delivery)
        to = await self._own.address(delivery.by, delivery.channel) if test else channel.address(outbound)
        if not to:
            raise Refused("no_address")
        if await self._suppressions.reason(delivery.channel, to) is not None:
            raise Refused("suppressed")
        return replace(outbound, to=to)

    async def _read_each(
        self, contacts: list[str]
    ) -> Sequence[tuple[Contact | SealError | None, Standing | SealError]]:
        found = await self._store.contacts.read([(self._store.partition(contact), contact) for contact in contacts])
        return list(zip(found, await self._store.consents.standing(contacts), strict=True))


def paused(delivery: MessageDelivery, book: Rulebook) -> bool:
    """Whether the rule that sends it is paused: then it waits."""
    return bool(delivery.rule) and delivery.rule in book.paused


def consent_lacks(sheet: ConsentSheet, delivery: MessageDelivery, book: Rulebook, now: Millis) -> Reason | None:
    """Why a message has no valid consent; None where it has. A purpose is asked for, so the message must name one."""
    purpose = book.purposes.get(delivery.purpose)
    if not delivery.purpose or purpose is None:
        return "no_purpose"
    consent = sheet.purposes.get(purpose.name)
    if consent is None or consent.status != "granted":
        return "no_consent"
    if purpose.ask_again and consent.wording_version != wording_version(purpose):
        return "no_consent"
    if purpose.renew_after is not None and now >= after(consent.since, purpose.renew_after, zone("UTC")):
        return "no_consent"
    if delivery.channel not in (purpose.channels or (delivery.channel,)):
        return "not_over_channel"
    if delivery.channel not in (consent.channels or (delivery.channel,)):
        return "not_over_channel"
    return None


def quiet_over(delivery: MessageDelivery, book: Rulebook, where: tzinfo, now: Millis) -> Millis | None:
    """When quiet hours that hold this message up are over; None where none do."""
    hours = book.quiet_hours
    if hours is None or delivery.channel not in _DISTURBING:
        return None
    return quiet_until(now, hours.start, hours.end, where)


def reservation(delivery: MessageDelivery, book: Rulebook, where: tzinfo, now: Millis) -> Reservation | None:
    """The place that a message needs under the limit of its channel; None where there is no limit."""
    limit = book.limits.get(delivery.channel)
    if limit is None:
        return None
    keep = max(_kept(each.at_most.per) for each in book.limits.values())
    if any(each.at_most.per == "ever" for each in book.limits.values()):
        keep = 0
    match limit.at_most.per:
        case Duration() as window:
            return Reservation(limit.at_most.number, now - window.milliseconds, keep)
        case "ever":
            return Reservation(limit.at_most.number, -1, keep)
        case period:
            return Reservation(limit.at_most.number, calendar_period(now, period, where) - 1, keep)


def _kept(per: str | Duration) -> Millis:
    """For how long it must be known that a message was sent."""
    return per.milliseconds if isinstance(per, Duration) else 32 * DAY
