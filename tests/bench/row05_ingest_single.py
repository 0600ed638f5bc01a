"""Row 5: one event a request over 32 connections, against a Litestar route that decodes the same body and answers."""

from __future__ import annotations

from tests.bench.load import load, single_requests
from tests.bench.serving import ingest_server, plain_server
from tests.bench.stand import redis_server
from tests.bench.table import Row, alternate

CONNECTIONS, SECONDS = 32, 3.0
REQUESTS, VISITORS = 20_000, 5_000


def run() -> list[Row]:
    """Requests a second; all sides get the same bytes. No engine runs: what is measured is what is accepted.

    The second line is the limit of the first: the plain route again, with one bare XADD to the same Redis a request.
    Where the disk or the machine makes a sync take milliseconds, 32 connections cannot have more.
    """
    with (
        redis_server() as url,
        ingest_server(url) as (port, key),
        plain_server() as plain_port,
        plain_server(url) as bare_port,
        load(single_requests("/v1/track", key, number=REQUESTS, visitors=VISITORS)) as sender,
    ):
        ours, plain, bare = alternate(
            [
                lambda: sender.rate(port, connections=CONNECTIONS, seconds=SECONDS),
                lambda: sender.rate(plain_port, connections=CONNECTIONS, seconds=SECONDS),
                lambda: sender.rate(bare_port, connections=CONNECTIONS, seconds=SECONDS),
            ]
        )
    ratio, limit = ours.median / plain.median, bare.median / plain.median
    return [
        Row(
            5,
            "ingest: one event a request, 32 connections, fsync always",
            ours.text("requests/s"),
            f"plain Litestar route: {plain.text('requests/s')}",
            f"{ratio:.2f} ×",
            "≥ 0.5 ×",
            ratio >= 0.5,
        ),
        Row(
            5,
            "its limit: the plain route with one bare XADD a request",
            bare.text("requests/s"),
            "the same",
            f"{limit:.2f} ×",
        ),
    ]
