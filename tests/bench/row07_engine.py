"""Row 7: an engine, from the log to the commit, against the pure `decide` loop over the same events."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence

import uvloop

from rules.contact import Contact
from rules.decide import decide
from rules.entry import EventReceived
from server.engine.engine import Engine
from server.ports import SystemClock
from server.services.rulebooks import Rulebooks
from server.store.store import Store
from tests.bench.stand import hundred_rules, open_store, redis_server, shop_events
from tests.bench.table import Measured, Row
from tests.engines import engine_on, publish

EVENTS, CONTACTS, REPEATS = 20_000, 20_000, 5


def run() -> list[Row]:
    """Events a second of one process, contacts in Redis, the log full from the start."""
    with redis_server() as url:
        return uvloop.run(_run(url))


async def ready_engine(url: str, *, sealed: bool = True) -> tuple[Store, Engine]:
    """An engine that holds every partition of an emptied Redis, under a hundred rules."""
    store = await open_store(url, sealed=sealed)
    await publish(store, hundred_rules())
    engine = engine_on(store, lease=60_000)
    while len(engine.owned) < store.partitions:
        await engine.turn()
    return store, engine


async def engine_rate(store: Store, engine: Engine, events: Sequence[tuple[str, EventReceived]]) -> float:
    """Events a second, from a full log to the last commit."""
    await store.log.append(events)
    last = engine.applied + len(events)
    begun = time.perf_counter()
    while engine.applied < last or await store.log.lag():
        await engine.turn()
    return len(events) / (time.perf_counter() - begun)


async def _run(url: str) -> list[Row]:
    store, engine = await ready_engine(url)
    book = await Rulebooks(store).live()
    ours, pure = Measured(), Measured()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)  # as `run_engine` has it; the reference gains as much
    states: dict[str, Contact] = {}
    start = SystemClock().now() - (REPEATS + 1) * EVENTS
    for repeat in range(REPEATS + 1):
        now = start + repeat * EVENTS  # the events of a repeat come after those of the one before
        events = shop_events(EVENTS, CONTACTS, now, seed=repeat)
        engine_figure = await engine_rate(store, engine, events)
        await engine.packing.end()  # it would take time of the reference
        begun = time.perf_counter()
        for contact_id, entry in events:
            contact = states.get(contact_id)
            if contact is None:
                contact = states[contact_id] = Contact(id=contact_id, created=now, version=book.version)
            decide(contact, entry, book, now, entry_id="1-1")
        pure_seconds = time.perf_counter() - begun
        if repeat:
            ours.values.append(engine_figure)
            pure.values.append(EVENTS / pure_seconds)
    ratio = ours.median / pure.median
    return [
        Row(
            7,
            "engine: log → committed, 100 rules, 20,000 contacts, fsync always",
            ours.text("events/s"),
            pure.text("events/s, decide alone"),
            f"{ratio:.2f} ×",
            "≥ 0.5 ×",
            ratio >= 0.5,
        )
    ]
