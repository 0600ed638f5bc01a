"""An installation with one team, whose alerts a test writes as the engine does, and whose couriers it calls."""

from __future__ import annotations

from rules.contact import Alert, Contact, Millis, Reason
from rules.rulebook import Rulebook
from server.model.actor import Actor
from server.model.delivery import Delivery, Place
from server.ports import Clock
from server.services.alerts import Alerts
from server.services.deliveries import Deliveries
from server.services.rulebooks import Rulebooks
from server.store import keys
from server.store.alerts import alert_id, alert_partition
from server.store.outbox import Outbox
from server.store.store import Store
from tests.scripted_channel import ScriptedChannel

__all__ = ["REP", "SALES", "Office"]

SALES = Place("slack", "#sales")
REP = Actor(id="u1", name="Ana", roles=("rep",), via="slack")


class Masked:
    """Names every contact alike."""

    def display(self, contact: Contact, book: Rulebook) -> str:
        return "A…"


class Office:
    """Writes alerts, hires couriers; `slack` is their channel unless they are given others."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.outbox = Outbox(store.redis, store.seal)
        self.slack = ScriptedChannel()
        self.alerts = Alerts(store, clock, Rulebooks(store), Masked())
        self.courier = self.hire()
        self._number = 0

    def hire(self, *channels: ScriptedChannel, timeout: Millis = 5000) -> Deliveries:
        """One more courier; by default it has the office's Slack."""
        named = {channel.platform: channel for channel in channels or (self.slack,)}
        return Deliveries(self.store, self.clock, self.alerts, named, timeout=timeout)

    async def raise_alert(self, *places: Place, contact: str = "c1") -> Alert:
        self._number += 1
        partition = self.store.partition(contact)
        alert = Alert(
            id=alert_id(self._number, partition, self.store.partitions), contact=contact, trigger="hot lead",
            team="sales", text="Call her", created=self.clock.now(), score_tenths=850,
            reasons=[Reason(rule="cart", tenths=500, hits=2)],
        )  # fmt: skip
        await self.write(alert, *places)
        return alert

    async def change(self, alert: Alert, *places: Place) -> None:
        alert.revision += 1
        alert.count += 1
        await self.write(alert, *places)

    async def write(self, alert: Alert, *places: Place) -> None:
        partition = self.store.partition(alert.contact)
        await self.store.redis.set(keys.alert(partition, alert.id), self.store.seal.encode("alert", alert))
        await self.outbox.add(partition, alert.id, places or (SALES,), self.clock.now())

    async def deliver(self, courier: Deliveries | None = None) -> dict[int, Millis]:
        moments: dict[int, Millis] = {}
        for partition in range(self.store.partitions):
            moments |= await (courier or self.courier).deliver(partition)
        return moments

    async def row(self, alert: Alert, place: Place = SALES) -> Delivery:
        home = alert_partition(alert.id, self.store.partitions)
        assert home is not None
        return (await self.outbox.deliveries(home, alert.id))[place]
