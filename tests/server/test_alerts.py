"""Claiming and releasing: exactly one winner, and everybody can see who."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from rules import parse_rulebook
from rules.contact import Alert, Contact
from rules.entry import AlertActed
from server.channels.terminal import TerminalChannel
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.model.actor import SYSTEM, Actor
from server.services.alerts import Alerts
from server.services.contacts import Contacts
from server.services.deliveries import Deliveries
from server.services.masking import told_of
from server.services.rulebooks import Rulebooks
from server.store.store import Store
from server.store.terminal import TerminalFeed
from tests.clock import FakeClock
from tests.engines import engine_on, event, publish
from tests.scripted_channel import ScriptedChannel

ANA = Actor(id="u-ana", name="Ana", roles=("rep",), via="slack")
BEN = Actor(id="u-ben", name="Ben", roles=("rep",), via="telegram")
EVE = Actor(id="u-eve", name="Eve", roles=("viewer",), via="slack")
ZOE = Actor(id="u-zoe", name="Zoé", roles=("approver",), via="slack")

BOOK = """
attribute first_name: text, personal, shown in alerts
attribute phone: text, personal

team sales: slack "#sales"

score carts: +30 on "Cart Filled"
score known: +5 while contact.phone != null

trigger hot_lead: on "Cart Filled"
  alert sales "A cart was filled"
"""


class Shop:
    """A shop whose engine runs: visitors fill carts, people act on the alerts."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.store = store
        self.clock = clock
        rulebooks = Rulebooks(store)
        self.alerts = Alerts(store, clock, rulebooks, Contacts(store, clock, rulebooks))
        self.slack = ScriptedChannel()
        self.feed = TerminalFeed(store.redis, store.seal)
        channels = {"slack": self.slack, "terminal": TerminalChannel(self.feed)}
        self.deliveries = Deliveries(store, clock, self.alerts, channels)
        self._visitors = 0

    async def fill_cart(self) -> Alert:
        """A new visitor fills a cart, which raises an alert."""
        self._visitors += 1
        self.clock.advance(seconds=1)
        traits = {"first_name": "Lea", "phone": "0612345678"}
        entry = event(self.store, "Cart Filled", traits=traits, identities=(("email", "lea@example.com"),))
        [place] = await self.store.log.append([(f"c{self._visitors}", entry)])
        assert await self.store.log.wait(place)
        [alert, *_] = (await self.alerts.listing(SYSTEM)).alerts
        return alert

    async def act(self, alert: Alert, act: str) -> None:
        entry = AlertActed(time=self.clock.now(), alert=alert.id, act=act, by="u-x", by_name="X")
        [place] = await self.store.log.append([(alert.contact, entry)])
        assert await self.store.log.wait(place)

    async def deliver(self) -> None:
        self.clock.advance(seconds=2)
        for partition in range(self.store.partitions):
            await self.deliveries.deliver(partition)


@pytest.fixture
async def shop(store: Store, clock: FakeClock) -> AsyncIterator[Shop]:
    await publish(store, BOOK)
    stop = asyncio.Event()
    engine = asyncio.create_task(engine_on(store).run(stop))
    yield Shop(store, clock)
    stop.set()
    await engine


async def test_whoever_claims_a_lead_has_it(shop):
    alert = await shop.fill_cart()
    claimed = await shop.alerts.claim(ANA, alert.id)
    assert (claimed.status, claimed.owner, claimed.owner_name) == ("claimed", "u-ana", "Ana")
    assert (await shop.alerts.get(EVE, alert.id.lower())).owner == "u-ana"


async def test_of_two_people_who_claim_at_once_one_wins_and_the_other_is_told_who(shop):
    for _ in range(10):
        alert = await shop.fill_cart()
        answers = await asyncio.gather(
            shop.alerts.claim(ANA, alert.id), shop.alerts.claim(BEN, alert.id), return_exceptions=True
        )
        [won] = [answer for answer in answers if isinstance(answer, Alert)]
        [lost] = [answer for answer in answers if isinstance(answer, Conflict)]
        assert lost.current == won.owner_name
        assert lost.code == "alert_taken"


async def test_claiming_ones_own_lead_again_changes_nothing(shop):
    alert = await shop.fill_cart()
    first = await shop.alerts.claim(ANA, alert.id)
    again = await shop.alerts.claim(ANA, alert.id)
    assert again.revision == first.revision


async def test_a_lead_that_is_over_cannot_be_claimed_or_released(shop):
    alert = await shop.fill_cart()
    await shop.act(alert, "done")
    with pytest.raises(Conflict) as claim:
        await shop.alerts.claim(ANA, alert.id)
    with pytest.raises(Conflict):
        await shop.alerts.release(ANA, alert.id)
    assert (claim.value.code, claim.value.current) == ("alert_over", "done")


