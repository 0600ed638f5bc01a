"""What the emulators share: an HTTP server in a thread of its own, with faults that can be switched on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar

from aiohttp import web

__all__ = ["Call", "Emulator", "Fault", "eventually"]

T = TypeVar("T")


class Fault(NamedTuple):
    """What goes wrong with a call.

    `hang`: no answer for `seconds`, nothing done. `drop`: it is done, and the connection cut instead of an answer.
    `busy`: 429 with `Retry-After: seconds`. `broken`: HTTP 500 and no JSON.
    """

    kind: Literal["hang", "drop", "busy", "broken"]
    seconds: float = 0.0


class Call(NamedTuple):
    """A call that arrived: its method, its arguments, when (monotonic seconds)."""

    method: str
    arguments: dict[str, Any]
    time: float


class Emulator:
    """Serves `self.routes()` on a free port of 127.0.0.1 while it is entered. State is guarded by `self.lock`."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.calls: list[Call] = []
        self.url = ""
        self._faults: dict[str, list[Fault]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._up = threading.Event()
        self._down = asyncio.Event()

    def __enter__(self) -> Any:
        self._thread.start()
        assert self._up.wait(10), "the emulator did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._down.set)
        self._thread.join(10)

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    def fails(self, method: str, fault: Fault, times: int = 1) -> None:
        """The next `times` calls of a method meet this fault."""
        with self.lock:
            self._faults.setdefault(method, []).extend([fault] * times)

    def heals(self) -> None:
        """No more faults."""
        with self.lock:
            self._faults.clear()

    def called(self, method: str) -> list[dict[str, Any]]:
        """The arguments of all calls of a method so far."""
        with self.lock:
            return [call.arguments for call in self.calls if call.method == method]

    async def serve(
        self, request: web.Request, method: str, arguments: dict[str, Any], work: Callable[[], web.Response]
    ) -> web.StreamResponse:
        """Note the call, do the work and answer, unless a fault is switched on."""
        with self.lock:
            self.calls.append(Call(method, arguments, time.monotonic()))
            waiting = self._faults.get(method) or self._faults.get("*") or []
            fault = waiting.pop(0) if waiting else None
        match fault:
            case None:
                return work()
            case Fault("busy", seconds):
                return self.busy(seconds)
            case Fault("broken"):
                return web.Response(status=500, text="<html>oops</html>", content_type="text/html")
            case Fault("hang", seconds):
                await asyncio.sleep(seconds)
            case _:
                work()
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    def busy(self, seconds: float) -> web.Response:
        raise NotImplementedError

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        app = web.Application(client_max_size=4_000_000)
        app.add_routes(self.routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._up.set()
        await self._down.wait()
        await runner.cleanup()


async def eventually(look: Callable[[], T | None], what: str | Callable[[], str], within: float = 20.0) -> T:
    """What `look` finds, as soon as it finds something; fails after `within` seconds, naming what was missed."""
    deadline = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            missed = what if isinstance(what, str) else what()
            raise AssertionError(f"after {within} s there is no {missed}")
        await asyncio.sleep(0.01)
