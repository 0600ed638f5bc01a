"""A whole installation in a directory of its own: `relance run` as a process, its children to be killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

__all__ = ["Installation", "free_port"]

_MARKS = {"server": "server server", "engine": "server engine", "worker": "server worker", "redis": "redis-server"}


def free_port() -> int:
    """A TCP port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Installation:
    """`relance run` on a data directory. Use as a context manager; `environment` adds RELANCE_ variables."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RELANCE_")}
        self.environment = {
            **kept,
            "RELANCE_DATA_DIR": str(directory / "data"),
            "RELANCE_PORT": str(self.port),
            "RELANCE_HOST": "127.0.0.1",
            **environment,
        }
        self.output = directory / "output"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Installation:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, seconds: float = 60) -> None:
        """Start it and wait until it is ready."""
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server", "run"],
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        self.wait_ready(seconds)

    def stop(self) -> int:
        """Stop it as an operator would; return its exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(90)  # a disk that is busy elsewhere may hold an fsync up for long

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until `/ready` answers 200."""
        self._wait(lambda ready: ready is not None and bool(ready["ready"]), seconds)

    def wait_quiet(self, seconds: float = 60) -> None:
        """Wait until every acknowledged event has taken effect."""
        self._wait(lambda ready: ready is not None and ready["ready"] and ready["lag"] == 0, seconds)

    def _wait(self, good: Any, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not good(self.ready()):
            assert self._process is not None
            assert self._process.poll() is None, f"it ended:\n{self.output.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"not within {seconds} s:\n{self.output.read_text()[-3000:]}"
            time.sleep(0.05)

    def ready(self) -> dict[str, Any] | None:
        """What `/ready` says; None where nobody answers."""
        with contextlib.suppress(httpx.HTTPError, json.JSONDecodeError):
            answer: dict[str, Any] = httpx.get(self.url + "/ready", timeout=5).json()
            return answer
        return None

    def relance(self, *words: str, text: str | None = None) -> str:
        """Run a `relance` command on this installation; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "server", *words],
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def source(self, name: str, *options: str) -> str:
        """A new source's write key."""
        key: str = json.loads(self.relance("source", "add", name, *options, "--json"))["write_key"]
        return key

    def key(self, name: str, scopes: str = "read,write,rules,consent,admin") -> str:
        """A new API key."""
        key: str = json.loads(self.relance("key", "add", name, "--scopes", scopes, "--json"))["key"]
        return key

    def publish(self, text: str) -> None:
        """Publish a rulebook."""
        path = self.directory / "test.rules"
        path.write_text(text)
        self.relance("publish", str(path))

    def pid(self, name: str) -> int | None:
        """The process of a child: `server`, `engine`, `worker` or `redis`."""
        assert self._process is not None
        for pid in _children(self._process.pid):
            with contextlib.suppress(OSError):
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                if _MARKS[name] in command:
                    return pid
        return None

    def signal(self, name: str, number: signal.Signals) -> bool:
        """Send a signal to a child; False where it is not there now."""
        pid = self.pid(name)
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
        return False


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found
