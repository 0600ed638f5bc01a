"""The worker: awake at once when a bell rings, and nothing is lost when a bell, a worker or Redis is."""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis

from rules.contact import Alert
from server.model.delivery import Place
from server.ports import SystemClock
from server.store.store import Store
from server.worker.queue import DOORBELL, QUEUE, Queue
from server.worker.rounds import Rounds
from server.worker.worker import Worker
from tests.conftest import PARTITIONS, SECRET, start_redis
from tests.office import Office
from tests.scripted_channel import ScriptedChannel

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def office(redis: Redis) -> Office:
    return Office(await Store.open(redis, secret=SECRET, clock=SystemClock(), partitions=PARTITIONS), SystemClock())


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[Queue]:
    opened = Queue.open(redis_url)
    yield opened
    await opened.close()


@contextlib.asynccontextmanager
async def at_work(office: Office, queue: Queue) -> AsyncIterator[asyncio.Task[None]]:
    """A worker, while the block lasts; it is asked to stop at its end."""
    stop = asyncio.Event()
    serving = asyncio.create_task(Worker(queue, office.hire()).serve(stop))
    await asyncio.sleep(0.1)
    try:
        yield serving
    finally:
        stop.set()
        await serving


def start_worker(url: str, *how: str) -> subprocess.Popen[bytes]:
    """A worker in a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "tests.worker_process", url, *how], cwd=ROOT)


async def until(true: Callable[[], bool], seconds: float) -> float:
    """Wait until something is true; return how long it took."""
    start = time.monotonic()
    while not true():
        assert time.monotonic() - start < seconds, "took too long"
        await asyncio.sleep(0.001)
    return time.monotonic() - start


async def test_a_bell_starts_a_courier_before_the_sweep_would(office, queue):
    async with at_work(office, queue):
        for number in range(20):
            alert = await office.raise_alert(Place("slack", f"#team{number}"))
            await queue.ring([office.store.partition(alert.contact)])
            await until(lambda known=number: len(office.slack.messages) > known, 4)
            await asyncio.sleep(0.02)


async def test_many_bells_for_a_partition_are_one_round_after_the_other(office, queue):
    office.slack.latency = 0.3
    most: list[int] = []
    office.slack.seen = lambda _: most.append(len(office.slack.calls) - len(office.slack.messages))
    for number in range(60):
        await office.raise_alert(Place("slack", f"#team{number}"))
    async with at_work(office, queue):
        for _ in range(10):
            await queue.ring([office.store.partition("c1")])
        await until(lambda: len(office.slack.messages) == 60, 60)
    assert max(most) <= 16, "cards in hand at once"


async def test_a_card_does_not_wait_for_another_that_a_slow_channel_has_in_hand(office, queue):
    slow, quick = ScriptedChannel("telegram", latency=3.0), office.slack
    stop = asyncio.Event()
    serving = asyncio.create_task(Worker(queue, office.hire(slow, quick)).serve(stop))
    await office.raise_alert(Place("telegram", "7"))
    await queue.ring([office.store.partition("c1")])
    await until(lambda: bool(slow.calls), 60)
    await office.raise_alert()
    await queue.ring([office.store.partition("c1")])
    await until(lambda: bool(quick.messages), 60)
    assert not slow.messages, "the other is still in hand"
    stop.set()
    await serving


async def test_a_bell_at_the_very_end_of_a_round_begins_another(queue):
    begun: list[int] = []

    async def work(partition: int, bell: asyncio.Event) -> dict[int, int]:
        begun.append(partition)
        return {}

    for ticks in range(6):
        rounds = Rounds(queue, work, lambda: None)
        rounds.look(1)
        for _ in range(ticks):
            await asyncio.sleep(0)
        before = len(begun)
        rounds.look(1)
        await rounds.end(5)
        assert len(begun) > before, f"a bell was lost after {ticks} steps of the loop"


async def test_a_lost_bell_costs_seconds_and_no_card(office, queue):
    async with at_work(office, queue):
        await office.raise_alert()
        assert await until(lambda: bool(office.slack.messages), 60) > 0.05


async def test_a_card_that_failed_is_tried_again_when_it_is_due(office, queue):
    office.slack.plays("down")
    async with at_work(office, queue):
        alert = await office.raise_alert()
        await queue.ring([office.store.partition(alert.contact)])
        await until(lambda: bool(office.slack.messages), 60)


async def test_what_a_killed_worker_had_in_hand_is_taken_over_soon(office, queue, redis_url, redis):
    worker = start_worker(redis_url, "silent")
    try:
        alert = await office.raise_alert()
        deadline = time.monotonic() + 20
        while not await redis.llen("posted"):
            await queue.ring([office.store.partition(alert.contact)])
            assert time.monotonic() < deadline, "the worker did not start"
            await asyncio.sleep(0.1)
    finally:
        worker.kill()
        worker.wait()
    async with at_work(office, queue):
        await until(lambda: bool(office.slack.messages), 60)
    [message] = office.slack.messages
    assert message.repeated, "the first may have arrived"


@pytest.mark.slow
async def test_workers_killed_at_random_lose_no_card_and_every_double_is_marked(office, queue, redis_url, redis):
    alerts: list[Alert] = []
    workers = [start_worker(redis_url) for _ in range(2)]
    try:
        for _ in range(4):
            while (await redis.info("clients"))["blocked_clients"] < 2:
                await asyncio.sleep(0.02)
            for _ in range(10):
                alerts.append(await office.raise_alert(Place("slack", f"#team{len(alerts)}")))
            await queue.ring([office.store.partition("c1")])
            await asyncio.sleep(random.uniform(0.02, 0.1))
            for worker in workers:
                worker.kill()
                worker.wait()
            workers = [start_worker(redis_url) for _ in range(2)]
        for number, alert in enumerate(alerts):
            await office.change(alert, Place("slack", f"#team{number}"))
        await queue.ring([office.store.partition("c1")])

        async def shown() -> int:
            return sum(int(revision) == 2 for revision in (await redis.hgetall("shown")).values())

        deadline = time.monotonic() + 60
        while await shown() < len(alerts):
            assert time.monotonic() < deadline, "some cards never came"
            await asyncio.sleep(0.1)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    posted = [entry.decode() for entry in await redis.lrange("posted", 0, -1)]
    assert {entry.rstrip("!") for entry in posted} == {alert.id for alert in alerts}
    assert max(Counter(entry for entry in posted if not entry.endswith("!")).values()) == 1
    assert any(entry.endswith("!") for entry in posted), "no worker died over a card: nothing was tested"


async def test_a_worker_that_is_stopped_finishes_what_it_has_in_hand(office, queue):
    office.slack.latency = 0.4
    async with at_work(office, queue):
        alert = await office.raise_alert()
        await queue.ring([office.store.partition(alert.contact)])
        await until(lambda: bool(office.slack.calls), 60)
        assert not office.slack.messages
    assert (await office.row(alert)).state == "sent"
    assert office.slack.calls == ["post"]


async def test_jobs_hold_partition_numbers_and_no_pickles(office, queue, redis):
    await office.raise_alert()
    await queue.ring([3, 1, 3])
    await queue.ring([])
    [job_id] = await redis.zrange(QUEUE, 0, -1)
    job = msgspec.msgpack.decode(await redis.get(b"arq:job:" + job_id))
    assert (job["f"], job["a"], job["k"]) == ("deliver", [[1, 3]], {})


async def test_a_doorbell_that_nobody_hears_does_not_grow(queue, redis):
    for _ in range(100):
        await queue.ring([1])
    assert await redis.llen(DOORBELL) == 64


async def test_bells_for_one_moment_are_one(queue, redis):
    moment = SystemClock().now() + 60_000
    for offset in (1, 2, 3):
        await queue.ring_at(5, moment - moment % 50 + offset)
    assert await redis.zcard(QUEUE) == 1


async def test_an_idle_worker_asks_next_to_nothing(office, queue, redis):
    async with at_work(office, queue):
        await asyncio.sleep(1)
        before = (await redis.info("stats"))["total_commands_processed"]
        await asyncio.sleep(5)
        after = (await redis.info("stats"))["total_commands_processed"]
    assert after - before < 5 * 40, "it polls"


async def test_a_worker_outlives_an_outage_of_redis():
    with tempfile.TemporaryDirectory(prefix="relance-", dir="/tmp") as name:
        server = start_redis(Path(name))
        redis = Redis.from_url(server.url)
        store = await Store.open(redis, secret=SECRET, clock=SystemClock(), partitions=PARTITIONS)
        office, queue = Office(store, SystemClock()), Queue.open(server.url)
        try:
            async with at_work(office, queue) as serving:
                server.process.kill()
                server.process.wait()
                server.socket.unlink()
                await asyncio.sleep(0.5)
                server = start_redis(Path(name))
                await office.raise_alert()
                await until(lambda: bool(office.slack.messages), 60)
                assert not serving.done()
        finally:
            await queue.close()
            await redis.aclose()
            server.process.kill()
            server.process.wait()
