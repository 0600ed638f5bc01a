"""A worker as a process of its own, to be killed: `python -m tests.worker_process URL [silent]`.

Its Slack keeps messages in the list `posted` of that Redis, each as the alert's id, with a `!` behind it where it bears
the mark of a repeated one; the newest revision of each alert that was shown is in the hash `shown`. It takes a while
before it keeps a message, and before it answers; silent, it never does.
"""

from __future__ import annotations

import asyncio
import random
import sys

from redis.asyncio import Redis

from rules.contact import Contact
from rules.rulebook import Rulebook
from server.model.card import Card
from server.ports import SystemClock
from server.services.alerts import Alerts
from server.services.deliveries import Deliveries
from server.services.rulebooks import Rulebooks
from server.store.store import Store
from server.worker.queue import Queue
from server.worker.worker import Worker
from tests.conftest import SECRET


class SlowChannel:
    platform = "slack"

    def __init__(self, redis: Redis, *, silent: bool = False) -> None:
        self._redis = redis
        self._silent = silent

    async def post(self, address: str, card: Card, *, repeated: bool = False) -> str:
        await asyncio.sleep(random.uniform(0, 0.05))
        number = await self._redis.rpush("posted", card.alert + "!" * repeated)
        await self._redis.hset("shown", card.alert, card.revision)
        await asyncio.sleep(3600 if self._silent else random.uniform(0, 0.05))
        return f"{address}:{number}"

    async def edit(self, address: str, reference: str, card: Card) -> None:
        await asyncio.sleep(random.uniform(0, 0.05))
        await self._redis.hset("shown", card.alert, card.revision)

    async def find(self, address: str, alert: str) -> str | None:
        return None


class Masked:
    def display(self, contact: Contact, book: Rulebook) -> str:
        return "A…"


async def main(url: str, *how: str) -> None:
    redis, clock = Redis.from_url(url), SystemClock()
    store = await Store.open(redis, secret=SECRET, clock=clock)
    alerts = Alerts(store, clock, Rulebooks(store), Masked())
    deliveries = Deliveries(store, clock, alerts, {"slack": SlowChannel(redis, silent="silent" in how)})
    await Worker(Queue.open(url), deliveries).serve(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
