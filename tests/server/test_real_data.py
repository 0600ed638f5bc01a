"""Real histories, sent as a site sends them, against a calculation that knows nothing of the engine."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from rules.contact import Contact
from server.app import create_app
from server.bootstrap import open_relance
from server.engine.engine import Engine
from server.settings import Settings
from server.store.store import Store
from tests.clock import FakeClock
from tests.engines import drain, engine_on, publish
from tests.real_data import rows

NOW = datetime(1998, 7, 1, tzinfo=UTC)

PURCHASES = """
team sales: slack "#hot-leads"
score buyer: +2 on "Order Completed" at most 1 per day
score big: +5 on "Order Completed" when event.amount >= 50
segment loyal: count("Order Completed", t"P180D") >= 3
trigger loyal_customer: on enter loyal
  alert sales "loyal"
"""

LEADS = """
attribute total_visits: number
attribute minutes: number, from "total_time_spent_on_website"
attribute last_activity: text
attribute lead_source: text
attribute occupation: text, from "what_is_your_current_occupation"
team sales: slack "#hot-leads"
score visits: +10 while contact.total_visits >= 5
score time: +20 while contact.minutes > 600
score mail: +15 while contact.last_activity in ["Email Opened", "Email Link Clicked"]
score source: +7.5 while contact.lead_source == "Reference"
score unemployed: -5 while contact.occupation == "Unemployed"
segment promising: contact.score >= 30
trigger lead: on enter promising
  alert sales "promising"
"""


@asynccontextmanager
async def importing(redis: Redis, redis_url: str, directory: Path, clock: FakeClock) -> AsyncIterator[Any]:
    """A site's import call on an installation whose clock stands still."""
    await redis.flushall()
    settings = Settings(redis_url=redis_url, data_dir=directory)
    async with open_relance(settings, clock=clock) as relance:
        key = await relance.services.sources.add("import")
        transport = httpx.ASGITransport(create_app(relance.services))
        async with httpx.AsyncClient(transport=transport, base_url="http://relance.test", auth=(key, "")) as client:

            async def send(events: list[dict[str, Any]]) -> None:
                for start in range(0, len(events), 1000):
                    answer = await client.post("/v1/import", json={"batch": events[start : start + 1000]})
                    assert answer.status_code == 200, answer.text
                    assert answer.json() == {"success": True}

            yield relance.store, send


async def all_contacts(store: Store) -> dict[str, Contact]:
    """Every contact by its user id."""
    found: dict[str, Contact] = {}
    cursor = None
    while True:
        page = await store.contacts.page(cursor, 2000)
        for contact in await store.contacts.load_many(page.ids):
            assert contact is not None
            found[dict(contact.identities)["user"]] = contact
        cursor = page.next
        if cursor is None:
            return found


async def members(store: Store, segment: str) -> set[str]:
    found: set[str] = set()
    page, cursor = await store.segments.members(segment, 5000)
    found |= {contact for contact, _ in page}
    while cursor:
        page, cursor = await store.segments.members(segment, 5000, cursor)
        found |= {contact for contact, _ in page}
    return found


