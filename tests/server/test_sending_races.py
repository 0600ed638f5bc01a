"""Whatever happens in the middle of a send, no message goes out without a consent that holds at that moment, and none
goes out twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.asyncio import Redis

from server.services.rulebooks import Rulebooks
from server.store.store import Store
from tests.clock import FakeClock
from tests.conftest import PARTITIONS, SECRET
from tests.crashing import Fuse, crashing_redis
from tests.interrupting import Interruption, interrupted_redis
from tests.post_office import RULES, PostOffice

STEPS = 30  # round trips of a send are fewer


@pytest.fixture
async def office(store: Store, clock: FakeClock) -> PostOffice:
    opened = PostOffice(store, clock)
    await opened.publish(RULES + "limit email: at most 1 per 7 days\n")
    return opened


async def elsewhere(office: PostOffice, redis: Redis) -> PostOffice:
    """A courier of another process, over its own connections; its channel and messages are the office's."""
    store = await Store.open(redis, secret=SECRET, clock=office.clock, partitions=PARTITIONS)
    other = PostOffice(store, office.clock)
    other.email, other.messages = office.email, office.messages
    other.courier = other.hire()
    return other


@pytest.fixture
async def interrupted(office: PostOffice, redis_url: str) -> AsyncIterator[Callable[..., Awaitable[Interruption]]]:
    clients: list[Redis] = []

    async def send(contact: str, after: int, act: Callable[[], Awaitable[None]]) -> Interruption:
        interruption = Interruption(1 << 40, act)
        clients.append(interrupted_redis(redis_url, interruption))
        other = await elsewhere(office, clients[-1])
        await other.rulebooks.live()
        interruption.left = after
        await other.courier.send(office.store.partition(contact))
        return interruption

    yield send
    for client in clients:
        await client.aclose()


async def test_a_withdrawal_at_any_moment_before_the_hand_over_stops_the_message(office, interrupted):
    outcomes: set[str] = set()
    for step in range(STEPS):
        contact = await office.contact(f"c{step}")
        delivery = await office.post(contact)
        office.email.sent.clear()
        begun: list[bool] = []

        async def withdraw(contact=contact, delivery=delivery, begun=begun) -> None:
            await office.consent(contact, status="withdrawn")
            begun.append((await office.row(delivery)).state in ("sending", "sent"))

        interruption = await interrupted(contact, step, withdraw)
        sent, state = len(office.email.sent), await office.state(delivery)
        if not interruption.happened:
            assert (sent, state) == (1, ("sent", ""))
            break
        outcomes.add(state[0])
        if begun == [False]:
            assert (sent, state) == (0, ("refused", "no_consent")), step
        else:
            assert (sent, state) == (1, ("sent", "")), step
    assert not interruption.happened, "every moment of a send was tried"
    assert outcomes == {"refused", "sent"}


async def test_a_place_under_the_limit_that_another_takes_meanwhile_is_gone(office, interrupted):
    outcomes: set[str] = set()
    for step in range(STEPS):
        contact = await office.contact(f"c{step}")
        late = office.clock.now() + 1
        delivery, other = await office.post(contact), await office.post(contact, not_before=late)
        office.email.sent.clear()

        async def overtake(contact=contact, late=late) -> None:
            office.clock.set(late)
            await office.courier.send(office.store.partition(contact))

        interruption = await interrupted(contact, step, overtake)
        await office.send()
        states = [await office.state(delivery), await office.state(other)]
        assert len(office.email.sent) == 1, step
        if not interruption.happened:
            break
        outcomes.add(states[0][0])
    assert outcomes == {"refused", "sent"}


async def test_withdrawals_beside_a_crowd_of_couriers_stop_what_was_not_begun(office, redis_url):
    chance = random.Random(4)
    outcomes: set[str] = set()
    office.email.latency = 0.001
    for turn in range(15):
        contacts = [await office.contact(f"c{turn}-{number}", "newsletter") for number in range(6)]
        deliveries = {contact: await office.post(contact) for contact in contacts}
        office.email.sent.clear()
        must_not: set[str] = set()

        async def withdraw(contact: str, wait: float, deliveries=deliveries, must_not=must_not) -> None:
            await asyncio.sleep(wait)
            await office.consent(contact, status="withdrawn")
            if (await office.row(deliveries[contact])).state in ("waiting", "refused"):
                must_not.add(contact)

        couriers = [office.hire(office.email) for _ in range(3)]
        await asyncio.gather(
            *(office.send(courier) for courier in couriers),
            *(withdraw(contact, chance.uniform(0, 0.03)) for contact in contacts),
        )
        went = [sent.delivery.contact for sent in office.email.sent]
        assert len(went) == len(set(went))
        assert must_not.isdisjoint(went)
        outcomes |= {(await office.state(delivery))[0] for delivery in deliveries.values()}
    assert outcomes == {"refused", "sent"}


async def test_nobody_goes_on_without_the_rulebook_while_it_is_read(office):
    rulebooks = Rulebooks(office.store)
    asking = [asyncio.create_task(rulebooks.live())]
    while not asking[0].done():
        asking.append(asyncio.create_task(rulebooks.live()))
        await asyncio.sleep(0.0002)
    assert len(asking) > 2
    assert {book.version for book in await asyncio.gather(*asking)} == {1}


@pytest.mark.parametrize("answered", [False, True])
async def test_a_courier_killed_at_any_moment_sends_once_or_leaves_it_known_as_uncertain(office, redis_url, answered):
    for step in range(STEPS):
        contact = await office.contact(f"c{step}")
        delivery = await office.post(contact)
        office.email.sent.clear()
        fuse = Fuse(answered=answered)
        client = crashing_redis(redis_url, fuse)
        dying = await elsewhere(office, client)
        fuse.budget = step
        courier = asyncio.create_task(dying.courier.send(office.store.partition(contact)))
        while not courier.done() and not fuse.dead:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.001)
        courier.cancel()
        await asyncio.gather(courier, return_exceptions=True)
        await client.aclose()
        for _ in range(3):
            office.clock.advance(minutes=1)
            await office.send()
        state = (await office.row(delivery)).state
        assert (state, len(office.email.sent)) in {("sent", 1), ("unknown", 1), ("unknown", 0)}, step
        if not fuse.dead:
            break
    assert not fuse.dead, "every moment of a send was tried"
