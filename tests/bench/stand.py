"""What the benchmarks stand on: a redis-server of their own, a hundred rules, events of a shop."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis.asyncio import Redis

from rules.contact import Millis
from rules.entry import EventReceived
from server.ports import SystemClock
from server.store.codec import Sealer
from server.store.store import Store
from tests.conftest import SECRET, start_redis

__all__ = ["hundred_rules", "open_store", "redis_server", "shop_events"]

NAMES = ("Page Viewed", "Product Viewed", "Product Added", "Order Completed", "Email Link Clicked")


@contextmanager
def redis_server(fsync: str = "always") -> Iterator[str]:
    """The URL of a redis-server with an append-only file, stopped at the end."""
    directory = Path(tempfile.mkdtemp(prefix="relance-bench-"))
    server = start_redis(directory, fsync=fsync)
    try:
        yield server.url
    finally:
        server.process.terminate()
        server.process.wait(20)
        shutil.rmtree(directory, ignore_errors=True)


async def open_store(url: str, partitions: int = 64, *, sealed: bool = True) -> Store:
    """A store on an emptied Redis. What is not `sealed` is encoded and packed all the same."""
    redis = Redis.from_url(url)
    await redis.flushall()
    store = await Store.open(redis, secret=SECRET, clock=SystemClock(), partitions=partitions)
    if sealed:
        return store
    return Store(redis, seal=Sealer({}, SECRET), clock=store.clock, partitions=partitions, secret=SECRET)


def hundred_rules(number: int = 100) -> str:
    """A rulebook of so many rules as a shop may have: scores, segments over score and windows, two triggers."""
    lines = [
        "attribute country: text",
        'attribute plan: one of "free" | "pro"',
        'team sales: slack "#hot-leads"',
        'list buyers: "Ordered"',
    ]
    for at in range(number * 6 // 10):
        name = NAMES[at % len(NAMES)] if at < 10 else f"Event {at}"
        condition = f' when event.price * {at % 7 + 1} >= 100 and event.category == "c{at % 5}"' if at % 2 else ""
        lines.append(f'score s{at}: +{at % 9 + 1} on "{name}"{condition}')
    for at in range(number * 2 // 10):
        lines.append(f'score w{at}: +{at % 5 + 1} while contact.country == "C{at}" and contact.plan == "pro"')
    for at in range(number // 10):
        lines.append(f"segment level{at}: contact.score >= {100_000 + at * 10}")
    for at in range(number // 10 - 2):
        lines.append(f'segment active{at}: count("Event {at + 10}", t"P{at + 1}D") >= 3')
    lines.append('trigger hot: on enter level9\n  alert sales "hot"')
    lines.append('trigger buyer: on "Order Completed" at most 1 ever\n  add to list buyers')
    return "\n".join(lines) + "\n"


def shop_events(number: int, contacts: int, now: Millis, seed: int = 1) -> list[tuple[str, EventReceived]]:
    """Events of contacts `a0`…, each with three properties, in the order of their times."""
    chance = random.Random(seed)
    return [
        (
            f"a{chance.randrange(contacts)}",
            EventReceived(
                name=chance.choice(NAMES),
                time=now - number + at,
                received=now,
                message_id=f"{seed}-{at}",
                properties={
                    "price": chance.randrange(1, 300),
                    "category": f"c{chance.randrange(8)}",
                    "url": f"https://shop.example/p/{chance.randrange(1000)}",
                },
                source="shop",
            ),
        )
        for at in range(number)
    ]
