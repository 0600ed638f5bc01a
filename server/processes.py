"""The long-running processes: each opens the installation, does its work until it is asked to stop, and closes.

Each imports its own part when it starts, so that no process carries the others' frameworks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.bootstrap import Relance, open_relance
from server.collector import collect_rarely
from server.settings import LOCAL_MAIL, Settings

__all__ = ["bots", "engine", "server", "worker"]

_PATIENCE = 600.0  # seconds in which Redis may start; then the process ends, and its supervisor tries again
_DRAIN = 10  # seconds in which requests may end


async def server(settings: Settings, stop: asyncio.Event) -> None:
    """Serve HTTP."""
    import uvicorn

    from server.api.protocol import Protocol
    from server.app import create_app
    from server.mail import mail_files

    async with open_relance(settings, chat=True, patience=_PATIENCE, stop=stop) as relance:
        mails = mail_files(settings, relance.clock) if settings.smtp_url == LOCAL_MAIL else None
        app = create_app(
            relance.services,
            bots=relance.bots,
            public_url=settings.public_url,
            mails=mails,
            lifespan=[lambda _: _chatting(relance)],
        )
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            http=Protocol,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_DRAIN,
        )
        serving = uvicorn.Server(config)
        # its own handlers raise the signal again at the end, before what is open around it is closed
        serving.capture_signals = contextlib.nullcontext  # type: ignore[assignment, method-assign]
        task = asyncio.create_task(serving.serve())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
        serving.should_exit = True
        stopping.cancel()
        await task


async def bots(settings: Settings, stop: asyncio.Event) -> None:
    """Talk to Slack by Socket Mode and to Telegram by long polling, without serving HTTP."""
    async with open_relance(settings, chat=True, patience=_PATIENCE, stop=stop) as relance, _chatting(relance):
        await stop.wait()


async def engine(settings: Settings, stop: asyncio.Event) -> None:
    """Apply what the logs hold."""
    from server.engine.main import run_engine

    async with open_relance(settings, patience=_PATIENCE, stop=stop) as relance:
        await run_engine(
            relance.store,
            relance.services.rulebooks,
            relance.queue,
            relance.clock,
            timezone=settings.timezone,
            stop=stop,
        )


async def worker(settings: Settings, stop: asyncio.Event) -> None:
    """Deliver what is due, the only work of its process."""
    from server.channels.outside import Outside
    from server.worker.feeds import Feeds
    from server.worker.worker import Worker

    async with open_relance(settings, chat=True, patience=_PATIENCE, stop=stop) as relance:
        services = relance.services
        outside = Outside(private=settings.allow_private_urls)
        feeds = Feeds(relance.store, relance.clock, services.rulebooks, services.broadcasts, outside)
        collect_rarely()
        await Worker(
            relance.queue, services.deliveries, services.sending, feeds, services.tracking, services.digests,
            services.reminders,
        ).serve(stop)  # fmt: skip


@asynccontextmanager
async def _chatting(relance: Relance) -> AsyncIterator[None]:
    """Let the bots work while this is entered; who opened the installation stops them."""
    for bot in relance.bots.values():
        await bot.start()
    telling = asyncio.create_task(relance.services.status.keep_telling())
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
