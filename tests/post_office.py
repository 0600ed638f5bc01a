"""An installation whose messages a test writes as the engine does, and whose couriers it calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from rules.contact import Consent, ConsentStatus, Contact, Event, Millis
from rules.entry import Entry, EventReceived
from rules.errors import RuleError
from rules.rulebook import Rulebook
from server.model.consent import ConsentAction, ConsentRecord, ConsentSheet
from server.model.message import MessageTemplate
from server.model.outgoing import MessageDelivery, Rendered, delivery_id
from server.ports import Clock
from server.services.clearance import Messages
from server.services.links import Links
from server.services.rulebooks import Rulebooks
from server.services.sending import Rate, Sending
from server.services.suppressions import Suppressions
from server.store import keys
from server.store.message_outbox import MessageOutbox
from server.store.message_records import MessageRecords
from server.store.store import Store
from tests.engines import publish
from tests.scripted_message_channel import ScriptedMessageChannel

__all__ = ["RULES", "PlainMessages", "PostOffice"]

RULES = """
attribute email: text, personal
purpose newsletter: "Yes, write to me.", open tracking
purpose targeting: "Yes, by my visits.", via email
scenario welcome for newsletter: on "Signed Up"
  send email hello
"""


class PlainMessages:
    """Every template says its name; `missing` are those that there are not, `broken` cannot be filled in."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.broken: set[str] = set()

    async def find(self, name: str, channel: str, locale: str) -> MessageTemplate | None:
        if name in self.missing:
            return None
        return MessageTemplate(name=name, channel=channel, locale=locale, format="text", source=name)

    async def render(
        self, template: MessageTemplate, contact: Contact, book: Rulebook, *, entry: Event | None, event: Event | None,
        links: Mapping[str, str], purpose: str,
    ) -> Rendered:  # fmt: skip
        if template.name in self.broken:
            raise RuleError("a template that cannot be filled in")
        return Rendered(subject=template.name, text=links["unsubscribe"], locale=template.locale)

    def personal(self, template: MessageTemplate, book: Rulebook) -> bool:
        return "personal" in template.name


class Nobody:
    """Knows one person, who has an address of their own."""

    async def address(self, user: str, channel: str) -> str:
        return "ana@shop.example" if user == "u1" and channel == "email" else ""


class PostOffice:
    """Writes messages, hires couriers; `email` is their channel unless they are given others."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.outbox = MessageOutbox(store.redis, store.seal, store.partitions)
        self.records = MessageRecords(store.redis, store.seal, store.partitions)
        self.email = ScriptedMessageChannel()
        self.messages = PlainMessages()
        self.rulebooks = Rulebooks(store)
        self.suppressions = Suppressions(store, clock)
        self.courier = self.hire()
        self._number = 0

    def hire(
        self,
        *channels: ScriptedMessageChannel,
        timeout: Millis = 40_000,
        messages: Messages | None = None,
        **rates: Rate,
    ) -> Sending:
        """One more courier; by default it has the office's e-mail."""
        named = {channel.channel: channel for channel in channels or (self.email,)}
        links = Links(self.store.seal, self.clock, "https://relance.example")
        return Sending(
            self.store, self.clock, self.rulebooks, messages or self.messages, self.suppressions, links, named,
            own=Nobody(), rates=rates, timeout=timeout,
        )  # fmt: skip

    async def publish(self, text: str = RULES) -> None:
        await publish(self.store, text)
        self.rulebooks.look_again()

    async def contact(self, contact: str = "c1", *purposes: str, **attributes: object) -> str:
        """A contact with an address, who consents to these purposes (by default to both)."""
        known = Contact(id=contact, attributes={"email": f"{contact}@example.org", **attributes})
        await self.write_contact(known)
        for purpose in purposes or ("newsletter", "targeting"):
            await self.consent(contact, purpose)
        return contact

    async def write_contact(self, contact: Contact) -> None:
        bucket = keys.contacts(self.store.partition(contact.id), keys.bucket_of(contact.id, self.store.partitions))
        await self.store.redis.hset(bucket, contact.id, self.store.seal.encode("contact", contact))

    async def consent(
        self, contact: str, purpose: str = "newsletter", status: ConsentStatus = "granted", **more: Any
    ) -> None:
        """Write an act of consent, with no engine that would have to apply it."""
        held = Consent(status=status, since=self.clock.now(), **more)
        act: ConsentAction = "grant" if status in ("granted", "pending") else "withdraw"
        self._number += 1
        record = ConsentRecord(
            id=f"r{self._number}", time=self.clock.now(), purpose=purpose, action=act, status=status, source="test"
        )

        def change(sheet: ConsentSheet) -> tuple[ConsentRecord, ConsentSheet]:
            return record, replace(sheet, purposes={**sheet.purposes, purpose: held})

        await self.store.consents.write(contact, change)

    async def post(self, contact: str = "c1", message: str = "hello", **more: Any) -> MessageDelivery:
        """Put a message on its way."""
        self._number += 1
        now = self.clock.now()
        delivery = MessageDelivery(
            id=delivery_id(self.store.partition(contact), "test", self._number), contact=contact, channel="email",
            message=message, purpose="newsletter", statement="scenario", rule="welcome", due=now, created=now,
            not_before=now,
        )  # fmt: skip
        delivery = replace(delivery, **more)
        assert await self.outbox.add(delivery)
        return delivery

    async def send(self, courier: Sending | None = None) -> dict[int, Millis]:
        moments: dict[int, Millis] = {}
        for partition in range(self.store.partitions):
            moments |= await (courier or self.courier).send(partition)
        return moments

    async def row(self, delivery: MessageDelivery) -> MessageDelivery:
        found = await self.records.find(delivery.id)
        assert found is not None
        return found.delivery

    async def state(self, delivery: MessageDelivery) -> tuple[str, str]:
        row = await self.row(delivery)
        return row.state, row.reason

    async def told(self, contact: str = "c1") -> list[EventReceived]:
        """The events that lie in the contact's log."""
        lines = await self.store.redis.xrange(keys.log(self.store.partition(contact)))
        entries: list[Entry] = [
            self.store.seal.decode("log", fields[b"e"], Entry)
            for _, fields in lines
            if fields[b"c"] == contact.encode()
        ]
        return [entry for entry in entries if isinstance(entry, EventReceived)]
