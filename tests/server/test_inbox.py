"""Requests of chat platforms are taken once, and found again when their process died."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from server.errors import Unavailable
from server.store.inbox import Inbox
from server.store.store import Store
from tests.clock import FakeClock


@pytest.fixture
def inbox(store: Store, clock: FakeClock) -> Inbox:
    return Inbox(store.redis, store.seal, clock, "slack")


async def test_a_request_is_taken_once_however_often_it_comes(inbox: Inbox) -> None:
    taken = await asyncio.gather(*(inbox.take("Ev1", b"x") for _ in range(20)))
    assert sorted(taken) == [False] * 19 + [True]
    await inbox.done("Ev1")
    assert await inbox.take("Ev1", b"x") is False


async def test_platforms_do_not_share_their_numbers(store: Store, clock: FakeClock, inbox: Inbox) -> None:
    assert await inbox.take("1", b"x")
    assert await Inbox(store.redis, store.seal, clock, "telegram").take("1", b"y")


async def test_what_was_not_worked_is_handed_out_once_and_only_when_it_is_old(inbox: Inbox, clock: FakeClock) -> None:
    await inbox.take("1", b"one")
    await inbox.take("2", b"two")
    await inbox.done("2")
    assert await inbox.left(older_than=60_000) == []
    clock.advance(seconds=60)
    assert await inbox.left(older_than=60_000) == [b"one"]
    assert await inbox.left(older_than=60_000) == []
    assert await inbox.take("1", b"one") is False


async def test_a_request_that_nobody_waits_for_is_dropped(inbox: Inbox, clock: FakeClock, redis: Redis) -> None:
    await inbox.take("1", b"one")
    clock.advance(minutes=10)
    assert await inbox.left(older_than=60_000) == []
    assert await redis.keys("*waiting*") == []


async def test_a_request_is_sealed_and_its_number_hashed(inbox: Inbox, redis: Redis) -> None:
    await inbox.take("Ev0SECRET", b"why a@b.fr")
    for key in await redis.keys("*inbox*"):
        assert b"SECRET" not in key
        if await redis.type(key) == b"hash":
            assert b"a@b.fr" not in b"".join((await redis.hgetall(key)).values())


async def test_without_redis_a_request_is_not_taken(store: Store, clock: FakeClock) -> None:
    nowhere = Redis.from_url("redis://127.0.0.1:1")
    with pytest.raises(Unavailable):
        await Inbox(nowhere, store.seal, clock, "slack").take("1", b"x")
    await nowhere.aclose()
