"""How quickly teams take alerts on, how many alerts were worth it; finding people by name and number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from server.bootstrap import build_services
from server.errors import Forbidden
from server.model.actor import SYSTEM, Actor
from server.store.store import Store
from tests.clock import FakeClock
from tests.engines import engine_on, event, publish

ANA = Actor(id="u-ana", name="Ana", roles=("rep",), via="slack")
EVE = Actor(id="u-eve", name="Eve", roles=("viewer",), via="slack")
MINUTE = 60_000
BOOK = """
attribute first_name: text, personal, shown in alerts
attribute last_name: text, personal
attribute phone: text, personal
attribute notes: text, personal
team sales: slack "#sales"
team managers: slack "#managers"
trigger cart: on "Cart Filled"
  alert sales "A cart", claim within 30 minutes else alert managers
"""


class Shop:
    """A shop whose engine runs."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.store = store
        self.clock = clock
        self.services = build_services(store, clock, "UTC", {}, None)

    async def cart(self, who: str, **traits: str) -> str:
        """Somebody fills a cart; the alert's id."""
        self.clock.advance(milliseconds=1)
        entry = event(self.store, "Cart Filled", traits={"first_name": who, **traits}, message_id=who)
        [place] = await self.store.log.append([(who, entry)])
        assert await self.store.log.wait(place)
        alerts = (await self.services.alerts.listing(SYSTEM)).alerts
        return next(alert.id for alert in alerts if alert.contact == who)

    async def found(self, text: str) -> list[str]:
        return sorted((await self.services.finding.find(ANA, text)).contacts)


@pytest.fixture
async def shop(store: Store, clock: FakeClock) -> AsyncIterator[Shop]:
    await publish(store, BOOK)
    stop = asyncio.Event()
    engine = asyncio.create_task(engine_on(store).run(stop))
    yield Shop(store, clock)
    stop.set()
    await engine


async def test_how_quickly_a_team_takes_its_alerts_on(shop: Shop) -> None:
    alerts = shop.services.alerts
    for minutes in (5, 10, 40):
        alert = await shop.cart(f"c{minutes}")
        shop.clock.advance(minutes=minutes)
        if minutes > 30:
            while not (await alerts.get(SYSTEM, alert)).also:  # the engine tells the managers
                await asyncio.sleep(0.01)
        await alerts.claim(ANA, alert)
    await shop.cart("waits")
    sales, managers = await shop.services.responses.teams(EVE)
    assert (sales.team, sales.alerts, sales.claimed) == ("sales", 4, 3)
    assert (sales.median, sales.with_target, sales.in_time) == (10 * MINUTE, 3, 2)
    assert (managers.alerts, managers.median, managers.with_target) == (0, None, 0)
    shop.clock.advance(days=31)
    assert (await shop.services.responses.teams(EVE))[0].alerts == 0


async def test_what_share_of_a_rules_alerts_was_worth_it(shop: Shop) -> None:
    alerts = shop.services.alerts
    for outcome in ("won", "lost", "junk", ""):
        await alerts.done(ANA, await shop.cart(f"c{outcome}"), outcome)
    await alerts.dismiss(ANA, await shop.cart("dismissed"), "a competitor")
    await shop.cart("open")
    worth = await shop.services.responses.worth(EVE, "cart")
    assert (worth.finished, worth.worth, worth.won, worth.lost) == (5, 3, 1, 1)
    assert (await shop.services.responses.worth(EVE, "other")).finished == 0


async def test_people_are_found_by_parts_of_their_names_and_by_their_number(shop: Shop) -> None:
    await shop.cart("Élodie", last_name="Durand", phone="+33 6 12 34 56 78", notes="secret")
    await shop.cart("Marc", last_name="Durand-Ruel", phone="0712345678")
    assert await shop.found("durand") == ["Marc", "Élodie"]
    assert await shop.found("elo DUR") == ["Élodie"]
    for number in ("0612345678", "06 12 34 56 78", "+33612345678", "345678", "33 6 12 34 56 78"):
        assert "Élodie" in await shop.found(number), number
    assert await shop.found("0612345678") == ["Élodie"]
    for nothing in ("secret", "e", "", "12345", "nobody"):
        assert await shop.found(nothing) == []
    with pytest.raises(Forbidden):
        await shop.services.finding.find(EVE, "durand")


async def test_people_without_an_alert_are_found_too(shop: Shop) -> None:
    for number in range(6):
        entry = event(shop.store, "Page Viewed", traits={"first_name": f"Visitor{number}"}, message_id=str(number))
        [place] = await shop.store.log.append([(f"v{number}", entry)])
        assert await shop.store.log.wait(place)
    found = await shop.services.finding.find(ANA, "visitor")
    assert (sorted(found.contacts), found.searched, found.of) == ([f"v{number}" for number in range(6)], 6, 6)
