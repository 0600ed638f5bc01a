"""An engine as a process of its own, to be killed: `python -m tests.engine_process URL`."""

from __future__ import annotations

import asyncio
import sys

from redis.asyncio import Redis

from server.engine.main import run_engine
from server.ports import SystemClock
from server.services.rulebooks import Rulebooks
from server.store.store import Store
from tests.conftest import SECRET
from tests.engines import RecordingBell


async def main(url: str) -> None:
    store = await Store.open(Redis.from_url(url), secret=SECRET, clock=SystemClock())
    await run_engine(store, Rulebooks(store), RecordingBell(), SystemClock(), stop=asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
