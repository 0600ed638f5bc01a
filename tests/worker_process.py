"""A worker as a process of its own, to be killed: `python -m tests.worker_process URL`.

Its Slack writes each post to the list `posted` of that Redis, and never answers.
"""

from __future__ import annotations

import asyncio
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


class SilentChannel:
    platform = "slack"

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def post(self, address: str, card: Card, *, repeated: bool = False) -> str:
        await self._redis.rpush("posted", card.alert)
        await asyncio.sleep(3600)
        return ""

    async def edit(self, address: str, reference: str, card: Card) -> None:
        await asyncio.sleep(3600)

    async def find(self, address: str, alert: str) -> str | None:
        return None


class Masked:
    def display(self, contact: Contact, book: Rulebook) -> str:
        return "A…"


async def main(url: str) -> None:
    redis, clock = Redis.from_url(url), SystemClock()
    store = await Store.open(redis, secret=SECRET, clock=clock)
    alerts = Alerts(store, clock, Rulebooks(store), Masked())
    deliveries = Deliveries(store, clock, alerts, {"slack": SilentChannel(redis)})
    await Worker(Queue.open(url), deliveries).serve(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
