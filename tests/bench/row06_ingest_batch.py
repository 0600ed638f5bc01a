"""Row 6: a hundred events a request, against XADD of the same sealed entries from a bare pipelined client."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

from redis import Redis

from server.store import keys
from tests.bench.load import batch_requests, load
from tests.bench.serving import ingest_server
from tests.bench.stand import redis_server
from tests.bench.table import Row, alternate

EVENTS, CONNECTIONS, SECONDS = 100, 8, 3.0
REQUESTS, VISITORS = 400, 5_000
PARTITIONS = 64


def run() -> Row:
    """Events a second. The bare client sends a thousand XADDs at a time, the entries that ours has just stored."""
    with redis_server() as url, ingest_server(url) as (port, key):
        requests = batch_requests("/v1/batch", key, number=REQUESTS, events=EVENTS, visitors=VISITORS)
        client = Redis.from_url(url)
        with load(requests) as sender:
            ours, bare = alternate(
                [
                    lambda: sender.rate(port, connections=CONNECTIONS, seconds=SECONDS) * EVENTS,
                    lambda: bare_rate(client, SECONDS),
                ]
            )
    ratio = ours.median / bare.median
    return Row(
        6,
        "ingest: 100 events a request, 8 connections, fsync always",
        ours.text("events/s"),
        f"bare pipelined XADD: {bare.text('entries/s')}",
        f"{ratio:.2f} ×",
        "≥ 0.5 ×",
        ratio >= 0.5,
    )


def bare_rate(client: Redis, seconds: float) -> float:
    """Entries a second that a client adds who does nothing else; the logs are emptied first."""
    groups = itertools.cycle(_stored(client))
    added, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        group = next(groups)
        with client.pipeline(transaction=False) as pipe:
            for log, fields in group:
                pipe.execute_command("XADD", log, "*", *fields)
            pipe.execute()
        added += len(group)
    rate = added / (time.perf_counter() - begun)
    client.delete(*(keys.log(partition) for partition in range(PARTITIONS)))
    return rate


def _stored(client: Redis) -> list[list[tuple[str, list[bytes]]]]:
    """What the logs hold, mixed, in groups of a thousand; the logs are empty afterwards."""
    logs = [keys.log(partition) for partition in range(PARTITIONS)]
    found: Iterator[tuple[str, list[bytes]]] = (
        (log, [word for pair in fields.items() for word in pair])
        for rows in itertools.zip_longest(
            *([(log, fields) for _, fields in client.xrange(log, count=1000)] for log in logs)
        )
        for row in rows
        if row is not None
        for log, fields in [row]
    )
    entries = list(found)
    client.delete(*logs)
    return [entries[start : start + 1000] for start in range(0, len(entries), 1000)]
