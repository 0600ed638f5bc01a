"""Cards that are held back: over a place's hour, and of rules that somebody muted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count, islice

import pytest

from rules.contact import Alert
from server.bootstrap import build_services
from server.errors import Invalid, NotFound
from server.model.actor import SYSTEM, Actor
from server.model.delivery import Delivery, Place
from server.services.holding import New
from server.store import keys
from server.store.outbox import Outbox
from server.store.store import Store
from tests.clock import FakeClock
from tests.engines import engine_on, event, publish
from tests.scripted_channel import ScriptedChannel

ANA = Actor(id="u-ana", name="Ana", roles=("rep",), via="slack")
SALES = Place("slack", "#sales")
HOUR = 3_600_000
BOOK = """
attribute first_name: text, personal, shown in alerts
team sales: slack "#sales", telegram "-1"
trigger cart: on "Cart Filled"
  alert sales "A cart"
trigger visit: on "Page Viewed"
  alert sales "A visit"
"""


class Shop:
    """A shop whose engine runs, and whose team has one Slack channel and one Telegram group."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.store = store
        self.clock = clock
        self.slack, self.telegram, self.terminal = (ScriptedChannel(name) for name in ("slack", "telegram", "terminal"))
        channels = {channel.platform: channel for channel in (self.slack, self.telegram, self.terminal)}
        self.services = build_services(store, clock, "UTC", channels, None)
        self.services.holding.budget = 3

    async def happens(self, who: str, name: str = "Cart Filled") -> Alert:
        self.clock.advance(milliseconds=1)
        entry = event(self.store, name, traits={"first_name": who}, message_id=f"{who}{self.clock.now()}")
        [place] = await self.store.log.append([(who, entry)])
        assert await self.store.log.wait(place)
        alerts = (await self.services.alerts.listing(SYSTEM, limit=200)).alerts
        return next(alert for alert in alerts if alert.contact == who)

    async def deliver(self) -> list[str]:
        """Let the couriers work, at the platforms' pace; who has a card in the channel then."""
        for _ in range(8):
            for partition in range(self.store.partitions):
                await self.services.deliveries.deliver(partition)
            self.clock.advance(seconds=5)
        return [message.card.who for message in self.slack.messages]


@pytest.fixture
async def shop(store: Store, clock: FakeClock) -> AsyncIterator[Shop]:
    await publish(store, BOOK)
    stop = asyncio.Event()
    engine = asyncio.create_task(engine_on(store).run(stop))
    yield Shop(store, clock)
    stop.set()
    await engine


async def test_what_a_place_has_no_room_for_in_an_hour_is_held_and_told_in_one_card_at_its_end(shop: Shop) -> None:
    for number in range(7):
        await shop.happens(f"c{number}")
    assert len(await shop.deliver()) == 3
    assert len(shop.telegram.messages) == 3
    assert len(shop.terminal.messages) == 7, "the terminal shows all"
    shop.clock.set(shop.clock.now() - shop.clock.now() % HOUR + HOUR)
    await shop.deliver()
    assert [(each.card.kind, each.card.count, each.card.text) for each in shop.slack.messages[3:]] == [
        ("held", 4, "09:00 – 10:00")
    ]
    assert len(shop.telegram.messages) == 4
    assert len((await shop.services.alerts.listing(SYSTEM)).alerts) == 7
    await shop.happens("c9")
    assert (await shop.deliver())[-1] == "c9", "another hour"


async def test_a_held_card_appears_when_its_alert_changes_later_and_is_open(shop: Shop) -> None:
    alerts = [await shop.happens(f"c{number}") for number in range(5)]
    await shop.deliver()
    held = [alert for alert in alerts if alert.contact not in {m.card.contact for m in shop.slack.messages}]
    assert len(held) == 2
    await shop.services.alerts.claim(ANA, held[0].id)
    assert len(await shop.deliver()) == 3, "who has taken it on needs no card"
    shop.clock.advance(hours=1)
    await shop.deliver()
    await shop.happens(held[0].contact)
    await shop.happens(held[1].contact)
    shown = {message.card.alert: message.card.count for message in shop.slack.messages if message.card.kind == "alert"}
    assert held[1].id not in shown
    await shop.deliver()
    shown = {message.card.alert: message.card.count for message in shop.slack.messages if message.card.kind == "alert"}
    assert shown[held[1].id] == 2
    assert held[0].id not in shown


async def test_cards_that_are_there_are_kept_up_to_date_in_a_full_hour(shop: Shop) -> None:
    alerts = [await shop.happens(f"c{number}") for number in range(4)]
    await shop.deliver()
    shown = next(alert for alert in alerts if alert.id == shop.slack.messages[0].card.alert)
    await shop.services.alerts.claim(ANA, shown.id)
    await shop.deliver()
    assert shop.slack.messages[0].card.owner == "Ana"


async def test_a_card_that_has_to_be_posted_again_is_counted_once(shop: Shop) -> None:
    shop.slack.plays("down", "down", "busy")
    for number in range(3):
        await shop.happens(f"c{number}")
    for _ in range(6):
        await shop.deliver()
    assert len(shop.slack.messages) == 3


async def test_couriers_that_die_over_a_card_take_no_room_from_others(shop: Shop) -> None:
    alerts = [await shop.happens(f"c{number}") for number in range(4)]
    for alert in alerts[:3] * 2:  # asked, and never written down
        assert await shop.services.holding.why_held([New(SALES, alert, Delivery())]) == [""]
    assert await shop.services.holding.why_held([New(SALES, alerts[3], Delivery())]) != [""]
    assert set(await shop.deliver()) == {"c0", "c1", "c2"}
    hour = shop.clock.now() - shop.clock.now() % HOUR
    assert await shop.services.holding.held(SALES, hour) == 1


