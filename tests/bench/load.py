"""A load generator that costs little: raw sockets kept alive, requests built beforehand, a process of its own."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import random
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

import msgspec
import uvloop

__all__ = ["Load", "batch_requests", "load", "post", "single_requests", "track_call"]

_TAKEN = b'{"success":true}'  # how every good answer ends, ours and the reference's


class Load:
    """Sends the requests it was made with, in turn and over again."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def rate(self, port: int, *, connections: int, seconds: float) -> float:
        """Requests a second that a server on this machine takes, each connection sending one after the other.

        Raises RuntimeError with the answer where one is not 200.
        """
        self._pipe.send((port, connections, seconds))
        answer = self._pipe.recv()
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return float(answer)


@contextmanager
def load(requests: Sequence[bytes]) -> Iterator[Load]:
    """A process that sends these requests when it is told to."""
    context = multiprocessing.get_context("spawn")  # a fork would share this process's sockets
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, list(requests)), daemon=True)
    process.start()
    theirs.close()  # so that a process that ends ends our waiting for it too
    try:
        yield Load(ours)
    finally:
        with suppress(OSError):
            ours.send(None)
        process.join(10)


def track_call(number: int, chance: random.Random, visitors: int) -> dict[str, Any]:
    """A `track` call as Segment's libraries send it, of one of so many visitors."""
    price = chance.randrange(100, 30_000) / 100
    return {
        "type": "track",
        "event": chance.choice(("Product Viewed", "Product Added", "Order Completed")),
        "messageId": str(uuid.UUID(int=chance.getrandbits(128))),
        "anonymousId": f"visitor-{chance.randrange(visitors)}",
        "timestamp": f"2026-01-05T10:{number // 60 % 60:02d}:{number % 60:02d}.000Z",
        "properties": {
            "price": price,
            "category": f"c{chance.randrange(8)}",
            "url": f"https://shop.example/p/{chance.randrange(1000)}",
        },
        "context": {"library": {"name": "analytics.js", "version": "2.1.0"}, "locale": "fr-FR"},
    }


def single_requests(path: str, write_key: str, *, number: int, visitors: int) -> list[bytes]:
    """POSTs of one event each."""
    chance = random.Random(5)
    calls = (track_call(at, chance, visitors) for at in range(number))
    return [post(path, msgspec.json.encode({**call, "writeKey": write_key})) for call in calls]


def batch_requests(path: str, write_key: str, *, number: int, events: int, visitors: int) -> list[bytes]:
    """POSTs of so many events each."""
    chance = random.Random(6)
    requests = []
    for at in range(number):
        batch = [track_call(at * events + place, chance, visitors) for place in range(events)]
        requests.append(post(path, msgspec.json.encode({"writeKey": write_key, "batch": batch})))
    return requests


def post(path: str, body: bytes) -> bytes:
    """A request, as bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


# --- in the process of its own -----------------------------------------------------------------------------------


class _Run:
    """One measurement: what its connections share."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self.requests = requests
        self.answers = 0
        self.going = True
        self.problem = ""


class _Sender(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._answer = b""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(next(self._run.requests))

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._answer.startswith(b"HTTP/1.1 20"):
            self._run.problem = self._answer[:500].decode(errors="replace")
            self._transport.close()
        elif self._answer.endswith(_TAKEN):
            self._answer = b""
            self._run.answers += 1
            if self._run.going:
                self._transport.write(next(self._run.requests))
            else:
                self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self._run.going and not self._run.problem:
            self._run.problem = f"the server closed a connection: {error}"
        if not self.ended.done():
            self.ended.set_result(None)


async def _rate(requests: Iterator[bytes], port: int, connections: int, seconds: float) -> float | str:
    loop = asyncio.get_running_loop()
    run = _Run(requests)
    senders = [(await loop.create_connection(lambda: _Sender(run), "127.0.0.1", port))[1] for _ in range(connections)]
    begun, before = loop.time(), run.answers
    await asyncio.sleep(seconds)
    answers, took = run.answers - before, loop.time() - begun
    run.going = False
    await asyncio.wait([sender.ended for sender in senders], timeout=10)
    if not answers and not run.problem:
        return "the server answered nothing"
    return run.problem or answers / took


def _serve(pipe: Connection, requests: list[bytes]) -> None:
    turn = itertools.cycle(requests)
    while (wanted := pipe.recv()) is not None:
        pipe.send(uvloop.run(_rate(turn, *wanted)))
