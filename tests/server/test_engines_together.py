"""Several engine processes on one Redis: fair shares, a killed one replaced, a stopped one refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.installation import Installation

RULES = 'score visit: +10 on "Page Viewed"\n'
CONTACTS, EACH = 40, 25


@contextmanager
def one_more_engine(installation: Installation) -> Iterator[subprocess.Popen[bytes]]:
    """`relance engine` beside the one that `relance run` keeps."""
    with installation.output.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "server", "engine"], env=installation.environment, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(10)


def until(fact: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def send(installation: Installation, write_key: str, turn: int) -> None:
    """One event of every contact, in one batch that is acknowledged."""
    batch = [
        {"type": "track", "userId": f"u{number}", "event": "Page Viewed", "messageId": f"{turn}-{number}"}
        for number in range(CONTACTS)
    ]
    answer = httpx.post(installation.url + "/v1/batch", json={"batch": batch}, auth=(write_key, ""), timeout=60)
    assert answer.status_code == 200, answer.text


def scores(installation: Installation, api_key: str) -> set[float]:
    with httpx.Client(base_url=installation.url, headers={"Authorization": f"Bearer {api_key}"}) as api:
        contacts: list[dict[str, Any]] = [api.get(f"/v1/contacts/user:u{number}").json() for number in range(CONTACTS)]
    return {contact["score"] for contact in contacts}


@pytest.mark.slow
def test_a_killed_engine_is_replaced_and_a_stopped_one_applies_nothing_twice(tmp_path: Path) -> None:
    with Installation(tmp_path) as installation:
        installation.publish(RULES)
        write_key, api_key = installation.source("shop"), installation.key("test")
        with one_more_engine(installation) as other:
            until(lambda: "2 engines" in installation.relance("chat", text="status\n"), 90)
            time.sleep(3)  # shares are settled
            for turn in range(EACH):
                send(installation, write_key, turn)
                if turn == 5:
                    os.kill(other.pid, signal.SIGSTOP)  # past its lease, with work in hand
                if turn == 10:
                    time.sleep(6)
                if turn == 15:
                    os.kill(other.pid, signal.SIGCONT)
                    time.sleep(1)
                if turn == 20:
                    other.kill()
            installation.wait_ready(60)
            installation.wait_quiet(60)
        assert scores(installation, api_key) == {10.0 * EACH}
