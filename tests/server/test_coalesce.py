"""Calls that come together are worked together, and none is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from server.store.coalesce import Coalescer


@pytest.mark.parametrize("parallel", [1, 2, 3])
async def test_whoever_calls_again_at_once_is_served(parallel: int) -> None:
    async def double(items: list[int]) -> Sequence[int]:
        await asyncio.sleep(0)
        return [item * 2 for item in items]

    coalesced = Coalescer(double, parallel=parallel)

    async def caller(number: int) -> None:
        for turn in range(200):
            assert await coalesced([number, turn]) == [number * 2, turn * 2]

    await asyncio.wait_for(asyncio.gather(*(caller(number) for number in range(8))), 20)


async def test_calls_that_come_together_are_one_piece_of_work() -> None:
    pieces: list[int] = []

    async def count(items: list[int]) -> Sequence[int]:
        pieces.append(len(items))
        await asyncio.sleep(0.01)
        return items

    coalesced = Coalescer(count, limit=50)
    await asyncio.gather(*(coalesced([number]) for number in range(101)))
    assert pieces == [50, 50, 1]


async def test_a_failure_reaches_those_whose_work_it_was() -> None:
    async def refuse(items: list[int]) -> Sequence[int]:
        if 1 in items:
            raise ValueError("no")
        return items

    coalesced = Coalescer(refuse, limit=1)
    results = await asyncio.gather(*(coalesced([number]) for number in range(3)), return_exceptions=True)
    assert results[0] == [0]
    assert isinstance(results[1], ValueError)
    assert results[2] == [2]
