"""Messages in a worker: a bell starts a round, a stop lets it end, and an outage of a day is made up for once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis

from rules.entry import EventReceived
from server.model.actor import SYSTEM
from server.ports import SystemClock
from server.services.contacts import Contacts
from server.store.store import Store
from server.worker.queue import Queue
from server.worker.worker import Worker
from tests.clock import FakeClock
from tests.conftest import PARTITIONS, SECRET
from tests.engines import drain, engine_on
from tests.office import Office
from tests.post_office import PostOffice


@pytest.fixture
async def office(redis: Redis) -> PostOffice:
    store = await Store.open(redis, secret=SECRET, clock=SystemClock(), partitions=PARTITIONS)
    opened = PostOffice(store, SystemClock())
    await opened.publish()
    return opened


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[Queue]:
    opened = Queue.open(redis_url)
    yield opened
    await opened.close()


def worker(office: PostOffice, queue: Queue) -> Worker:
    return Worker(queue, Office(office.store, office.clock).hire(), office.hire())


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "took too long"
        await asyncio.sleep(0.005)


async def test_a_bell_has_messages_sent_and_a_lost_one_costs_seconds(office, queue):
    await office.contact()
    stop = asyncio.Event()
    serving = asyncio.create_task(worker(office, queue).serve(stop))
    rung = await office.post()
    await queue.ring([office.store.partition("c1")])
    await until(lambda: len(office.email.sent) == 1)
    lost = await office.post()
    await until(lambda: len(office.email.sent) == 2)
    stop.set()
    await serving
    assert [await office.state(one) for one in (rung, lost)] == [("sent", "")] * 2


async def test_a_worker_that_is_asked_to_stop_ends_what_it_sends_and_begins_nothing_more(office, queue):
    contacts = [await office.contact(f"c{number}") for number in range(200)]
    deliveries = [await office.post(contact) for contact in contacts]
    office.email.latency = 0.3
    stop = asyncio.Event()
    serving = asyncio.create_task(worker(office, queue).serve(stop))
    await queue.ring(range(PARTITIONS))
    await until(lambda: office.email.calls > 0)
    stop.set()
    await serving
    states = Counter([(await office.row(one)).state for one in deliveries])
    assert set(states) == {"sent", "waiting"}, "nothing is left uncertain"
    assert states["sent"] == office.email.calls == len(office.email.sent) < 200


COURSE = """
attribute email: text, personal
purpose newsletter: "Yes, write to me."
scenario course for newsletter: on "Signed Up"
  send email at_once
  wait 3 hours
  send email urgent valid 1 hour
  send email patient valid 2 days
  wait 2 hours
  send email last
"""


async def test_after_a_day_without_anything_each_message_is_due_once_and_what_is_too_late_is_skipped(store, clock):
    office = PostOffice(store, clock)
    await office.publish(COURSE)
    engine = engine_on(store)
    people = [f"u{number:017}" for number in range(20)]
    for contact in people:
        await office.consent(contact)
        traits = {"email": f"{contact}@example.org"}
        now = clock.now()
        signed = EventReceived(name="Signed Up", time=now, received=now, message_id=f"m-{contact}", traits=traits)
        await store.log.append([(contact, signed)])
    await settle(office, engine)
    assert len(office.email.sent) == 20
    clock.advance(hours=25)
    await settle(office, engine)
    clock.advance(hours=2)
    await settle(office, engine)
    assert Counter(sent.delivery.message for sent in office.email.sent) == {"at_once": 20, "patient": 20, "last": 20}
    timeline = await Contacts(store, clock, office.rulebooks).timeline(SYSTEM, people[0])
    told = [
        (each.name, each.properties.get("message"), each.properties.get("reason"))
        for each in timeline.entries
        if each.properties.get("message")
    ]
    assert told == [
        ("Email Sent", "last", None),
        ("Email Sent", "patient", None),
        ("Message Refused", "urgent", "too_late"),
        ("Email Sent", "at_once", None),
    ]


async def settle(office: PostOffice, engine) -> None:
    """Let engine and courier work until nothing is due now."""
    await asyncio.sleep(0.3)  # the engine looks for a new rulebook so often
    clock: FakeClock = office.clock
    for _ in range(400):
        await drain(office.store, engine)
        late = any(own.next_timer is not None and own.next_timer <= clock.now() for own in engine.owned)
        due = await office.courier.next_due(within=0)
        if not late and not due and not await office.store.log.lag():
            return
        if due:
            await office.send()
    raise AssertionError("it never came to rest")