@pytest.mark.slow
async def test_the_purchases_of_a_music_shop_give_the_scores_and_the_segment_of_a_plain_calculation(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    purchases = rows("cdnow.csv")
    clock = FakeClock(NOW)
    async with importing(redis, redis_url, tmp_path, clock) as (store, send):
        await publish(store, PURCHASES)
        await send([order(number, row) for number, row in enumerate(purchases)])
        await drain(store, engine_on(store), turns=5000)

        days: dict[str, set[str]] = defaultdict(set)
        big: dict[str, int] = defaultdict(int)
        recent: dict[str, int] = defaultdict(int)
        for row in purchases:
            customer = row["customer_id"]
            days[customer].add(row["date"])
            big[customer] += Decimal(row["amount"]) >= 50
            recent[customer] += NOW - timedelta(days=180) < noon(row["date"]) <= NOW
        contacts = await all_contacts(store)
        assert len(contacts) == len(days) == 23_570
        assert {user: contact.score for user, contact in contacts.items()} == {
            user: 2 * len(days[user]) + 5 * big[user] for user in days
        }
        loyal = {user for user, number in recent.items() if number >= 3}
        assert {user for user, contact in contacts.items() if "loyal" in contact.segments} == loyal
        assert await members(store, "loyal") == {contacts[user].id for user in loyal}
        assert sum(len(contact.tail) + sum(contact.chunks) for contact in contacts.values()) == len(purchases)
        assert await store.alerts.listing(["open", "claimed", "done", "dismissed", "snoozed"]) == ([], None)


def order(number: int, row: dict[str, str]) -> dict[str, Any]:
    """A purchase as the shop would have told of it."""
    return {
        "type": "track",
        "userId": row["customer_id"],
        "event": "Order Completed",
        "messageId": f"order-{number}",
        "timestamp": noon(row["date"]).isoformat(),
        "properties": {"amount": float(row["amount"]), "quantity": int(row["quantity"])},
    }


def noon(date: str) -> datetime:
    """Noon, UTC, of a day written as in the file."""
    return datetime.strptime(date + "12+0000", "%Y%m%d%H%z")


@pytest.mark.slow
async def test_the_leads_of_a_school_score_by_what_is_true_of_them(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    leads = rows("leads_sample.csv")
    async with importing(redis, redis_url, tmp_path, FakeClock(NOW)) as (store, send):
        await publish(store, LEADS)
        await send([identify(row) for row in leads])
        await drain(store, engine_on(store), turns=5000)
        contacts = await all_contacts(store)
        expected = {row["Prospect ID"]: expected_score(row) for row in leads}
        assert {user: contact.score for user, contact in contacts.items()} == expected
        promising = {user for user, score in expected.items() if score >= 30}
        assert 0 < len(promising) < len(expected)
        assert {user for user, contact in contacts.items() if "promising" in contact.segments} == promising
        assert await store.alerts.listing(["open"]) == ([], None)


def identify(row: dict[str, str]) -> dict[str, Any]:
    """A lead as its CRM would tell of it; what is empty is not told."""
    traits: dict[str, Any] = {
        "totalVisits": float(row["TotalVisits"]) if row["TotalVisits"] else None,
        "totalTimeSpentOnWebsite": float(row["Total Time Spent on Website"]),
        "lastActivity": row["Last Activity"],
        "leadSource": row["Lead Source"],
        "whatIsYourCurrentOccupation": row["What is your current occupation"],
    }
    told = {name: value for name, value in traits.items() if value not in (None, "")}
    return {"type": "identify", "userId": row["Prospect ID"], "traits": told, "timestamp": "1998-06-01T00:00:00Z"}


def expected_score(row: dict[str, str]) -> float:
    score = 10.0 if row["TotalVisits"] and float(row["TotalVisits"]) >= 5 else 0.0
    score += 20 if float(row["Total Time Spent on Website"]) > 600 else 0
    score += 15 if row["Last Activity"] in ("Email Opened", "Email Link Clicked") else 0
    score += 7.5 if row["Lead Source"] == "Reference" else 0
    return score - (5 if row["What is your current occupation"] == "Unemployed" else 0)


CHANGED = """
team sales: slack "#hot-leads"
score buyer: +3 on "Order Completed" at most 2 per week
score big: +5 on "Order Completed" when event.amount >= 30 and event.quantity > 1
score recent: +10 on "Order Completed" halves every 60 days
segment loyal: count("Order Completed", t"P180D") >= 2
segment dear: contact.score >= 25
"""


@pytest.mark.slow
async def test_a_published_change_gives_what_a_fresh_import_would_and_a_rollback_the_old_scores_exactly(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    purchases = rows("cdnow.csv")[:9_000]
    orders = [order(number, row) for number, row in enumerate(purchases)]
    clock = FakeClock(NOW)

    async def standing(store: Store, engine: Engine) -> dict[str, tuple[float, list[str]]]:
        await asyncio.sleep(0.3)  # the engine looks for a new version four times a second
        await drain(store, engine, turns=5000)
        contacts = await all_contacts(store)
        return {user: (contact.score, sorted(contact.segments)) for user, contact in contacts.items()}

    async with importing(redis, redis_url, tmp_path, clock) as (store, send):
        await publish(store, CHANGED)
        await send(orders)
        fresh = await standing(store, engine_on(store))
    async with importing(redis, redis_url, tmp_path, clock) as (store, send):
        await publish(store, PURCHASES)
        await send(orders)
        engine = engine_on(store)
        before = await standing(store, engine)
        await publish(store, CHANGED)
        changed = await standing(store, engine)
        assert changed == fresh
        assert changed != before
        await publish(store, PURCHASES)
        assert await standing(store, engine) == before
        assert await store.alerts.listing(["open"]) == ([], None)
