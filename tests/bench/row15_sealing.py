"""Row 15: sealing on against off: the engine of row 7 and the recompute of row 4."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count

from server.collector import collect_rarely
from server.ports import SystemClock
from tests.bench.crowd import RULES, contacts_wanted, fill
from tests.bench.row04_recompute import settled, timed
from tests.bench.row07_engine import engine_rate, ready_engine
from tests.bench.stand import open_store, redis_server, shop_events
from tests.bench.table import Row, alternate
from tests.engines import publish

EVENTS = 20_000
CONTACTS = 20_000  # of the recompute: each is filled in twice
TARGET = 0.75


def run() -> list[Row]:
    """The same work on two redis-servers, one with sealed data and one without, in turn."""
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner())
        urls = [stack.enter_context(redis_server()) for _ in range(4)]
        engines = [_engine(runner, url, sealed) for url, sealed in zip(urls[:2], (True, False), strict=True)]
        recomputes = [_recompute(runner, url, sealed) for url, sealed in zip(urls[2:], (True, False), strict=True)]
        collect_rarely()  # as `run_engine` does
        number = contacts_wanted(CONTACTS)
        return [
            _row("engine, 100 rules", "events/s", engines),
            _row(f"recompute of {number:,} contacts, a new segment over attributes", "contacts/s", recomputes),
        ]


def _row(what: str, unit: str, runs: list[Callable[[], float]]) -> Row:
    on, off = alternate(runs)
    ratio = on.median / off.median
    return Row(
        15,
        f"sealing on: {what}",
        on.text(unit),
        f"off: {off.text(unit)}",
        f"{ratio:.2f} ×",
        f"≥ {TARGET} ×",
        ratio >= TARGET,
    )


def _engine(runner: asyncio.Runner, url: str, sealed: bool) -> Callable[[], float]:
    store, engine = runner.run(ready_engine(url, sealed=sealed))
    seeds = count()

    def run() -> float:
        events = shop_events(EVENTS, EVENTS, SystemClock().now(), seed=next(seeds))
        rate = runner.run(engine_rate(store, engine, events))
        runner.run(engine.packing.end())
        return rate

    return run


def _recompute(runner: asyncio.Runner, url: str, sealed: bool) -> Callable[[], float]:
    number = contacts_wanted(CONTACTS)
    store = runner.run(open_store(url, sealed=sealed))
    engine = runner.run(fill(store, number))
    runner.run(settled(store, engine))
    numbers = count()
    rules = [RULES]

    async def again() -> float:
        rules[0] += f'segment s{next(numbers)}: contact.country == "BE" and contact.plan == "pro"\n'
        await publish(store, rules[0])
        await asyncio.sleep(0.3)
        await engine.turn()  # it parses the new version; and does a slice, which is not counted
        processor, _ = await timed(lambda: settled(store, engine))
        return number / processor  # by the processor, as row 4

    return lambda: runner.run(again())
