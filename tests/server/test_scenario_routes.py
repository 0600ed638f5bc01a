"""Broadcasts, scenarios and runs over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from rules.entry import Broadcast
from server.store.store import Store
from tests.clock import FakeClock
from tests.engines import drain, engine_on, event, publish
from tests.server.conftest import ServerServices

RULES = """
attribute wishlist: list of text
scenario price_drop: on broadcast "Price Dropped" to event.product_id in contact.wishlist
  wait 1 hour
  add 5 points
"""


@pytest.fixture
async def client(services: ServerServices, api: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A program with the scopes `read` and `write`."""
    async for each in _program(services, api, ["read", "write"]):
        yield each


@pytest.fixture
async def reader(services: ServerServices, api: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A program with the scope `read`."""
    async for each in _program(services, api, ["read"]):
        yield each


async def _program(
    services: ServerServices, api: httpx.AsyncClient, scopes: list[str]
) -> AsyncIterator[httpx.AsyncClient]:
    key = await services.sources.add_key("-".join(scopes), scopes)
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=api._transport, base_url="http://relance.test", headers=headers) as program:
        yield program


def price_drop(**more: Any) -> dict[str, Any]:
    return {"event": "Price Dropped", "properties": {"product_id": "p7"}, **more}


async def test_a_broadcast_lies_in_every_log_under_one_id(
    services: ServerServices, client: httpx.AsyncClient, clock: FakeClock
) -> None:
    answer = await client.post("/v1/broadcast", json=price_drop(messageId="b-1", timestamp="2026-03-02T08:00:00Z"))
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "id": "b-1"}
    logged = await services.logged()
    assert len(logged) == services.store.partitions
    assert {contact for contact, _ in logged} == {""}
    entries = [entry for _, entry in logged if isinstance(entry, Broadcast)]
    assert {(entry.id, entry.event.name, entry.time) for entry in entries} == {
        ("b-1", "Price Dropped", clock.now() - 3_600_000)
    }
    made = [(await client.post("/v1/broadcast", json=price_drop())).json()["id"] for _ in range(2)]
    assert made[0] != made[1]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"properties": {}}, "event"),
        ({"event": " "}, "event"),
        (price_drop(userId="42"), "userId"),
        (price_drop(anonymousId="v1"), "anonymousId"),
        (price_drop(messageId=7), "messageId"),
        (price_drop(timestamp="soon"), "timestamp"),
        ({"event": "x", "properties": []}, "properties"),
    ],
)
async def test_a_broadcast_that_is_wrong_is_refused_by_its_field(
    services: ServerServices, client: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    answer = await client.post("/v1/broadcast", json=body)
    assert answer.status_code == 422
    assert [error["path"] for error in answer.json()["errors"]] == [field]
    assert await services.logged() == []


async def test_a_broadcast_needs_the_scope_write(
    services: ServerServices, reader: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    assert (await reader.post("/v1/broadcast", json=price_drop())).status_code == 403
    assert (await api.post("/v1/broadcast", json=price_drop())).status_code == 401
    assert await services.logged() == []


async def test_a_program_sees_scenarios_their_steps_and_where_a_contact_is(
    store: Store, reader: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    await publish(store, RULES)
    engine = engine_on(store)
    contact = "u00000000000000001"
    await store.log.append([(contact, event(store, "Visit", traits={"wishlist": ["p7"]}))])
    await drain(store, engine)
    await client.post("/v1/broadcast", json=price_drop())
    assert (await reader.get("/ready")).json()["lag"] > 0
    while (await reader.get("/ready")).json()["lag"]:
        await engine.turn()
    [scenario] = (await reader.get("/v1/scenarios")).json()["scenarios"]
    assert {name: scenario[name] for name in ("name", "waiting", "started", "finished", "stopped", "paused")} == {
        "name": "price_drop", "waiting": 1, "started": 1, "finished": 0, "stopped": 0, "paused": False,
    }  # fmt: skip
    found = (await reader.get("/v1/scenarios/price_drop")).json()
    assert [(step["place"], step["text"], step["waiting"]) for step in found["steps"]] == [
        ("0", "wait 1 hour", 1),
        ("1", "add 5 points", 0),
    ]
    assert (await reader.get("/v1/scenarios/nothing")).status_code == 404
    [run] = (await reader.get("/v1/runs", params={"contact": contact})).json()["runs"]
    assert (run["scenario"], run["text"], run["due"]) == ("price_drop", "wait 1 hour", "2026-03-02T10:00:00Z")
    assert (await reader.get("/v1/runs", params={"contact": "user:nobody"})).status_code == 404
