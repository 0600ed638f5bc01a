"""Row 14: two engine processes on one Redis against one, from a full log until it is empty.

The log is filled while the engines are held (SIGSTOP), well within their leases, so that nothing of it is measured.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from subprocess import Popen

from server.ports import SystemClock
from server.store.partition import Partitions
from server.store.store import Store
from tests.bench.serving import relance, relance_environment
from tests.bench.stand import hundred_rules, open_store, redis_server, shop_events
from tests.bench.table import Measured, Row
from tests.engines import publish

EVENTS, CONTACTS, REPEATS, TARGET = 20_000, 20_000, 5, 1.6


def run() -> Row:
    """Events a second; the second engine comes and goes. Judged only where four cores leave room for it."""
    cores = len(os.sched_getaffinity(0))
    with redis_server() as url:
        one, two = asyncio.run(_run(url))
    ratio = two.median / one.median
    return Row(
        14,
        f"two engines on one Redis, {cores} cores",
        two.text("events/s"),
        f"one engine: {one.text('events/s')}",
        f"{ratio:.2f} ×",
        f"≥ {TARGET} × on 4 cores or more",
        ratio >= TARGET if cores >= 4 else None,
    )


async def _run(url: str) -> tuple[Measured, Measured]:
    store = await open_store(url)
    await publish(store, hundred_rules())
    environment = relance_environment(url, RELANCE_LOG_LEVEL="error")
    one, two = Measured(), Measured()
    with relance("engine", environment) as first:
        for repeat in range(REPEATS + 1):
            await _shared_by(store, 1)
            alone = await _rate(store, [first], seed=2 * repeat)
            with relance("engine", environment) as second:
                await _shared_by(store, 2)
                together = await _rate(store, [first, second], seed=2 * repeat + 1)
            if repeat:
                one.values.append(alone)
                two.values.append(together)
    return one, two


async def _shared_by(store: Store, engines: int) -> None:
    """Wait until so many engines hold all partitions, none more than another."""
    partitions = Partitions(store.redis, store.seal, store.partitions)
    deadline = time.monotonic() + 60
    while True:
        held = Counter(token.partition(":")[0] for token in await partitions.holders())
        if "" not in held and len(held) == engines and max(held.values()) == store.partitions // engines:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{engines} engines do not share the partitions: {held}")
        await asyncio.sleep(0.05)


async def _rate(store: Store, engines: list[Popen[bytes]], seed: int) -> float:
    await _drained(store, engines, EVENTS // 4, seed + 1000)  # contacts that changed hands are read again
    seconds = await _drained(store, engines, EVENTS, seed)
    return EVENTS / seconds


async def _drained(store: Store, engines: list[Popen[bytes]], number: int, seed: int) -> float:
    events = shop_events(number, CONTACTS, SystemClock().now(), seed=seed)
    for engine in engines:
        engine.send_signal(signal.SIGSTOP)
    try:
        await store.log.append(events)
    finally:
        begun = time.perf_counter()
        for engine in engines:
            engine.send_signal(signal.SIGCONT)
    while await store.log.lag():
        await asyncio.sleep(0.01)
    return time.perf_counter() - begun
