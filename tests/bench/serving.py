"""Server processes to measure: `relance server` on a Redis, and the plain Litestar route that it is compared with."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from litestar import Litestar, post
from litestar.handlers import HTTPRouteHandler
from redis.asyncio import Redis

from tests.conftest import SECRET
from tests.installation import free_port

__all__ = ["ingest_server", "plain_server", "relance", "relance_environment"]

_ROOT = Path(__file__).parents[2]


def relance_environment(redis_url: str, **more: str) -> dict[str, str]:
    """The environment of processes that work on this Redis."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RELANCE_")}
    return {**kept, "RELANCE_REDIS_URL": redis_url, "RELANCE_SECRET_KEY": SECRET.decode(), **more}


@contextmanager
def ingest_server(redis_url: str) -> Iterator[tuple[int, str]]:
    """`relance server`: its port, and a write key."""
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        environment = relance_environment(
            redis_url, RELANCE_PORT=str(port), RELANCE_DATA_DIR=directory, RELANCE_LOG_LEVEL="warning"
        )
        added = subprocess.run(
            [sys.executable, "-m", "server", "source", "add", "bench", "--json"],
            env=environment, cwd=_ROOT, capture_output=True, check=True,
        )  # fmt: skip
        with relance("server", environment):
            _await_port(port)
            yield port, json.loads(added.stdout)["write_key"]


@contextmanager
def plain_server(redis_url: str = "") -> Iterator[int]:
    """A route that decodes a body and answers, after one bare XADD where there is a Redis: its port."""
    port = free_port()
    with _process([sys.executable, "-m", "tests.bench.serving", str(port), redis_url], dict(os.environ)):
        _await_port(port)
        yield port


@contextmanager
def relance(command: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A `relance` process, ended at the end."""
    with _process([sys.executable, "-m", "server", command], environment) as process:
        yield process


@contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=environment, cwd=_ROOT, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _await_port(port: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


# --- the plain server, in a process of its own --------------------------------------------------------------------


@post("/v1/{kind:str}", status_code=200)
async def plain(kind: str, data: dict[str, Any]) -> dict[str, bool]:
    """Litestar decodes the body with msgspec."""
    return {"success": True}


def storing(redis: Redis) -> HTTPRouteHandler:
    """The same, and what it costs to store anything at all."""

    @post("/v1/{kind:str}", status_code=200)
    async def stored(kind: str, data: dict[str, Any]) -> dict[str, bool]:
        await redis.xadd("bare", {"c": "a" * 18, "e": b"e" * 300})
        return {"success": True}

    return stored


def main() -> None:
    """Serve as `relance server` does: uvicorn on uvloop with httptools, no access log."""
    route = storing(Redis.from_url(sys.argv[2])) if sys.argv[2] else plain
    app = Litestar(route_handlers=[route], openapi_config=None, logging_config=None)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=int(sys.argv[1]), http="httptools", log_config=None, access_log=False,
        server_header=False,
    )  # fmt: skip
    uvloop.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
