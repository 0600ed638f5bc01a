"""Row 4: a new segment over all contacts, against reading and decoding the same contacts and doing nothing.

Measured in processor time of the one process, which is what a core gives; the contacts a second are by the clock, with
Redis working beside it. A segment over events, or over a score that ages, changes the state of most contacts: they get
an index, or a moment at which they are looked at again. Those lines are for orientation.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from server.collector import collect_rarely
from server.engine.engine import Engine
from server.store.codec import SealError
from server.store.store import Store
from tests.bench.crowd import RULES, contacts_wanted, fill
from tests.bench.stand import open_store, redis_server
from tests.bench.table import Measured, Row
from tests.engines import publish

__all__ = ["run", "settled", "timed"]

REPEATS = 5
_SLICE = 1000  # contacts that the reference reads at once
_TENTH = 'contact.country == "BE" and contact.plan'
KINDS = {
    "attributes": _TENTH + ' in ["pro", "{0}"]',
    "an ageing score": _TENTH + ' == "pro" and contact.score > {0}',
    "a window of events": _TENTH + ' == "pro" and count("Product Added", t"P{0}D") >= 1',
}


def run() -> list[Row]:
    """A tenth of the contacts enters; each repeat publishes one more segment."""
    with redis_server() as url:
        return asyncio.run(_run(url))


async def _run(url: str) -> list[Row]:
    number = contacts_wanted()
    store = await open_store(url)
    engine = await fill(store, number)
    collect_rarely()  # as `run_engine` has it; the reference gains as much
    rules, rows = RULES, []
    await settled(store, engine)
    for kind, condition in KINDS.items():
        ours, reference = _Both(), _Both()
        for repeat in range((REPEATS if kind == "attributes" else 2) + 1):
            value = ("none", "gone", "basic", "free", "lite", "old")[repeat] if kind == "attributes" else repeat + 5
            rules += f"segment s{len(rows)}_{repeat}: {condition.format(value)}\n"
            await publish(store, rules)
            await asyncio.sleep(0.3)
            await engine.turn()  # it parses the new version; and does a slice, which is not counted
            ours.add(repeat, number, await timed(lambda: settled(store, engine)))
            reference.add(repeat, number, await timed(lambda: _read_all(store)))
        ratio = ours.processor.median / reference.processor.median
        rows.append(
            Row(
                4,
                f"recompute of {number:,} contacts, a new segment over {kind}",
                f"{ours.processor.text('µs each', 1)}; {number / ours.wall.median * 1e6 / number:,.0f} contacts/s",
                f"read and decode {reference.processor.text('µs each', 1)}",
                f"{ratio:.2f} ×",
                "≤ 1.5 ×" if kind == "attributes" else "— (most are written)",
                ratio <= 1.5 if kind == "attributes" else None,
            )
        )
    await store.redis.aclose()
    return rows


@dataclass
class _Both:
    """Microseconds a contact, by the processor and by the clock."""

    def __post_init__(self) -> None:
        self.processor, self.wall = Measured(), Measured()

    def add(self, repeat: int, number: int, seconds: tuple[float, float]) -> None:
        """Take a repeat in; the first one warms up."""
        if repeat:
            self.processor.values.append(seconds[0] / number * 1e6)
            self.wall.values.append(seconds[1] / number * 1e6)


async def timed(work: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Seconds of the processor and of the clock."""
    begun, at = time.process_time(), time.perf_counter()
    await work()
    return time.process_time() - begun, time.perf_counter() - at


async def settled(store: Store, engine: Engine) -> None:
    """Let the engine work until all contacts are under the published version."""
    version = await store.rulebooks.current_version()
    while not all(own.recomputed == version and not own.recomputing for own in engine.owned):
        await engine.turn()


async def _read_all(store: Store) -> None:
    for partition in range(store.partitions):
        bucket: int | None = 0
        while bucket is not None:
            some = await store.contacts.slice(partition, bucket, _SLICE)
            for _, sealed in some.sealed:
                assert not isinstance(store.contacts.open(sealed), SealError)
            bucket = some.next
