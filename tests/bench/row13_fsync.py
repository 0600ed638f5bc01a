"""Row 13: every write on disk before it is answered, against a sync a second: the shapes of rows 5, 6 and 7."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack

from server.ports import SystemClock
from tests.bench import row05_ingest_single as single
from tests.bench import row06_ingest_batch as batch
from tests.bench.load import batch_requests, load, single_requests
from tests.bench.row07_engine import engine_rate, ready_engine
from tests.bench.serving import ingest_server
from tests.bench.stand import redis_server, shop_events
from tests.bench.table import Row, alternate

SECONDS, EVENTS, CONTACTS = 2.0, 10_000, 10_000
FSYNC = ("always", "everysec")


def run() -> list[Row]:
    """The same load on two redis-servers that differ in nothing else, in turn."""
    with ExitStack() as stack:
        urls = [stack.enter_context(redis_server(fsync)) for fsync in FSYNC]
        rows = _ingest(urls)
        runner = stack.enter_context(asyncio.Runner())
        return [*rows, _row("engine, 100 rules", "events/s", [_engine(runner, url) for url in urls])]


def _row(what: str, unit: str, runs: list[Callable[[], float]]) -> Row:
    always, everysec = alternate(runs)
    ratio = always.median / everysec.median
    return Row(
        13,
        f"fsync always: {what}",
        always.text(unit),
        f"everysec: {everysec.text(unit)}",
        f"{ratio:.2f} ×",
        "≥ 0.6 ×",
        ratio >= 0.6,
    )


def _ingest(urls: list[str]) -> list[Row]:
    singles: list[Callable[[], float]] = []
    batches: list[Callable[[], float]] = []
    with ExitStack() as stack:
        for url in urls:
            port, key = stack.enter_context(ingest_server(url))
            one = single_requests("/v1/track", key, number=10_000, visitors=single.VISITORS)
            many = batch_requests("/v1/batch", key, number=200, events=batch.EVENTS, visitors=batch.VISITORS)
            singles.append(_rate(stack, one, port, single.CONNECTIONS))
            batches.append(_rate(stack, many, port, batch.CONNECTIONS))
        return [
            _row(f"one event a request, {single.CONNECTIONS} connections", "requests/s", singles),
            _row(f"{batch.EVENTS} events a request, {batch.CONNECTIONS} connections", "requests/s", batches),
        ]


def _rate(stack: ExitStack, requests: list[bytes], port: int, connections: int) -> Callable[[], float]:
    sender = stack.enter_context(load(requests))
    return lambda: sender.rate(port, connections=connections, seconds=SECONDS)


def _engine(runner: asyncio.Runner, url: str) -> Callable[[], float]:
    store, engine = runner.run(ready_engine(url))
    seeds = iter(range(100))

    def run() -> float:
        events = shop_events(EVENTS, CONTACTS, SystemClock().now(), seed=next(seeds))
        return runner.run(engine_rate(store, engine, events))

    return run
