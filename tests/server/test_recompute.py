"""While a new version reaches the contacts: how far it is, wherever one may look; and why a segment was entered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from bots.commands import run
from bots.terminal.render import render
from server.bootstrap import build_services
from server.engine.engine import Engine
from server.model.actor import SYSTEM
from server.store.figures import Recompute
from server.store.store import Store
from tests.clock import FakeClock
from tests.engines import drain, engine_on, event, publish
from tests.server.conftest import ServerServices

PEOPLE = 3000  # more than a turn brings up to date
U1 = "u00000000000000001"


@pytest.fixture
async def engine(store: Store) -> Engine:
    """An engine, driven by the test, that has many contacts under version 1."""
    await publish(store, 'segment seen: count("Visit") >= 1\n')
    made = engine_on(store, lease=60_000)
    await store.log.append([(f"u{number:017}", event(store, "Visit", f"m{number}")) for number in range(PEOPLE)])
    await drain(store, made)
    return made


@pytest.fixture
async def client(services: ServerServices, api: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A program with the scope `read`."""
    key = await services.sources.add_key("program", ["read"])
    transport, headers = api._transport, {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://relance.test", headers=headers) as program:
        yield program


async def progress(services: ServerServices) -> Recompute:
    found = (await services.status.snapshot()).recompute
    assert found is not None
    return found


async def test_a_recompute_tells_the_contacts_that_it_has_reached(
    store: Store, clock: FakeClock, services: ServerServices, engine: Engine, client: httpx.AsyncClient
) -> None:
    chat = build_services(store, clock, "UTC", {}, {})
    assert (await services.status.snapshot()).recompute is None
    assert "recompute" not in (await client.get("/ready")).json()
    assert "contacts" not in render(await run(chat, SYSTEM, "status"))
    await publish(store, 'segment often: count("Visit") >= 2\n')
    assert await progress(services) == Recompute(version=2, done=0, of=PEOPLE)
    await asyncio.sleep(0.3)  # everybody asks for the version each quarter of a second
    await engine.turn()
    some = await progress(services)
    assert 0 < some.done < PEOPLE
    assert (await client.get("/ready")).json()["recompute"] == {"version": 2, "done": some.done, "of": PEOPLE}
    told = f"version 2: {some.done:,} of 3,000 contacts"
    assert told in render(await run(chat, SYSTEM, "status"))
    assert "version 2 : " in render(await run(chat, SYSTEM, "état")).replace("\u202f", " ")
    await engine.turn()
    more = await progress(services)
    assert some.done < more.done < PEOPLE
    await publish(store, 'segment rarely: count("Visit") < 2\n')  # before the other has come to its end
    assert await progress(services) == Recompute(version=3, done=0, of=PEOPLE)
    await asyncio.sleep(0.3)  # everybody asks for the version each quarter of a second
    await engine.turn()
    assert 0 < (await progress(services)).done <= some.done * 1.5
    await drain(store, engine)
    assert (await services.status.snapshot()).recompute is None


async def test_why_a_segment_was_entered_names_the_entry_and_the_version(
    store: Store, clock: FakeClock, engine: Engine, client: httpx.AsyncClient
) -> None:
    chat = build_services(store, clock, "UTC", {}, {})
    why = (await client.get(f"/v1/contacts/{U1}/why", params={"rule": "seen"})).json()["rule"]
    assert (why["true"], why["since"], why["version"]) == (True, "2026-03-02T09:00:00Z", 1)
    left, _, right = why["entry"].partition("-")
    assert left.isdigit()
    assert right.isdigit()
    assert why["parts"] == [
        {
            "text": 'count("Visit") >= 1',
            "outcome": "true",
            "parts": [{"text": 'count("Visit")', "outcome": "value", "value": "1"}],
        }
    ]
    told = render(await run(chat, SYSTEM, f"why {U1} seen"))
    assert f"by entry {why['entry']} of the log, under version 1" in told
    assert '✓ `count("Visit") >= 1` — `count("Visit")` = 1' in told

    clock.advance(hours=1)
    await publish(store, 'segment once: count("Visit", t"P1D") == 1\nsegment late: last("Visit") < now - t"PT2H"\n')
    await asyncio.sleep(0.3)  # everybody asks for the version each quarter of a second
    await drain(store, engine)
    assert "by the publication of version 2" in render(await run(chat, SYSTEM, f"why {U1} once"))
    assert "par la publication de la version 2" in render(await run(chat, SYSTEM, f"pourquoi {U1} once"))
    told = render(await run(chat, SYSTEM, f"why {U1} late"))
    assert "No: its condition is not true." in told
    assert '✗ `last("Visit") < now - t"PT2H"`' in told
    clock.advance(hours=2)
    await drain(store, engine)
    assert "as time passed, under version 2" in render(await run(chat, SYSTEM, f"why {U1} late"))
