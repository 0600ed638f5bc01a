"""Calls of the Segment API become entries of the log."""

from __future__ import annotations

from rules.entry import EventReceived

T0 = "2026-01-31T09:30:00Z"


async def entries(services):
    return [entry for _, entry in await services.logged()]


async def test_a_track_call_is_in_the_log_before_it_is_answered(api, services, clock):
    answer = await api.post(
        "/v1/track", json={"userId": "u1", "event": "Order Completed", "properties": {"total": 9.5}}
    )
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    [(contact, entry)] = await services.logged()
    assert contact == await services.store.identities.find("user", "u1")
    assert isinstance(entry, EventReceived)
    assert (entry.name, entry.properties, entry.time) == ("Order Completed", {"total": 9.5}, clock.now())
    assert entry.identities == (("user", "u1"),)
    assert entry.message_id
    assert not entry.silent
