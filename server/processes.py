"""The long-running processes: each opens the installation, does its work until a signal asks it to stop, and closes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
import uvicorn
import uvloop
from litestar import Litestar

from server.app import create_app
from server.bootstrap import Relance, open_relance
from server.engine.main import run_engine
from server.settings import Settings
from server.worker.worker import Worker

__all__ = ["engine", "run_until_stopped", "server", "worker"]

log = structlog.get_logger(__name__)

_PATIENCE = 60.0  # seconds in which Redis may start; then the process ends, and its supervisor tries again
_DRAIN = 10  # seconds in which requests may end


class _Server(uvicorn.Server):
    """uvicorn's server under our own signal handlers, so that what was opened around it is closed as well."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run_until_stopped(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run work on a new uvloop; the event that it is given is set by SIGTERM or SIGINT."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await work(stop)

    uvloop.run(main())


async def server(settings: Settings, stop: asyncio.Event) -> None:
    """Serve HTTP."""
    async with open_relance(settings, chat=True, patience=_PATIENCE) as relance:
        app = create_app(relance.services, public_url=settings.url, lifespan=[_chatting(relance)])
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            http="httptools",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_DRAIN,
        )
        serving = _Server(config)
        task = asyncio.create_task(serving.serve())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
        serving.should_exit = True
        stopping.cancel()
        await task


async def engine(settings: Settings, stop: asyncio.Event) -> None:
    """Apply what the logs hold."""
    async with open_relance(settings, patience=_PATIENCE) as relance:
        await run_engine(
            relance.store,
            relance.services.rulebooks,
            relance.queue,
            relance.clock,
            timezone=settings.timezone,
            stop=stop,
        )


async def worker(settings: Settings, stop: asyncio.Event) -> None:
    """Deliver what is due."""
    async with open_relance(settings, chat=True, patience=_PATIENCE) as relance:
        await Worker(relance.queue, relance.services.deliveries).serve(stop)


def _chatting(relance: Relance) -> Callable[[Litestar], contextlib.AbstractAsyncContextManager[None]]:
    """Let the bots work for as long as the application serves."""

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        for bot in relance.bots.values():
            await bot.start()
        telling = asyncio.create_task(relance.services.status.keep_telling())
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    return lifespan
