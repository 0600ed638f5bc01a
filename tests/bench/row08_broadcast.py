"""Row 8 under a broadcast: from the POST of an event to its card at Slack, while all contacts take one broadcast after
the other. RELANCE_BENCH_CONTACTS says how many contacts; BENCH.md asks for a million.

A fifth of the contacts is concerned: each starts a run that waits, and is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

import httpx
from redis.asyncio import Redis

from server.data_dir import secret_key, socket_url
from server.ports import SystemClock
from server.store.store import Store
from tests.bench.crowd import RULES, contacts_wanted, fill
from tests.bench.load import single_requests
from tests.bench.row08_alert_latency import SENDERS, TEAMS, VISITORS, alert_times, send_steadily
from tests.bench.row12_start import PARTITIONS, serve
from tests.bench.table import Measured, Row
from tests.emulators.slack import SlackEmulator
from tests.installation import Installation

CONTACTS, REPEATS, TARGET = 100_000, 3, 400.0
SALE = """
scenario sale: on broadcast "Price Dropped" to contact.country == "BE" and event.price < 50
  wait 1 day
  add 1 points
"""


def run() -> list[Row]:
    """Milliseconds of each of a hundred alerts, three times over; and how fast the broadcasts went through."""
    number = contacts_wanted(CONTACTS)
    directory = Path(tempfile.mkdtemp(prefix="relance-sweep-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    try:
        with SlackEmulator() as slack:
            for team in range(TEAMS):
                slack.add_channel(f"#team{team}")
            environment = {
                "RELANCE_SLACK_BOT_TOKEN": slack.token,
                "RELANCE_SLACK_SIGNING_SECRET": slack.signing_secret,
                "RELANCE_SLACK_API_URL": slack.api_url,
                "RELANCE_LOG_LEVEL": "warning",
            }
            installation = Installation(directory, **environment)
            installation.start(120)
            installation.stop()
            asyncio.run(_fill(directory / "data", number))
            installation.start(600)
            try:
                installation.wait_quiet(600)
                keys = installation.source("bench"), installation.key("bench")
                middle, worst, swept = asyncio.run(_measure(slack, installation, *keys))
            finally:
                installation.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    what = f"POST → card at Slack while {number:,} contacts take broadcasts"
    return [
        Row(8, f"{what}, p50 of 100 alerts", middle.text("ms", 1)),
        Row(8, f"{what}, p99", worst.text("ms", 1), target=f"< {TARGET:.0f} ms", met=worst.median < TARGET),
        Row(8, "broadcasts, contacts looked at beside that", f"{swept * number:,.0f} contacts/s"),
    ]


async def _fill(data: Path, number: int) -> None:
    """Have so many contacts in an installation that does not run."""
    server, client = serve(data)
    client.close()
    redis = Redis.from_url(socket_url(data))
    try:
        store = await Store.open(redis, secret=secret_key(data).encode(), clock=SystemClock())
        engine = await fill(store, number, _rules())
        await engine.leases.end()
    finally:
        with contextlib.suppress(Exception):
            await redis.shutdown(nosave=True)
        await redis.aclose()
        server.wait(120)


def _rules() -> str:
    lines = [RULES, SALE]
    for team in range(TEAMS):
        lines.append(f'team team{team}: slack "#team{team}"')
        lines.append(f'trigger demo{team}: on "Demo {team}"\n  alert team{team} "asked for a demo"')
    return "\n".join(lines) + "\n"


async def _measure(
    slack: SlackEmulator, installation: Installation, key: str, api_key: str
) -> tuple[Measured, Measured, float]:
    """p50 and p99 of the alerts, and how many broadcasts a second were worked off beside them."""
    stop = asyncio.Event()
    requests = single_requests("/v1/track", key, number=5_000, visitors=VISITORS)
    port = installation.port
    background = [asyncio.create_task(send_steadily(port, requests[at::SENDERS], stop)) for at in range(SENDERS)]
    broadcasting = asyncio.create_task(_broadcast_on_and_on(installation.url, api_key, stop))
    middle, worst = Measured(), Measured()
    try:
        for repeat in range(REPEATS + 1):
            times = sorted(await alert_times(slack, port, key, repeat))
            if repeat:
                middle.values.append(times[len(times) // 2])
                worst.values.append(times[-1 - len(times) // 100])
    finally:
        stop.set()
        await asyncio.gather(*background)
    return middle, worst, await broadcasting


async def _broadcast_on_and_on(url: str, api_key: str, stop: asyncio.Event) -> float:
    """Send a broadcast as soon as the one before is through, so that one is under way all the time; return how many a
    second were worked off, the last one as far as it is.
    """
    sent, begun = 0, time.monotonic()
    async with httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {api_key}"}, timeout=60) as api:
        while True:
            waiting = (await api.get("/ready")).json()["lag"]  # partitions, but for a few events
            if stop.is_set():
                return (sent - min(waiting, PARTITIONS) / PARTITIONS) / (time.monotonic() - begun)
            if waiting < 10:
                call = {"event": "Price Dropped", "properties": {"price": 20 + sent % 20}, "messageId": f"b{sent}"}
                (await api.post("/v1/broadcast", json=call)).raise_for_status()
                sent += 1
            await asyncio.sleep(0.5)
