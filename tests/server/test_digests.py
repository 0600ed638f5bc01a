"""Digests: the first of a segment or list by a number, once per occurrence, as a card to a team."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from rules.entry import ListChanged
from server.bootstrap import build_services
from server.model.delivery import Place
from server.store import keys
from server.store.store import Store
from tests.clock import FakeClock
from tests.engines import engine_on, event, publish
from tests.scripted_channel import Message, ScriptedChannel

BOOK = """
attribute first_name: text, personal, shown in alerts
attribute city: text
team sales: slack "#sales"
list met: "Met at the fair"
segment keen: count("Page Viewed") >= 2
digest top: {when} top {number} of {of} by count("Page Viewed", t"P7D")
  alert sales "The keenest of {{{{ now.year }}}}"
"""


class Fair:
    """Visitors of a trade show, whose engine runs; `sales` is what the team's channel shows."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.store = store
        self.clock = clock
        self.sales = ScriptedChannel()
        self.again()

    def again(self) -> None:
        """A worker that starts anew."""
        self.services = build_services(self.store, self.clock, "Europe/Paris", {"slack": self.sales}, None)

    async def publish(self, when: str = 'at "2026-03-09 09:00"', number: int = 3, of: str = "met") -> None:
        await publish(self.store, BOOK.format(when=when, number=number, of=of))
        self.services.rulebooks.look_again()

    async def visit(self, name: str, pages: int, *, met: bool = True) -> None:
        entries = [
            event(self.store, "Page Viewed", traits={"first_name": name}, message_id=f"{name}{number}")
            for number in range(pages)
        ]
        [*_, last] = await self.store.log.append([(name, entry) for entry in entries])
        assert await self.store.log.wait(last)
        if met:
            entry = ListChanged(time=self.clock.now(), list="met", member=True)
            [last] = await self.store.log.append([(name, entry)])
            assert await self.store.log.wait(last)

    async def turn(self) -> list[Message]:
        """A worker looks whether a digest is due and delivers; what was posted by that."""
        before = len(self.sales.messages)
        await self.services.digests.run()
        for partition in range(self.store.partitions):
            await self.services.deliveries.deliver(partition)
        return self.sales.messages[before:]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
async def fair(store: Store, clock: FakeClock) -> AsyncIterator[Fair]:
    stop = asyncio.Event()
    engine = asyncio.create_task(engine_on(store).run(stop))
    yield Fair(store, clock)
    stop.set()
    await engine


async def test_the_first_by_the_number_are_told_to_the_team_at_the_moment_and_once(fair: Fair) -> None:
    await fair.publish()
    for name, pages in (("Ana", 2), ("Ben", 5), ("Cleo", 3), ("Dan", 5), ("Eve", 1)):
        await fair.visit(name, pages)
    await fair.visit("Zoe", 9, met=False)
    fair.clock.set(at("2026-03-09 07:59:59"))
    assert await fair.turn() == []
    fair.clock.set(at("2026-03-09 08:00"))  # nine o'clock in Paris
    [message] = await fair.turn()
    assert message.address == "#sales"
    assert (message.card.kind, message.card.who) == ("digest", "The keenest of 2026")
    assert [(row.who, row.value) for row in message.card.rows] == [("Ben", 5), ("Dan", 5), ("Cleo", 3)]
    assert await fair.turn() == []
    fair.again()
    fair.clock.advance(days=30)
    assert await fair.turn() == []


async def test_a_digest_that_was_past_when_it_was_published_never_comes(fair: Fair) -> None:
    fair.clock.set(at("2026-03-09 08:00:01"))
    await fair.publish()
    await fair.visit("Ana", 2)
    fair.clock.advance(days=8)
    assert await fair.turn() == []


async def test_what_an_outage_swallowed_comes_once_when_it_is_over(fair: Fair) -> None:
    await fair.publish("every day at 09:00", of="keen")
    await fair.visit("Ana", 2, met=False)
    fair.clock.advance(days=3, hours=2)  # nobody worked for three mornings
    fair.again()
    [message] = await fair.turn()
    assert [row.who for row in message.card.rows] == ["Ana"]
    assert await fair.turn() == []
    fair.clock.advance(days=1)
    assert len(await fair.turn()) == 1


async def test_a_crash_after_the_ranking_neither_loses_nor_doubles_the_card(fair: Fair) -> None:
    await fair.publish()
    await fair.visit("Ana", 2)
    fair.clock.set(at("2026-03-09 08:00"))
    await fair.services.digests.run()
    await fair.store.redis.hdel(keys.digests_begun(), "top 2026-03-09 09:00")  # it died before this was written
    await fair.store.redis.hset(keys.digests_begun(), "top 2026-03-09 09:00", fair.clock.now() - 60_000)
    await fair.visit("Ben", 7)
    fair.again()
    [message] = await fair.turn()
    assert [row.who for row in message.card.rows] == ["Ana"], "as it was ranked first"
    assert await fair.turn() == []


async def test_of_two_workers_one_makes_the_digest(fair: Fair) -> None:
    await fair.publish()
    await fair.visit("Ana", 2)
    fair.clock.set(at("2026-03-09 08:00"))
    other = Fair(fair.store, fair.clock)
    rings = await asyncio.gather(fair.services.digests.run(), other.services.digests.run())
    assert sum(map(len, rings)) == 1
    assert len(await fair.turn()) == 1


async def test_a_lost_answer_is_looked_for_before_the_card_is_posted_again(fair: Fair) -> None:
    await fair.publish()
    await fair.visit("Ana", 2)
    fair.clock.set(at("2026-03-09 08:00"))
    fair.sales.plays("lost")
    assert len(await fair.turn()) == 1
    fair.clock.advance(minutes=5)
    assert await fair.turn() == []
    assert [message.card.rows[0].who for message in fair.sales.messages] == ["Ana"]


async def test_a_contact_that_the_new_rulebook_has_not_reached_is_ranked_under_it(fair: Fair) -> None:
    await publish(fair.store, 'team sales: slack "#sales"\nlist met: "Met"\n')
    await fair.visit("Ana", 4)
    await fair.publish()  # the count that the digest asks for was not kept before
    fair.clock.set(at("2026-03-09 08:00"))
    [message] = await fair.turn()
    assert [row.value for row in message.card.rows] == [4]


async def test_another_time_makes_a_digest_new_and_the_same_one_again_does_not(fair: Fair) -> None:
    await fair.publish()
    await fair.visit("Ana", 2)
    fair.clock.set(at("2026-03-09 08:00"))
    assert len(await fair.turn()) == 1
    await fair.publish(number=5)
    assert await fair.turn() == []
    await fair.publish('at "2026-03-10 09:00"')
    fair.clock.advance(days=1)
    assert len(await fair.turn()) == 1


async def test_a_card_in_the_outbox_without_its_digest_is_forgotten(fair: Fair) -> None:
    await fair.publish()
    outbox = fair.services.deliveries._outbox
    await outbox.add(0, "~gone", [Place("slack", "#sales")], fair.clock.now())
    assert await fair.turn() == []
    assert await outbox.next_due(range(fair.store.partitions)) == {}