async def test_who_finished_a_lead_cannot_claim_it_again(shop):
    alert = await shop.fill_cart()
    await shop.alerts.done(ANA, alert.id, "won")
    with pytest.raises(Conflict) as claim:
        await shop.alerts.claim(ANA, alert.id)
    assert (claim.value.code, claim.value.current) == ("alert_over", "done")


async def test_only_the_owner_or_an_approver_releases_a_lead(shop):
    alert = await shop.fill_cart()
    await shop.alerts.claim(ANA, alert.id)
    with pytest.raises(Forbidden) as refused:
        await shop.alerts.release(BEN, alert.id)
    assert refused.value.fields == {"owner": "Ana"}
    released = await shop.alerts.release(ANA, alert.id)
    assert (released.status, released.owner) == ("open", "")
    await shop.alerts.claim(BEN, alert.id)
    assert (await shop.alerts.release(ZOE, alert.id)).owner == ""
    assert (await shop.alerts.release(BEN, alert.id)).owner == "", "released already: nothing to do"


async def test_a_released_lead_can_be_claimed_by_another(shop):
    alert = await shop.fill_cart()
    await shop.alerts.claim(ANA, alert.id)
    await shop.alerts.release(ANA, alert.id)
    assert (await shop.alerts.claim(BEN, alert.id)).owner_name == "Ben"


async def test_a_lead_that_is_put_off_is_with_who_did_it_and_comes_back(shop):
    alert = await shop.fill_cart()
    until = shop.clock.now() + 3 * 3_600_000
    snoozed = await shop.alerts.snooze(ANA, alert.id, until)
    assert (snoozed.status, snoozed.owner_name, snoozed.until) == ("snoozed", "Ana", until)
    with pytest.raises(Conflict) as taken:
        await shop.alerts.claim(BEN, alert.id)
    assert taken.value.current == "Ana"
    assert (await shop.alerts.claim(ANA, alert.id)).status == "claimed"
    for moment in (shop.clock.now(), shop.clock.now() + 367 * 86_400_000):
        with pytest.raises(Invalid):
            await shop.alerts.snooze(ANA, alert.id, moment)


async def test_who_finishes_a_lead_says_what_came_of_it_and_only_the_owner_or_an_approver_may(shop):
    alert = await shop.fill_cart()
    await shop.alerts.claim(ANA, alert.id)
    for act in (shop.alerts.done(BEN, alert.id, "won"), shop.alerts.dismiss(BEN, alert.id, "no lead")):
        with pytest.raises(Conflict) as taken:
            await act
        assert taken.value.code == "alert_taken"
    won = await shop.alerts.done(ANA, alert.id, "won")
    assert (won.status, won.outcome) == ("done", "won")
    with pytest.raises(Conflict) as over:
        await shop.alerts.dismiss(ZOE, alert.id, "no lead")
    assert over.value.code == "alert_over"
    other = await shop.fill_cart()
    await shop.alerts.claim(ANA, other.id)
    dismissed = await shop.alerts.dismiss(ZOE, other.id, " a  competitor ")
    assert (dismissed.status, dismissed.outcome, dismissed.owner_name) == ("dismissed", "a competitor", "Ana")
    with pytest.raises(Invalid):
        await shop.alerts.dismiss(ANA, (await shop.fill_cart()).id, "  ")


async def test_of_two_people_who_finish_at_once_one_does_and_the_other_is_told(shop):
    alert = await shop.fill_cart()
    outcomes = await asyncio.gather(
        shop.alerts.done(ANA, alert.id, "won"), shop.alerts.dismiss(BEN, alert.id, "spam"), return_exceptions=True
    )
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 1


async def test_who_may_only_look_cannot_claim(shop):
    alert = await shop.fill_cart()
    reader = Actor(id="k1", name="report", scopes=("read",), via="http")
    writer = Actor(id="k2", name="crm", scopes=("write",), via="http")
    for actor in (EVE, reader):
        with pytest.raises(Forbidden):
            await shop.alerts.claim(actor, alert.id)
    with pytest.raises(Forbidden):
        await shop.alerts.listing(writer)
    assert len((await shop.alerts.listing(reader)).alerts) == 1
    assert (await shop.alerts.claim(writer, alert.id)).owner_name == "crm"


@pytest.mark.parametrize("typed", ["ZZZZ", "", "not an id", "é"])
async def test_an_alert_that_does_not_exist_is_not_found(shop, typed):
    with pytest.raises(NotFound):
        await shop.alerts.claim(ANA, typed)


