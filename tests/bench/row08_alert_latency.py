"""Row 8: from the POST of an event to its card at Slack, with 100 other events a second beside it.

A whole installation (`relance run`) and the Slack emulator, which answers at once. Slack takes one message a second and
channel, and so does the courier: the alerts go in turn to twenty teams, each with a channel of its own, so that none
waits for the one before. Every alert is of a new contact.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path

import msgspec

from tests.bench.load import post, single_requests
from tests.bench.stand import hundred_rules
from tests.bench.table import Measured, Row
from tests.emulators.slack import SlackEmulator
from tests.installation import Installation

TEAMS, ALERTS, PER_SECOND = 20, 100, 8.0
BACKGROUND, SENDERS, VISITORS = 100.0, 4, 5_000
REPEATS = 5


def run() -> list[Row]:
    """Milliseconds of each of a hundred alerts, five times over."""
    with tempfile.TemporaryDirectory() as directory, SlackEmulator() as slack:
        for team in range(TEAMS):
            slack.add_channel(f"#team{team}")
        environment = {
            "RELANCE_SLACK_BOT_TOKEN": slack.token,
            "RELANCE_SLACK_SIGNING_SECRET": slack.signing_secret,
            "RELANCE_SLACK_API_URL": slack.api_url,
            "RELANCE_LOG_LEVEL": "warning",
        }
        with Installation(Path(directory), **environment) as installation:
            installation.publish(_rules())
            installation.wait_quiet()
            key = installation.source("bench")
            middle, worst = asyncio.run(_measure(slack, installation.port, key))
    return [
        _row("p50", middle, 60.0),
        _row("p99", worst, 200.0),
    ]


def _row(which: str, measured: Measured, most: float) -> Row:
    return Row(
        8,
        f"POST → card at Slack, {BACKGROUND:.0f} events/s beside it, {which} of {ALERTS} alerts",
        measured.text("ms", 1),
        target=f"< {most:.0f} ms",
        met=measured.median < most,
    )


def _rules() -> str:
    lines = [hundred_rules().rstrip()]
    for team in range(TEAMS):
        lines.append(f'team team{team}: slack "#team{team}"')
        lines.append(f'trigger demo{team}: on "Demo {team}"\n  alert team{team} "asked for a demo"')
    return "\n".join(lines) + "\n"


async def _measure(slack: SlackEmulator, port: int, key: str) -> tuple[Measured, Measured]:
    stop = asyncio.Event()
    requests = single_requests("/v1/track", key, number=5_000, visitors=VISITORS)
    background = [asyncio.create_task(send_steadily(port, requests[at::SENDERS], stop)) for at in range(SENDERS)]
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
    return middle, worst


async def send_steadily(port: int, requests: list[bytes], stop: asyncio.Event) -> None:
    client = await _Client.open(port)
    begun, sent = time.monotonic(), 0
    while not stop.is_set():
        await client.send(requests[sent % len(requests)])
        sent += 1
        await asyncio.sleep(begun + sent * SENDERS / BACKGROUND - time.monotonic())


async def alert_times(slack: SlackEmulator, port: int, key: str, repeat: int) -> list[float]:
    """Milliseconds until the card of each alert arrived. The cards of a channel come in the order of its alerts."""
    chance = random.Random(repeat)
    client = await _Client.open(port)
    slack.calls.clear()
    posted: dict[str, list[float]] = {channel: [] for channel in slack.channels}
    for number in range(ALERTS):
        team = number % TEAMS
        call = {"writeKey": key, "userId": f"lead-{repeat}-{number}", "event": f"Demo {team}"}
        posted[slack.channel(f"#team{team}").id].append(time.monotonic())
        await client.send(post("/v1/track", msgspec.json.encode(call)))
        await asyncio.sleep(chance.uniform(0.5, 1.5) / PER_SECOND)
    deadline = time.monotonic() + 30
    while len(arrived := _arrivals(slack)) < ALERTS:
        if time.monotonic() > deadline:
            raise TimeoutError(f"only {len(arrived)} of {ALERTS} cards came")
        await asyncio.sleep(0.05)
    cards: dict[str, list[float]] = {channel: [] for channel in slack.channels}
    for channel, moment in arrived:
        cards[channel].append(moment)
    return [
        (there - here) * 1000
        for channel, moments in posted.items()
        for here, there in zip(moments, cards[channel], strict=True)
    ]


def _arrivals(slack: SlackEmulator) -> list[tuple[str, float]]:
    """The channel id and the moment of every card."""
    with slack.lock:
        calls = [call for call in slack.calls if call.method == "chat.postMessage"]
    return [(slack.channel(call.arguments["channel"]).id, call.time) for call in calls]


class _Client:
    """A connection that sends one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> _Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, request: bytes) -> None:
        """Send and read the answer, which must be 200."""
        self._writer.write(request)
        answer = await self._reader.readuntil(b'{"success":true}')
        assert answer.startswith(b"HTTP/1.1 200"), answer
