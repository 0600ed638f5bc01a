"""What every test may ask for: a real redis-server, a store on it, and a clock that stands still."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import hypothesis
import pytest
from redis.asyncio import Redis

from server.embedded import find_redis_server
from server.store.store import Store
from tests.clock import FakeClock

SECRET = b"0123456789abcdef0123456789abcdef"
PARTITIONS = 8

# The same examples in every run, so that a change is judged by what it changes; `make soak` looks for new ones.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.load_profile("steady")


class RedisServer(NamedTuple):
    """A redis-server of the test session; `process` may be killed and `start`ed again by nobody but its own test."""

    process: subprocess.Popen[bytes]
    socket: Path
    url: str


def start_redis(directory: Path, fsync: str = "always") -> RedisServer:
    """Start a redis-server as an installation has it: a unix socket, every write on disk before it is answered."""
    path = directory / "s"
    process = subprocess.Popen(
        [
            str(find_redis_server()), "--port", "0", "--unixsocket", str(path), "--dir", str(directory),
            "--appendonly", "yes", "--appendfsync", fsync, "--save", "", "--maxmemory-policy", "noeviction",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not _answers(path):
        assert process.poll() is None, "redis-server ended at once"
        assert time.monotonic() < deadline, "redis-server does not answer on its socket"
        time.sleep(0.01)
    return RedisServer(process, path, f"unix://{path}")


def _answers(path: Path) -> bool:
    """Whether a redis-server has its data loaded."""
    with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
        client.connect(str(path))
        client.sendall(b"PING\r\n")
        return client.recv(100).startswith(b"+PONG")
    return False


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    directory = Path(tempfile.mkdtemp(prefix="relance-", dir="/tmp"))  # short: a socket's path has at most 107 bytes
    server = start_redis(directory)
    yield server
    server.process.terminate()
    server.process.wait(10)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    return redis_server.url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the session's redis-server, which is empty."""
    client = Redis.from_url(redis_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(redis: Redis, clock: FakeClock) -> AsyncIterator[Store]:
    """A store of eight partitions on the empty redis-server."""
    opened = await Store.open(redis, secret=SECRET, clock=clock, partitions=PARTITIONS)
    yield opened
    close = getattr(opened, "close", None)
    if close is not None:
        await close()
