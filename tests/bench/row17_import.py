"""Row 17: rows a second that `relance import` takes in, against the events a second of row 6."""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop
from redis import Redis as PlainRedis
from redis.asyncio import Redis

from server.model.actor import SYSTEM
from server.ports import SystemClock
from server.services.consents import Consents
from server.services.importing import BadRow
from server.services.imports import Imports
from server.services.joining import Joining
from server.services.rulebooks import Rulebooks
from server.services.tables import open_table
from server.store import keys
from server.store.store import Store
from tests.bench.load import batch_requests, load
from tests.bench.row06_ingest_batch import CONNECTIONS, EVENTS, PARTITIONS, REQUESTS, SECONDS, VISITORS
from tests.bench.serving import ingest_server
from tests.bench.stand import redis_server
from tests.bench.table import Row, alternate
from tests.conftest import SECRET

ROWS, PEOPLE = 100_000, 20_000


def run() -> Row:
    """No engine runs, as in row 6; the logs are emptied after each round."""
    with tempfile.TemporaryDirectory() as name, redis_server() as url, ingest_server(url) as (port, key):
        path = _file(Path(name))
        requests = batch_requests("/v1/batch", key, number=REQUESTS, events=EVENTS, visitors=VISITORS)
        client = PlainRedis.from_url(url)
        with load(requests) as sender:

            def over_http() -> float:
                rate = sender.rate(port, connections=CONNECTIONS, seconds=SECONDS) * EVENTS
                _empty(client)
                return rate

            def from_a_file() -> float:
                rate = uvloop.run(_import(url, path))
                _empty(client)
                return rate

            ours, reference = alternate([from_a_file, over_http])
    ratio = ours.median / reference.median
    return Row(
        17,
        f"import of {ROWS:,} rows from a CSV file, fsync always",
        ours.text("rows/s"),
        f"row 6: {reference.text('events/s')}",
        f"{ratio:.2f} ×",
        "≥ 0.7 ×",
        ratio >= 0.7,
    )


def _file(directory: Path) -> Path:
    path = directory / "orders.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "event", "timestamp", "amount", "sku"])
        for row in range(ROWS):
            day = f"2026-01-{row % 28 + 1:02}T10:{row % 60:02}:00Z"
            writer.writerow([f"user{row % PEOPLE}", "Order Completed", day, row % 90, f"SKU{row % 500}"])
    return path


async def _import(url: str, path: Path) -> float:
    redis, clock = Redis.from_url(url), SystemClock()
    try:
        store = await Store.open(redis, secret=SECRET, clock=clock, partitions=PARTITIONS)
        rulebooks = Rulebooks(store)
        consents = Consents(store, clock, rulebooks)
        imports = Imports(store, clock, rulebooks, consents, Joining(store, clock, consents), timezone="UTC")
        table = open_table(path)
        columns, _ = await imports.guess(table)
        begun = time.perf_counter()
        await imports.run(SYSTEM, table, columns, bad=_none, restart=True, backlog=0)
        return ROWS / (time.perf_counter() - begun)
    finally:
        await redis.aclose()


def _none(rows: Sequence[BadRow]) -> int:
    assert not rows, "every row is a good one"
    return 0


def _empty(client: PlainRedis) -> None:
    client.delete(*(keys.log(partition) for partition in range(PARTITIONS)))