async def test_a_claim_behind_a_backlog_is_stored_and_holds_later(store, clock):
    await publish(store, BOOK)
    shop, stop = Shop(store, clock), asyncio.Event()
    engine = engine_on(store)
    running = asyncio.create_task(engine.run(stop))
    alert = await shop.fill_cart()
    stop.set()
    await running
    assert (await shop.alerts.claim(ANA, alert.id)).owner == ""

    stop.clear()
    running = asyncio.create_task(engine_on(store).run(stop))
    with pytest.raises(Conflict) as lost:
        await shop.alerts.claim(BEN, alert.id)
    assert lost.value.current == "Ana"
    stop.set()
    await running


async def test_leads_are_listed_newest_first_by_state_and_owner_page_by_page(shop):
    alerts = [await shop.fill_cart() for _ in range(5)]
    for alert in (alerts[0], alerts[2], alerts[3]):
        await shop.alerts.claim(ANA, alert.id)
    await shop.alerts.claim(BEN, alerts[4].id)

    async def listed(**filters) -> list[str]:
        found, cursor = [], None
        while True:
            page = await shop.alerts.listing(ANA, cursor=cursor, limit=2, **filters)
            assert len(page.alerts) <= 2
            found += [alert.id for alert in page.alerts]
            cursor = page.next
            if cursor is None:
                return found

    ids = [alert.id for alert in alerts]
    assert await listed() == ids[::-1]
    assert await listed(status="open") == [ids[1]]
    assert await listed(status="claimed", owner="u-ana") == [ids[3], ids[2], ids[0]]
    assert await listed(status=("open", "claimed"), owner="u-ben") == [ids[4]]


async def test_every_copy_of_a_card_shows_who_has_it(shop):
    alert = await shop.fill_cart()
    await shop.deliver()
    [slack] = shop.slack.messages
    assert (slack.address, slack.card.status, slack.card.owner, slack.card.count) == ("#sales", "open", "", 1)
    await shop.alerts.claim(ANA, alert.id)
    await shop.deliver()
    [slack] = shop.slack.messages
    shown = [notice for _, notice in await shop.feed.recent()]
    assert (slack.card.status, slack.card.owner, slack.edits) == ("claimed", "Ana", 1)
    assert [(notice.card.owner, notice.edited) for notice in shown] == [("", False), ("Ana", True)]


async def test_a_card_names_the_lead_without_what_must_stay_hidden(shop):
    card = await shop.alerts.card(await shop.fill_cart())
    assert "Lea" in card.who
    assert card.text == "A cart was filled"
    assert (card.score, card.reasons[0].rule, card.reasons[0].points) == (35.0, "carts", 30.0)
    assert not any(secret in repr(card) for secret in ("lea@example.com", "0612345678"))


ATTRIBUTES = """
attribute email: text, personal, "E-mail address"
attribute first_name: text, personal, shown in alerts, "First name"
attribute country: text, "Country"
attribute topics: list of text
attribute vip: yes/no, "Loyal"
attribute blocked: yes/no
segment everybody: 1 < 2
"""


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ('contact.country in ["FR", "BE"]', [("Country", "FR")]),
        ("contact.vip and contact.topics != null", [("Loyal", ""), ("topics", "tea, coffee")]),
        ("contact.first_name != null", [("First name", "Léa")]),
        ("contact.email != null", [("E-mail address", "")]),
        ("contact.blocked == null", []),
        ("contact.score > 3 and contact.vip", []),
        ('contact.vip and count("Page Viewed") == 0', []),
        ('contact.vip and in_segment("everybody")', []),
        ("1 < 2", []),
    ],
)
def test_what_is_true_of_a_contact_is_told_in_labels_and_values_that_a_channel_may_show(condition, words):
    book = parse_rulebook(f"{ATTRIBUTES}segment x: {condition}\n")
    attributes = {"email": "lea@example.com", "first_name": "Léa", "country": "FR", "topics": ["tea", "coffee"],
                  "vip": True}  # fmt: skip
    contact = Contact(id="c", created=0, last_seen=0, attributes=attributes)
    assert list(told_of(book.segments["x"].condition, contact, book)) == words


async def test_a_card_tells_what_is_true_of_the_lead_and_not_the_condition(shop):
    alert = await shop.fill_cart()
    [_, known] = (await shop.alerts.card(alert)).reasons
    assert (known.rule, known.hits, known.about) == ("known", 0, (("phone", ""),))


async def test_a_terminal_that_waits_is_told_at_once(shop):
    waiting = asyncio.create_task(shop.feed.follow(wait=5))
    await asyncio.sleep(0.05)
    alert = await shop.fill_cart()
    await shop.deliver()
    [(place, notice)] = await waiting
    assert (notice.card.alert, notice.edited, notice.repeated) == (alert.id, False, False)
    assert await shop.feed.follow(place, wait=0.01) == []
