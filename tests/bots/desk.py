"""A sales team's desk: the real services over a real Redis, with an engine that runs."""

from __future__ import annotations

import asyncio

from rules.contact import Alert
from server.bootstrap import build_services
from server.model.actor import SYSTEM, Actor, Role
from server.model.source import Source
from server.ports import CardChannel
from server.services.status import HasState
from server.services.strict import Item
from server.store.store import Store
from tests.clock import FakeClock
from tests.emulators.slack import TEAM
from tests.engines import engine_on, publish

__all__ = ["BOOK", "Desk"]

BOOK = """\
attribute email: text, personal, "E-mail address"
attribute first_name: text, personal, shown in alerts
attribute phone: text, personal
attribute country: text
attribute vip: yes/no

team sales: slack "#hot-leads", telegram "-1001"
list loyal_customers: "Ordered more than once"

score cart: +30 on "Product Added"
score core_market: +5 while contact.country in ["FR", "BE", "CH"]
score hot: +1 on "Page Viewed" at most 5 per day

segment hot: contact.score >= 30
segment french: contact.country == "FR"

trigger hot_lead: on enter hot
  alert sales "{{ contact.first_name }} has {{ contact.score }} points"
trigger second_cart: on "Product Added" when count("Product Added") > 1
  alert sales "Another cart"

digest week: every tuesday at 09:00 top 10 of hot by contact.score
  alert sales "The hottest of the week"

scenario follow_up: on "Product Added"
  wait 3 days
  if contact.score >= 30
    add to list loyal_customers
  else
    wait until monday 09:00
"""


class Desk:
    """Visitors do things, alerts are raised and delivered to `channels`, people are added."""

    def __init__(self, store: Store, clock: FakeClock, timezone: str = "UTC") -> None:
        self.store = store
        self.clock = clock
        self.channels: dict[str, CardChannel] = {}
        self.bots: dict[str, HasState] = {}
        self.services = build_services(store, clock, timezone, self.channels, self.bots)
        self._source = Source(name="shop", kind="server")
        self._stop = asyncio.Event()
        self._engine: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, store: Store, clock: FakeClock, book: str = BOOK) -> Desk:
        await publish(store, book)
        return await cls.again(store, clock)

    @classmethod
    async def again(cls, store: Store, clock: FakeClock, timezone: str = "UTC") -> Desk:
        """A desk with new processes over what is stored already."""
        desk = cls(store, clock, timezone)
        desk._engine = asyncio.create_task(engine_on(store, timezone=timezone).run(desk._stop))
        while not (await desk.services.status.snapshot()).ready:
            await asyncio.sleep(0.01)
        return desk

    async def close(self) -> None:
        self._stop.set()
        if self._engine is not None:
            await self._engine

    async def person(self, name: str, role: Role = "rep", *, slack: str = "", telegram: int | None = None) -> Actor:
        """Somebody of the team, linked to these accounts."""
        account = f"{TEAM}/{slack}" if slack else ""
        number = str(telegram) if telegram else ""
        person = await self.services.people.add(name, role, slack=account, telegram=number)
        via = "slack" if slack else "telegram" if telegram else "terminal"
        return Actor(id=person.id, name=name, roles=(role,), via=via)

    async def visits(self, user: str, event: str = "Page Viewed", **traits: object) -> None:
        """A visitor does something, and it has taken effect."""
        self.clock.advance(seconds=1)
        if traits:
            await self._send("identify", {"userId": user, "traits": traits})
        await self._send("track", {"userId": user, "event": event, "properties": {"price": 10}})
        while await self.store.log.lag():
            await asyncio.sleep(0.005)

    async def hot_lead(self, user: str = "42", name: str = "Léa") -> Alert:
        """A visitor fills a cart and becomes a hot lead."""
        email = f"{user}@shop.example"
        traits = {"first_name": name, "email": email, "phone": "0612345678", "country": "FR"}
        await self.visits(user, "Product Added", **traits)
        alerts = (await self.services.alerts.listing(SYSTEM)).alerts
        contact = await self.services.contacts.find(SYSTEM, f"user:{user}")
        return next(alert for alert in alerts if alert.contact == contact.id)

    async def deliver(self) -> None:
        """Let the courier bring every card up to date; each platform wants to be left alone between two messages."""
        for _ in range(4):
            self.clock.advance(seconds=10)
            for partition in range(self.store.partitions):
                await self.services.deliveries.deliver(partition)

    async def _send(self, kind: str, call: dict[str, object]) -> None:
        await self.services.ingest.one(self._source, kind, Item(b"", call))
