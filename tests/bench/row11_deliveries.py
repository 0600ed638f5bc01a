"""Row 11, deliveries: cards and e-mails a worker brings to a channel that answers at once, against arq's own empty
jobs."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import uvloop
from arq.connections import ArqRedis
from arq.worker import Worker as ArqWorker
from arq.worker import func
from redis.asyncio import Redis

from rules.contact import Contact, Event
from server.collector import collect_rarely
from server.model.actor import SYSTEM
from server.model.delivery import Place
from server.ports import SystemClock
from server.services.contacts import Contacts
from server.services.messages import Messages
from server.services.sending import Rate
from server.store import keys
from server.store.store import Store
from server.worker.queue import Queue
from server.worker.worker import Worker
from tests.bench.table import Row, alternate
from tests.conftest import SECRET, start_redis
from tests.office import Office
from tests.post_office import RULES, PostOffice

CARDS = 2000
JOBS = 1000
PARTITIONS = 64
WORDS = """---
subject: Hello {{ contact.email }}
---
# Welcome

You have {{ contact.score }} points. [Look at the shop](https://shop.example/).
"""


def run() -> list[Row]:
    """Measure; the reference and ours alternate, both on uvloop."""
    collect_rarely()  # as the worker's process does; the reference gains as much
    directory = Path(tempfile.mkdtemp(prefix="relance-", dir="/tmp"))
    server = start_redis(directory)
    try:
        jobs, cards, messages, wakes = alternate(
            [
                lambda: uvloop.run(_empty_jobs(server.url)),
                lambda: uvloop.run(_deliveries(server.url)),
                lambda: uvloop.run(_messages(server.url)),
                lambda: uvloop.run(_wake(server.url)),
            ]
        )
    finally:
        server.process.terminate()
        server.process.wait(10)
        shutil.rmtree(directory, ignore_errors=True)
    ratio = cards.median / jobs.median
    sent = messages.median / jobs.median
    return [
        Row(
            row=11,
            what="cards a worker delivers to a channel that answers at once",
            figure=cards.text("/s"),
            reference=f"arq's empty jobs {jobs.text('/s')}",
            ratio=f"{ratio:.2f} ×",
            target="≥ 1 ×",
            met=ratio >= 1,
        ),
        Row(
            row=11,
            what="e-mails a worker hands to a channel that answers at once",
            figure=messages.text("/s"),
            reference=f"arq's empty jobs {jobs.text('/s')}",
            ratio=f"{sent:.2f} ×",
            target="≥ 1 ×",
            met=sent >= 1,
        ),
        Row(
            row=11,
            what="from a ring to the card, idle worker",
            figure=f"p50 {wakes.text('ms', 1)}",
            target="< 5 ms",
            met=wakes.median < 5,
        ),
    ]


async def _empty_jobs(url: str) -> float:
    """Empty jobs a second of an arq worker with a hundred at once that polls every 20 ms."""
    pool: ArqRedis = ArqRedis.from_url(url)
    await pool.flushall()
    done = 0

    async def nothing(ctx: dict[str, object]) -> None:
        nonlocal done
        done += 1

    for _ in range(JOBS):
        await pool.enqueue_job("nothing")
    worker = ArqWorker(
        [func(nothing, name="nothing")], redis_pool=pool, handle_signals=False, max_jobs=100, poll_delay=0.02,
        keep_result=0, burst=True,
    )  # fmt: skip
    start = time.perf_counter()
    await worker.async_run()
    took = time.perf_counter() - start
    assert done == JOBS
    await worker.close()
    return JOBS / took


async def _deliveries(url: str) -> float:
    """Cards a second of one of our workers: one alert a contact and channel, all rung for at once."""
    async with _office(url) as (office, queue):
        for number in range(CARDS):
            contact = await _contact(office, number)
            await office.raise_alert(Place("slack", f"#team{number}"), contact=contact)
        await queue.ring(range(PARTITIONS))
        stop = asyncio.Event()
        start = time.perf_counter()
        serving = asyncio.create_task(Worker(queue, office.hire()).serve(stop))
        while len(office.slack.messages) < CARDS:
            await asyncio.sleep(0.002)
        took = time.perf_counter() - start
        stop.set()
        await serving
    return CARDS / took


async def _messages(url: str) -> float:
    """E-mails a second of one of our workers, with all that is looked at before: one a contact, all rung for at
    once."""
    async with _office(url) as (office, queue):
        post = PostOffice(office.store, office.clock)
        contacts = Contacts(office.store, office.clock, post.rulebooks)
        messages = Messages(office.store, office.clock, post.rulebooks, contacts, url="https://relance.example")
        await post.publish(RULES + "limit email: at most 3 per 7 days\nquiet hours: 03:00 to 03:01\n")
        await messages.put(SYSTEM, "hello", "email", "", WORDS)
        for number in range(CARDS):
            await post.consent(await _contact(office, number))
            await post.post(f"c{number}")
        await queue.ring(range(PARTITIONS))
        courier = post.hire(messages=messages, email=Rate(at_once=64))
        stop = asyncio.Event()
        start = time.perf_counter()
        serving = asyncio.create_task(Worker(queue, office.hire(), courier).serve(stop))
        while len(post.email.sent) < CARDS:
            await asyncio.sleep(0.002)
        took = time.perf_counter() - start
        stop.set()
        await serving
    return CARDS / took


async def _wake(url: str) -> float:
    """Median milliseconds from a ring to the card at the channel."""
    times = []
    async with _office(url) as (office, queue):
        stop = asyncio.Event()
        serving = asyncio.create_task(Worker(queue, office.hire()).serve(stop))
        arrived = asyncio.Event()
        office.slack.seen = lambda call: arrived.set()
        await asyncio.sleep(0.2)
        for number in range(50):
            contact = await _contact(office, number)
            alert = await office.raise_alert(Place("slack", f"#team{number}"), contact=contact)
            arrived.clear()
            start = time.perf_counter()
            await queue.ring([office.store.partition(alert.contact)])
            await arrived.wait()
            times.append((time.perf_counter() - start) * 1000)
            await asyncio.sleep(0.01)
        stop.set()
        await serving
    return statistics.median(times)


async def _contact(office: Office, number: int) -> str:
    """A contact with ten attributes and twenty events of three properties; its id."""
    contact = Contact(
        id=f"c{number}",
        attributes={"email": f"c{number}@example.org"} | {f"attribute_{n}": f"value {n}" for n in range(10)},
        tail=[Event("Page Viewed", n, {"url": f"/p/{n}", "title": "Page", "n": n}) for n in range(20)],
    )
    store = office.store
    bucket = keys.contacts(store.partition(contact.id), keys.bucket_of(contact.id, store.partitions))
    await store.redis.hset(bucket, contact.id, store.seal.encode("contact", contact))
    return contact.id


@contextlib.asynccontextmanager
async def _office(url: str) -> AsyncIterator[tuple[Office, Queue]]:
    redis: Redis = Redis.from_url(url)
    await redis.flushall()
    store = await Store.open(redis, secret=SECRET, clock=SystemClock(), partitions=PARTITIONS)
    queue = Queue.open(url)
    try:
        yield Office(store, SystemClock()), queue
    finally:
        await queue.close()
        await redis.aclose()
