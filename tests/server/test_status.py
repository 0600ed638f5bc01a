"""How the service is: what waits, who works, how the bots are."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from redis.asyncio import Redis

from rules.entry import EventReceived
from server.channels.absent import Absent
from server.metrics import Metrics
from server.ports import ChannelRefused
from server.services.status import Status
from server.store import keys
from server.store.codec import Sealer
from server.store.store import Store
from tests.clock import FakeClock


class Bot:
    def __init__(self, state: str) -> None:
        self.state = state


async def hold_all(store: Store) -> None:
    """Leases as engines have them."""
    for partition in range(store.partitions):
        await store.redis.set(keys.lease(partition), "engine:1")


async def test_without_engines_it_is_not_ready(store: Store, clock: FakeClock) -> None:
    status = Status(store, clock)
    assert not (await status.snapshot()).ready
    await hold_all(store)
    assert (await status.snapshot()).ready


async def test_what_was_acknowledged_and_has_no_effect_yet_counts_as_lag(store: Store, clock: FakeClock) -> None:
    status = Status(store, clock)
    now = clock.now()
    event = EventReceived(name="Signed Up", time=now, received=now, message_id="1")
    await store.log.append([("a1", event), ("a2", event)])
    assert (await status.snapshot()).lag == 2
    await store.redis.rpush(keys.transfers(0), b"on its way to another partition")
    assert (await status.snapshot()).lag == 3


async def test_a_redis_that_does_not_answer_is_not_ready_and_raises_nothing(clock: FakeClock) -> None:
    redis = Redis(unix_socket_path="/tmp/nobody-listens-here")
    store = Store(redis, seal=Sealer({1: bytes(32)}, b"k"), clock=clock, partitions=2)
    seen = await Status(store, clock, {"slack": Bot("ok")}).snapshot()
    assert (seen.ready, seen.figures, seen.bots) == (False, None, {"slack": "ok"})
    await redis.aclose()


async def test_a_process_without_bots_knows_how_those_of_the_server_are(store: Store, clock: FakeClock) -> None:
    server = Status(store, clock, {"slack": Bot("invalid_auth"), "telegram": Bot("off")})
    telling = asyncio.create_task(server.keep_telling())
    elsewhere = Status(store, clock)
    for _ in range(100):
        if (await elsewhere.snapshot()).bots:
            break
        await asyncio.sleep(0.01)
    telling.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await telling
    assert (await elsewhere.snapshot()).bots == {"slack": "invalid_auth", "telegram": "off"}


async def test_metrics_show_the_figures_and_a_bot_that_does_not_work(store: Store, clock: FakeClock) -> None:
    await hold_all(store)
    status = Status(store, clock, {"slack": Bot("invalid_auth"), "telegram": Bot("off")})
    metrics = Metrics()
    metrics.events.labels("shop", "taken").inc(3)
    text = metrics.text(await status.snapshot()).decode()
    assert "relance_ready 1.0" in text
    assert f"relance_partitions_held {float(store.partitions)}" in text
    assert 'relance_bot_up{bot="slack"} 0.0' in text
    assert 'bot="telegram"' not in text
    assert 'relance_events_total{outcome="taken",source="shop"} 3.0' in text


async def test_a_chat_that_is_off_refuses_cards_and_requests() -> None:
    absent = Absent("slack")
    assert (await absent.dispatch({}, b""))[0] == 404
    with pytest.raises(ChannelRefused, match="RELANCE_SLACK_BOT_TOKEN is not set"):
        await absent.find("#sales", "2B")
    with pytest.raises(ChannelRefused, match="RELANCE_TELEGRAM_TOKEN is not set"):
        await Absent("telegram").find("1", "2B")