async def test_one_round_holds_back_all_that_there_is_no_room_for(shop: Shop) -> None:
    for who in _neighbours(shop.store, 40):
        await shop.happens(who)
    home, hour = shop.store.partition("c0"), shop.clock.now() - shop.clock.now() % HOUR
    await shop.services.deliveries.deliver(home)
    assert await shop.services.holding.held(SALES, hour) == 37
    assert len(shop.terminal.messages) == 40
    assert not await shop.store.redis.zcount(keys.due(home), "-inf", shop.clock.now())


async def test_a_card_on_which_somebody_acts_comes_before_all_that_wait(shop: Shop) -> None:
    first, *others = _neighbours(shop.store, 10)
    alert = await shop.happens(first)
    await shop.deliver()
    for who in others:
        await shop.happens(who)
    await shop.services.alerts.claim(ANA, alert.id)
    home, now = shop.store.partition(first), shop.clock.now()
    taken, _ = await Outbox(shop.store.redis, shop.store.seal).take(home, now, now + 1, 3)
    assert [card.alert_id for card in taken] == [alert.id] * 3


async def test_a_card_on_which_somebody_acts_while_it_is_shown_comes_before_all_that_wait(shop: Shop) -> None:
    first, *others = _neighbours(shop.store, 10)
    alert = await shop.happens(first)
    home, outbox = shop.store.partition(first), Outbox(shop.store.redis, shop.store.seal)
    in_hand, _ = await outbox.take(home, shop.clock.now(), shop.clock.now() + 5000, 3)
    for who in others:
        await shop.happens(who)
    await shop.services.alerts.claim(ANA, alert.id)
    for card in in_hand:
        await outbox.finish(card, Delivery(state="sent", reference="m", revision=1), shop.clock.now())
    taken, _ = await outbox.take(home, shop.clock.now(), shop.clock.now() + 5000, 3)
    assert [card.alert_id for card in taken] == [alert.id] * 3


def _neighbours(store: Store, number: int) -> list[str]:
    """Contacts of one partition."""
    home = store.partition("c0")
    return list(islice((who for at in count() if store.partition(who := f"c{at}") == home), number))


@pytest.mark.soak
async def test_of_ten_thousand_alerts_in_a_minute_none_is_lost_and_leads_can_be_taken_meanwhile(shop: Shop) -> None:
    store, holding, number = shop.store, shop.services.holding, 10_000
    holding.budget = 60
    for start in range(0, number, 500):
        names = [f"c{at}" for at in range(start, start + 500)]
        entries = [event(store, "Cart Filled", traits={"first_name": name}, message_id=name) for name in names]
        await store.log.append(list(zip(names, entries, strict=True)))
    delivering = asyncio.create_task(_flood(shop))
    while await store.log.lag():
        await asyncio.sleep(0.05)
    for alert in (await shop.services.alerts.listing(SYSTEM, limit=20)).alerts:
        assert (await shop.services.alerts.claim(ANA, alert.id)).owner in ("", ANA.id)
    await delivering
    posted = [message.card for message in shop.slack.messages if message.card.kind == "alert"]
    assert (len(posted), len({card.alert for card in posted})) == (60, 60)
    assert len({message.card.alert for message in shop.terminal.messages}) == number
    shop.clock.advance(hours=1)
    await shop.deliver()
    [told] = [message.card for message in shop.slack.messages if message.card.kind == "held"]
    assert told.count == number - 60
    assert await store.alerts.count("open") + await store.alerts.count("claimed") == number


async def _flood(shop: Shop) -> None:
    """Deliver until everything has its place, an hour's worth of pace at most."""
    while len(shop.terminal.messages) < 10_000 or len(shop.slack.messages) < 60:
        await asyncio.gather(*(shop.services.deliveries.deliver(each) for each in range(shop.store.partitions)))
        shop.clock.advance(seconds=1)
        await asyncio.sleep(0.01)


async def test_a_muted_rule_shows_no_new_card_in_that_chat_until_the_moment(shop: Shop) -> None:
    until = shop.clock.now() + 2 * HOUR
    assert await shop.services.holding.mute(ANA, "cart", "slack", ("C1", "#sales"), until) == SALES
    await shop.happens("c1")
    await shop.happens("c2", "Page Viewed")
    await shop.deliver()
    assert [message.card.trigger for message in shop.slack.messages] == ["visit"]
    assert sorted(message.card.trigger for message in shop.telegram.messages) == ["cart", "visit"]
    shop.clock.set(until)
    await shop.happens("c3")
    assert (await shop.deliver())[-1] == "c3"
    await shop.services.holding.mute(ANA, "cart", "slack", ("#sales",), shop.clock.now() + HOUR)
    await shop.services.holding.mute(ANA, "cart", "slack", ("#sales",), 0)
    await shop.happens("c4")
    assert (await shop.deliver())[-1] == "c4", "the mute was taken back"


async def test_a_rule_is_muted_where_its_cards_come_and_for_a_month_at_most(shop: Shop) -> None:
    holding, now = shop.services.holding, shop.clock.now()
    with pytest.raises(NotFound):
        await holding.mute(ANA, "nothing", "slack", ("#sales",), now + HOUR)
    with pytest.raises(Invalid):
        await holding.mute(ANA, "cart", "slack", ("#other", "C7"), now + HOUR)
    with pytest.raises(Invalid):
        await holding.mute(ANA, "cart", "slack", ("#sales",), now + 40 * 24 * HOUR)
