"""`relance run`: everything on one machine, from the first start on."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.installation import Installation


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as running:
        yield running


def shown(installation: Installation) -> str:
    """What it printed when it was ready."""
    return installation.output.read_text()


def until(fact: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


@pytest.mark.slow
def test_the_printed_curl_line_leads_to_an_alert_in_the_terminal_chat(installation: Installation) -> None:
    until(lambda: "first event" in shown(installation))
    curl = re.search(r"first event +(curl .+)", shown(installation))
    assert curl is not None
    words = shlex.split(curl.group(1))
    key = words[words.index("-u") + 1].removesuffix(":")
    body = words[words.index("-d") + 1]
    header = words[words.index("-H") + 1].split(": ", 1)
    url = next(word for word in words if word.startswith("http"))
    answer = httpx.post(url, content=body, headers=[(header[0], header[1])], auth=(key, ""))
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    installation.wait_quiet()
    until(lambda: "is hot" in installation.relance("chat", text="leads\n"))


@pytest.mark.slow
def test_a_second_start_shows_the_same_key(tmp_path: Path) -> None:
    first = Installation(tmp_path)
    first.start()
    until(lambda: "source key" in shown(first))
    assert first.stop() == 0
    first.output.unlink()
    first.start()
    until(lambda: "source key" in shown(first))
    key = (tmp_path / "data" / "source.key").read_text().strip()
    assert key in shown(first)
    assert first.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["server", "engine", "worker", "redis"])
def test_a_process_that_is_killed_comes_back(installation: Installation, name: str) -> None:
    key = installation.source("shop")
    before = installation.pid(name)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    until(lambda: installation.pid(name) not in (None, before))
    installation.wait_ready(30)
    answer = httpx.post(
        f"{installation.url}/v1/track", json={"userId": "42", "event": "Signed Up"}, auth=(key, ""), timeout=10
    )
    assert answer.status_code == 200
    installation.wait_quiet()


@pytest.mark.slow
def test_nothing_outlives_a_supervisor_that_is_killed_and_the_next_start_has_the_data(tmp_path: Path) -> None:
    first = Installation(tmp_path)
    first.start()
    key = first.source("shop")
    children = [first.pid(name) for name in ("server", "engine", "worker", "redis")]
    process = first._process
    assert process is not None
    process.kill()
    process.wait()
    until(lambda: not any(alive(child) for child in children))
    with Installation(tmp_path) as second:
        answer = httpx.post(f"{second.url}/v1/track", json={"userId": "42", "event": "Signed Up"}, auth=(key, ""))
        assert answer.status_code == 200


@pytest.mark.slow
def test_a_second_start_on_one_data_directory_is_refused(installation: Installation) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "server", "run"],
        env={**installation.environment, "RELANCE_PORT": "1"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert "runs already" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert installation.ready() is not None


@pytest.mark.slow
def test_a_port_that_is_taken_is_one_clear_line(installation: Installation, tmp_path: Path) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "server", "run"],
        env={**installation.environment, "RELANCE_DATA_DIR": str(tmp_path / "other")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 2
    assert "RELANCE_PORT" in second.stderr
    assert len(second.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("CHANNELS", None, "RELANCE_CHANNELS: there is no file"),
        ("CHANNELS", "[sms", "Expected ']'"),
        ("CHANNELS", '[sms]\nurl = "gateway"\nform = {To = "{to}"}', "[sms] url must be one such as"),
        ("CHANNELS", '[push]\nurl = "https://gateway.example"', "[push] wants either `form` or `json`"),
        ("DKIM_KEY", None, "RELANCE_DKIM_KEY must be the path of a private RSA key"),
        ("DKIM_KEY", "no key", "RELANCE_DKIM_KEY must be the path of a private RSA key"),
        ("DATA_DIR", "a file", "set RELANCE_DATA_DIR"),
    ],
)
def test_a_file_that_does_not_do_is_one_clear_line(tmp_path: Path, name: str, text: str | None, said: str) -> None:
    path = tmp_path / "file"
    if text is not None:
        path.write_text(text)
    wrong = {"RELANCE_DATA_DIR": str(tmp_path / "data"), "RELANCE_DKIM_SELECTOR": "one", f"RELANCE_{name}": str(path)}
    done = subprocess.run(
        [sys.executable, "-m", "server", "run"],
        env=Installation(tmp_path).environment | wrong,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, said in done.stderr, len(done.stderr.splitlines())) == (2, True, 1), done.stderr


@pytest.mark.slow
def test_another_secret_key_than_the_datas_stops_everything_with_the_reason(tmp_path: Path) -> None:
    with Installation(tmp_path):
        pass
    again = Installation(tmp_path, RELANCE_SECRET_KEY="x" * 32)
    done = subprocess.run(
        [sys.executable, "-m", "server", "run"],
        env=again.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "RELANCE_SECRET_KEY" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_it_speaks_french(tmp_path: Path) -> None:
    with Installation(tmp_path, RELANCE_LANGUAGE="fr") as running:
        until(lambda: "premier événement" in shown(running))
        assert "attribut " in running.relance("export", "rulebook")


def alive(pid: int | None) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return state.rsplit(")", 1)[1].split()[0] != "Z"
