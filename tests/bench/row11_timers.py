"""Row 11, timers: a hundred thousand runs whose waits end within the same minute, an engine having nothing else to do.

Each run is a contact's of its own, who waits until a moment of that minute and is then sent a message. The lateness of
a run is from its moment to the end of the commit that makes its message due. RELANCE_BENCH_TIMERS says how many.
"""

from __future__ import annotations

import bisect
import gc
import os
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import uvloop

from rules.contact import Millis
from rules.entry import EventReceived
from server.engine.engine import Engine
from server.model.outgoing import MessageDelivery
from server.store import keys
from server.store.store import Store
from tests.bench.stand import open_store, redis_server
from tests.bench.table import Row
from tests.engines import engine_on, publish

TIMERS = 100_000
_MINUTE: Millis = 60_000
_STEP = 5000

RULES = """
attribute trial_ends: datetime
attribute first_name: text, personal
scenario trial: on "Trial Started"
  wait until contact.trial_ends
  send email trial_over
"""


def run() -> Row:
    """One minute."""
    number = int(os.environ.get("RELANCE_BENCH_TIMERS", TIMERS))
    with redis_server() as url:
        late = uvloop.run(_run(url, number))
    late.sort()
    p99 = late[len(late) * 99 // 100] / 1000
    return Row(
        11,
        f"{number:,} timers due within a minute: from the moment to the commit, p99",
        f"{p99:.2f} s (p50 {late[len(late) // 2] / 1000:.2f} s, most {late[-1] / 1000:.2f} s)",
        target="< 1 s",
        met=p99 < 1,
    )


async def _run(url: str, number: int) -> list[Millis]:
    store = await open_store(url)
    await publish(store, RULES)
    engine = engine_on(store, lease=600_000)
    while len(engine.owned) < store.partitions:
        await engine.rebalance()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)  # as `run_engine` has it
    begun = time.monotonic()
    await _begin(store, engine, "w", [0] * _STEP)
    lead = (time.monotonic() - begun) * number / _STEP * 1.5 + 5
    begin, chance = store.clock.now() + round(lead * 1000), random.Random(1)
    for start in range(0, number, _STEP):
        moments = [begin + chance.randrange(_MINUTE) for _ in range(min(_STEP, number - start))]
        await _begin(store, engine, f"t{start:08}", moments)
    if store.clock.now() > begin:
        raise TimeoutError("the runs began too slowly to wait for the same minute")
    ends: list[Millis] = []
    while store.clock.now() < begin + _MINUTE or _due(engine, store.clock.now()):
        await engine.turn()
        ends.append(store.clock.now())
    found = [ends[bisect.bisect_left(ends, made)] - due for made, due in await _made(store)]
    await store.redis.aclose()
    if len(found) != number:
        raise AssertionError(f"{len(found)} messages of {number}")
    return found


async def _begin(store: Store, engine: Engine, prefix: str, moments: Sequence[Millis]) -> None:
    """Begin the run of a contact for each moment; 0 is one that does not wait."""
    now = store.clock.now()
    entries = [
        (
            f"{prefix}{at:08}",
            EventReceived(
                name="Trial Started",
                time=now,
                received=now,
                message_id=f"{prefix}{at}",
                traits={"trial_ends": datetime.fromtimestamp(moment / 1000, UTC).isoformat(), "first_name": f"A{at}"},
                properties={"plan": "pro", "seats": at % 10, "url": "https://shop.example/trial"},
                source="shop",
            ),
        )
        for at, moment in enumerate(moments)
    ]
    await store.log.append(entries)
    while await store.log.lag():
        await engine.turn()


def _due(engine: Engine, now: Millis) -> bool:
    return any(own.next_timer is not None and own.next_timer <= now for own in engine.owned)


async def _made(store: Store) -> list[tuple[Millis, Millis]]:
    """Of each message: when it was decided, and when it was due."""
    found: list[tuple[Millis, Millis]] = []
    for partition in range(store.partitions):
        names = [name.decode() for name in await store.redis.zrange(keys.messages_due(partition), 0, -1)]
        for start in range(0, len(names), 1000):
            some = [keys.delivery(partition, name) for name in names[start : start + 1000]]
            for blob in await store.redis.mget(some):
                one = store.seal.decode("delivery", blob, MessageDelivery)
                if one.contact.startswith("t"):
                    found.append((one.created, one.due))
    return found
