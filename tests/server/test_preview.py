"""Before publishing: who would enter and leave, how often what would have fired; compared with what then happens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from bots.commands.preview import preview_reply
from bots.terminal.render import render
from rules.backtest import FIRST, sample_hash
from rules.contact import Contact
from rules.entry import ConsentRecorded, Entry, Joined, ListChanged
from server.errors import Forbidden
from server.i18n import translator
from server.model.actor import SYSTEM, Actor
from server.model.preview import Preview, Progress
from server.services.previews import Previews
from server.services.rulebooks import Rulebooks, WrongRulebook
from server.store.store import Store
from tests.clock import FakeClock
from tests.engines import drain, engine_on, event, publish
from tests.real_data import rows
from tests.server.conftest import ServerServices

RULES = """
attribute first_name: text, personal, shown in alerts
attribute country: text
attribute phone: text, personal
purpose ads: "Ads?", profiling
team sales: slack "#sales"
team bosses: slack "#bosses"
list vip: "VIP"
score cart: +10 on "Cart" at most 2 per day
score visit: +1 on "Visit" halves every 3 days
score big for ads: +25 on "Order" when event.amount >= 50
score home: +5 while contact.country == "FR"
segment hot: contact.score >= 40
segment loyal for ads: count("Order", t"P20D") >= 3
segment busy: count("Visit", t"P2D") >= 4
segment french: contact.country == "FR"
segment star: in_segment("hot") and in_segment("loyal")
trigger lead: on enter hot
  alert sales "{{ contact.first_name }} is hot"
trigger calm: on leave busy
  alert bosses "calm"
trigger order for ads: on "Order" when event.amount > 80
  alert sales "order"
"""
DRAFT = (
    RULES.replace("+10 on", "+12 on")
    .replace(">= 40", ">= 55")
    .replace('t"P20D") >= 3', 't"P30D") >= 2')
    .replace("at most 2 per day", "at most 3 per day")
    .replace('segment french: contact.country == "FR"\n', "")
    .replace("> 80", "> 60")
    + """
segment abroad: contact.country != "FR"
segment nobody: contact.country == "XX"
segment everybody: contact.score >= -1000
segment known: contact.first_name.length > 0
trigger cart: on "Cart" when event.price > 10
  alert sales "cart"
"""
)


async def settle(store: Store) -> None:
    """Let an engine work until nothing waits, and end."""
    engine = engine_on(store)
    await drain(store, engine, turns=5000)
    await engine.leases.end()


async def crowd(store: Store, clock: FakeClock, people: int, days: int = 25, seed: int = 7) -> None:
    """Contacts with histories of some weeks under the present rulebook; a few with more than a state holds."""
    random, engine = Random(seed), engine_on(store)
    await drain(store, engine)
    for day in range(days):
        entries: list[tuple[str, Entry]] = []
        for number in range(people):
            contact = f"u{number:04}"
            if day == number % 5:
                traits = {"country": random.choice(["FR", "DE"]), "first_name": f"P{number}"}
                entries.append(
                    (contact, event(store, "Visit", f"v{day}-{number}", traits=traits if number % 9 else {}))
                )
                if number % 3:
                    entries.append((contact, ConsentRecorded(time=clock.now(), purpose="ads", status="granted")))
            often = 6 if number % 50 == 0 else 1
            for time_ in range(random.choice([0, 0, 0, 1, 2]) * often):
                name = random.choice(["Visit", "Visit", "Cart", "Order"])
                properties: dict[str, Any] = {"amount": random.randint(1, 120)} if name == "Order" else {}
                if name == "Cart" and number % 4:
                    properties["price"] = random.randint(1, 30)
                entries.append((contact, event(store, name, f"{day}-{number}-{time_}", properties=properties)))
        if entries:
            await store.log.append(entries)
        clock.advance(hours=23)
        await drain(store, engine)
        clock.advance(hours=1)
        await drain(store, engine)
    await engine.leases.end()


async def everybody(store: Store) -> dict[str, Contact]:
    """All contacts by id, those that were joined into another left out."""
    found: dict[str, Contact] = {}
    cursor: str | None = None
    while True:
        page = await store.contacts.page(cursor, 500)
        for contact in await store.contacts.load_many(page.ids):
            assert contact is not None
            found[contact.id] = contact
        if page.next is None:
            return found
        cursor = page.next


async def segments(store: Store) -> dict[str, set[str]]:
    """Members by segment."""
    found: dict[str, set[str]] = {}
    for contact in (await everybody(store)).values():
        for name in contact.segments:
            found.setdefault(name, set()).add(contact.id)
    return found


def previews(store: Store, clock: FakeClock, **options: Any) -> Previews:
    return Previews(store, clock, Rulebooks(store), **options)


async def compare_with_publishing(store: Store, preview: Preview, text: str) -> None:
    """Publish, and hold the preview against what happens."""
    before = await segments(store)
    await publish(store, text)
    await settle(store)
    after = await segments(store)
    assert {one.name for one in preview.segments} >= before.keys() | after.keys()
    for one in preview.segments:
        was, now = before.get(one.name, set()), after.get(one.name, set())
        assert (one.before, one.after) == (len(was), len(now)), one.name
        assert (one.enter.count, one.leave.count) == (len(now - was), len(was - now)), one.name
        assert [mover.id for mover in one.enter.first] == sorted(now - was)[:FIRST], one.name
        assert [mover.id for mover in one.leave.first] == sorted(was - now)[:FIRST], one.name


async def test_a_preview_says_exactly_who_publishing_lets_enter_and_leave(store: Store, clock: FakeClock) -> None:
    await publish(store, RULES)
    await crowd(store, clock, 150)
    await store.log.append([("u0007", Joined(time=clock.now(), merge="m1", into="u0008"))])
    await settle(store)
    preview = await previews(store, clock).run(SYSTEM, DRAFT)
    assert preview.contacts == 149
    assert any(contact.chunks for contact in (await everybody(store)).values())
    assert sum(one.enter.count + one.leave.count for one in preview.segments) > 100
    assert {one.name: one.change for one in preview.segments} == {
        "hot": "changed", "loyal": "changed", "busy": "same", "star": "same", "abroad": "new", "nobody": "new",
        "everybody": "new", "known": "new", "french": "removed",
    }  # fmt: skip
    await compare_with_publishing(store, preview, DRAFT)


async def test_a_preview_of_what_is_published_changes_nothing(store: Store, clock: FakeClock) -> None:
    await publish(store, RULES)
    await crowd(store, clock, 40, days=8)
    preview = await previews(store, clock).run(SYSTEM, RULES)
    assert {one.change for one in (*preview.segments, *preview.triggers, *preview.scores)} == {"same"}
    assert [one.enter.count + one.leave.count for one in preview.segments] == [0] * 5
    assert preview.rescored == 0
    assert all(one.before == one.fired for one in preview.triggers)


async def test_the_first_rulebook_is_previewed_on_what_was_sent_before_it(store: Store, clock: FakeClock) -> None:
    await store.log.append([(f"u{number}", event(store, "Visit", f"m{number}")) for number in range(30)])
    await settle(store)
    text = 'segment seen: count("Visit") >= 1\n'
    preview = await previews(store, clock).run(SYSTEM, text)
    assert (preview.base, preview.contacts, preview.segments[0].enter.count) == (0, 30, 30)
    await compare_with_publishing(store, preview, text)


async def test_contacts_that_a_recompute_has_not_reached_are_previewed_from_where_they_would_be(
    store: Store, clock: FakeClock
) -> None:
    await publish(store, RULES)
    await crowd(store, clock, 60, days=10)
    await publish(store, RULES.replace(">= 40", ">= 20"))  # and no engine runs
    behind = await previews(store, clock).run(SYSTEM, DRAFT)
    await settle(store)
    assert await previews(store, clock).run(SYSTEM, DRAFT) == behind


# --- what would have fired --------------------------------------------------------------------------------------


async def test_triggers_would_have_fired_as_often_as_they_did(store: Store, clock: FakeClock) -> None:
    await publish(store, RULES)
    fired: Counter[str] = Counter()
    await crowd(store, clock, 80)
    for trigger in ("lead", "calm", "order"):
        await store.stats.flush()
        fired[trigger] = (await store.stats.rule(trigger)).matched
    preview = await previews(store, clock).run(SYSTEM, RULES)
    assert preview.exact
    assert min(fired.values()) > 20
    assert {one.name: one.fired.value for one in preview.triggers} == fired


async def test_alerts_a_day_are_those_of_a_history_counted_by_hand(store: Store, clock: FakeClock) -> None:
    text = """
team sales: slack "#sales"
team bosses: slack "#bosses"
trigger cart: on "Cart" when event.price > 10
  alert sales "cart"
trigger order: on "Order" at most 1 per day
  alert sales "order"
  alert bosses "order"
"""
    await publish(store, 'segment x: count("Cart") > 99')
    start = clock.now()

    async def happens(contact: str, name: str, hours: float, **properties: Any) -> None:
        clock.set(start + round(hours * 3_600_000))
        await store.log.append([(contact, event(store, name, f"{contact}{hours}", properties=properties))])

    # cards of `cart` for sales: a at 0 and 30, b at 50 (the repeat within a day is on the same card): 3; fired 4
    # cards of `order`: a at 1 (once a day, the second is over the cap), b at 52: 2 for each team; fired 2
    await happens("ua", "Cart", 0, price=20)
    await happens("ua", "Order", 1)
    await happens("ua", "Order", 2)
    await happens("ua", "Cart", 5, price=5)
    await happens("ub", "Cart", 8)
    await happens("ua", "Cart", 30, price=11)
    await happens("ub", "Cart", 50, price=12)
    await happens("ub", "Cart", 51, price=13)
    await happens("ub", "Order", 52)
    await settle(store)
    clock.set(start + 4 * 86_400_000)
    preview = await previews(store, clock).run(SYSTEM, text)
    assert (preview.days, preview.contacts, preview.sampled) == (4, 2, 2)
    cart, order = preview.triggers
    assert (cart.fired.value, cart.contacts.value, cart.per_day.value) == (4, 2, 1)
    assert [(flow.to, flow.total.value, flow.per_day.value) for flow in cart.alerts] == [("sales", 3, 0.75)]
    assert (order.fired.value, order.before) == (2, None)
    assert [(flow.to, flow.total.value) for flow in order.alerts] == [("bosses", 2), ("sales", 2)]
    assert [(flow.to, flow.total.value, flow.per_day.value) for flow in preview.alerts] == [
        ("bosses", 2, 0.5),
        ("sales", 5, 1.25),
    ]
    [mishap] = preview.mishaps
    assert (mishap.kind, mishap.name, mishap.missing.value, mishap.errors.value) == ("trigger", "cart", 1, 0)


async def test_a_sample_tells_the_whole_within_its_interval(store: Store, clock: FakeClock) -> None:
    await publish(store, RULES)
    await crowd(store, clock, 400, days=12)
    full = await previews(store, clock, sample=100).run(SYSTEM, DRAFT, full=True)
    assert (full.sampled, full.exact) == (400, True)
    held = seen = 0
    for size in (60, 100, 200, 300):
        sample = await previews(store, clock, sample=size).run(SYSTEM, DRAFT)
        ids = await everybody(store)
        assert sample.sampled == sum(sample_hash(contact) <= (1 << 63) * size // 400 for contact in ids)
        assert sample.segments == full.segments  # they are counted over all contacts, whatever the sample
        for some, whole in zip(sample.triggers, full.triggers, strict=True):
            for part, truth in (
                (some.fired, whole.fired),
                (some.contacts, whole.contacts),
                (some.per_day, whole.per_day),
            ):
                assert part.low < part.value < part.high
                assert (truth.low, truth.high) == (truth.value, truth.value)
                held += part.low <= truth.value <= part.high
                seen += 1
    assert held >= 0.9 * seen


async def test_rules_that_match_nobody_or_everybody_and_those_left_out_are_named(
    store: Store, clock: FakeClock
) -> None:
    await publish(store, RULES)
    await crowd(store, clock, 60, days=10)
    preview = await previews(store, clock).run(SYSTEM, DRAFT + 'trigger ghost: on "Ghost"\n  alert sales "boo"\n')
    contacts = (await everybody(store)).values()
    assert {(rule.kind, rule.name) for rule in preview.never} == {("segment", "nobody"), ("trigger", "ghost")}
    assert ("segment", "everybody") in {(rule.kind, rule.name) for rule in preview.everybody}
    without = [contact for contact in contacts if "ads" not in contact.consents]
    left = {(one.kind, one.name): one for one in preview.left_out}
    assert left["score", "big"].contacts.value == sum(
        any(each.name == "Order" and each.properties["amount"] >= 50 for each in contact.tail) for contact in without
    )
    assert {one.purpose for one in preview.left_out} == {"ads"}
    assert {("segment", "loyal"), ("trigger", "order")} <= left.keys()
    mishaps = {(one.kind, one.name): one for one in preview.mishaps}
    unnamed = sum("first_name" not in contact.attributes for contact in contacts)
    assert (mishaps["segment", "known"].missing.value, unnamed) == (unnamed, 7)
    assert mishaps["trigger", "cart"].missing.value > 0


async def test_lists_and_joined_contacts_count_once(store: Store, clock: FakeClock) -> None:
    text = """
list vip: "VIP"
team sales: slack "#sales"
segment of_list: in_list("vip")
trigger on_it: on list vip
  alert sales "listed"
"""
    await publish(store, text)
    await store.log.append([(f"u{number}", event(store, "Visit", f"m{number}")) for number in range(9)])
    await store.log.append(
        [(f"u{number}", ListChanged(time=clock.now(), list="vip", member=True)) for number in (1, 2)]
    )
    await store.log.append([("u1", Joined(time=clock.now(), merge="m", into="u3"))])
    await settle(store)
    preview = await previews(store, clock).run(SYSTEM, text)
    assert (preview.contacts, preview.segments[0].before, preview.triggers[0].fired.value) == (8, 2, 2)


# --- how it works -----------------------------------------------------------------------------------------------


async def contents(redis: Redis) -> dict[bytes, bytes]:
    """Everything in Redis, as it would be restored."""
    return {key: await redis.dump(key) async for key in redis.scan_iter(count=1000)}


async def test_a_preview_changes_nothing_in_redis(store: Store, clock: FakeClock, redis: Redis) -> None:
    await publish(store, RULES)
    await crowd(store, clock, 60, days=10)
    before, writes = await contents(redis), (await redis.info("persistence"))["rdb_changes_since_last_save"]
    for full in (False, True):
        await previews(store, clock, sample=20, processes=2).run(SYSTEM, DRAFT, full)
    assert (await redis.info("persistence"))["rdb_changes_since_last_save"] == writes
    assert await contents(redis) == before


async def test_progress_goes_up_to_all_contacts_and_the_loop_stays_free(store: Store, clock: FakeClock) -> None:
    await publish(store, RULES)
    await crowd(store, clock, 300, days=6)
    seen: list[Progress] = []
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await previews(store, clock).run(SYSTEM, DRAFT, progress=seen.append)
    ticking.cancel()
    assert seen[0] == Progress(0, 300)
    assert seen[-1] == Progress(300, 300)
    assert [one.done for one in seen] == sorted(one.done for one in seen)
    assert len(seen) > 2
    assert ticks > len(seen)


def children() -> set[int]:
    """The processes that this one has started and that live."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found |= {int(child) for child in (task / "children").read_text().split()}
    return found


async def eventually(good: Callable[[], Awaitable[bool] | bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not (found if isinstance(found := good(), bool) else await found):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


@pytest.fixture
async def stocked(store: Store, clock: FakeClock) -> Store:
    await publish(store, RULES)
    await crowd(store, clock, 100, days=5)
    return store


async def test_a_cancelled_preview_ends_its_processes_and_lets_the_next_one_work(
    stocked: Store, clock: FakeClock
) -> None:
    before, service = children(), previews(stocked, clock)
    running = asyncio.create_task(service.run(SYSTEM, DRAFT))
    await eventually(lambda: bool(children() - before))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await eventually(lambda: children() == before)
    assert (await service.run(SYSTEM, DRAFT)).contacts == 100
    assert children() == before


async def test_a_process_that_is_killed_is_told_of(stocked: Store, clock: FakeClock) -> None:
    before, service = children(), previews(stocked, clock)
    running = asyncio.create_task(service.run(SYSTEM, DRAFT))
    await eventually(lambda: bool(children() - before))
    for pid in children() - before:
        os.kill(pid, 9)
    with pytest.raises(Exception, match="a process of the preview failed"):
        await running
    assert (await service.run(SYSTEM, DRAFT)).contacts == 100


async def test_who_may_not_preview_and_what_cannot_be(stocked: Store, clock: FakeClock) -> None:
    service = previews(stocked, clock)
    with pytest.raises(Forbidden):
        await service.run(Actor(id="r", roles=("rep",)), DRAFT)
    with pytest.raises(WrongRulebook):
        await service.run(SYSTEM, "segment x: contact.nothing == 1")
    assert (await service.run(Actor(id="m", roles=("marketer",)), DRAFT)).contacts == 100


# --- what people see --------------------------------------------------------------------------------------------


async def test_the_report_reads_in_english_and_in_french_with_names_masked(stocked: Store, clock: FakeClock) -> None:
    await stocked.log.append([("u0001", event(stocked, "Visit", "p", traits={"phone": "0612345678"}))])
    await settle(stocked)
    preview = await previews(stocked, clock, sample=50).run(SYSTEM, DRAFT)
    english = render(preview_reply(preview, translator("en")))
    french = render(preview_reply(preview, translator("fr")))
    assert "Preview over 100 contacts, against version 1" in english
    assert "Aperçu sur 100 contacts, par rapport à la version 1" in french
    for words in ("Never matches: ", "segment nobody", "Enter: P1, ", "Alerts a day for sales", "a value is missing"):
        assert words in english
    for words in ("Jamais vrai : " if "Jamais vrai : " in french else "Jamais vrai: ", "déclencheur cart · nouveau",
                  "Entrent : P1, ", "Alertes par jour pour sales"):  # fmt: skip
        assert words in french
    assert "0612345678" not in english + french


@pytest.fixture
async def client(services: ServerServices, api: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A program with the scope `read`."""
    key = await services.sources.add_key("program", ["read"])
    transport, headers = api._transport, {"authorization": f"Bearer {key}", "content-type": "text/plain"}
    async with httpx.AsyncClient(transport=transport, base_url="http://relance.test", headers=headers) as program:
        yield program


async def test_a_preview_by_http(stocked: Store, client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/rulebook/preview?full=true", content=DRAFT, timeout=60)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["base"], found["contacts"], found["exact"]) == (1, 100, True)
    known = {one["name"]: one for one in found["segments"]}["everybody"]
    assert known["enter"]["count"] == 100
    assert known["enter"]["first"][:2] == [{"id": "u0000", "name": "u0000"}, {"id": "u0001", "name": "P1"}]
    assert found["triggers"][0]["fired"].keys() == {"value", "low", "high"}


async def test_a_preview_by_http_in_lines(stocked: Store, client: httpx.AsyncClient) -> None:
    headers = {"accept": "application/x-ndjson"}
    async with client.stream("POST", "/v1/rulebook/preview", content=DRAFT, headers=headers, timeout=60) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        lines = [json.loads(line) async for line in answer.aiter_lines()]
    assert [list(line) for line in lines] == [["progress"]] * (len(lines) - 1) + [["preview"]]
    assert lines[0] == {"progress": {"done": 0, "of": 100}}
    assert lines[-1]["preview"]["contacts"] == 100


async def test_a_text_with_mistakes_is_refused_with_their_places(stocked: Store, client: httpx.AsyncClient) -> None:
    for headers in ({}, {"accept": "application/x-ndjson"}):
        answer = await client.post("/v1/rulebook/preview", content="segment x: contact.nope == 1", headers=headers)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"][0]["column"] == 20


async def test_who_hangs_up_stops_the_work(stocked: Store, services: ServerServices, socket_url: str) -> None:
    key = await services.sources.add_key("program", ["read"])
    headers = {"authorization": f"Bearer {key}", "content-type": "text/plain"}
    before = children()
    for accept in ("application/json", "application/x-ndjson"):
        async with httpx.AsyncClient(headers={**headers, "accept": accept}) as impatient:
            asking = asyncio.create_task(impatient.post(f"{socket_url}/v1/rulebook/preview", content=DRAFT))
            await eventually(lambda: bool(children() - before))
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
        await eventually(lambda: children() == before)


# --- real histories ---------------------------------------------------------------------------------------------

MUSIC = """
team sales: slack "#sales"
score buyer: +10 on "Order Completed" halves every 60 days
segment regular: count("Order Completed", t"P180D") >= 3
segment warm: contact.score >= 15
trigger regular_now: on enter regular
  alert sales "regular"
"""
MUSIC_DRAFT = (
    MUSIC.replace(">= 3", ">= 2").replace("60 days", "90 days")
    + """
segment big: total("Order Completed", "amount") >= 200
trigger big_order: on "Order Completed" when event.amount >= 100
  alert sales "big"
"""
)


@pytest.mark.slow
async def test_two_thousand_customers_of_a_music_shop(store: Store, clock: FakeClock) -> None:
    clock.set(_noon("19980701"))
    await publish(store, MUSIC)
    customers: dict[str, list[dict[str, str]]] = {}
    for row in rows("cdnow.csv"):
        customers.setdefault(row["customer_id"], []).append(row)
    chosen = sorted(customers)[::11][:2000]
    entries = [
        (f"u{customer}", event(store, "Order Completed", f"{customer}-{number}", time=_noon(row["date"]),
                               history_only=True, properties={"amount": float(row["amount"])}))
        for customer in chosen
        for number, row in enumerate(customers[customer])
    ]  # fmt: skip
    for start in range(0, len(entries), 1000):
        await store.log.append(entries[start : start + 1000])
    await settle(store)
    full = await previews(store, clock, processes=2).run(SYSTEM, MUSIC_DRAFT, full=True)
    sample = await previews(store, clock, sample=500).run(SYSTEM, MUSIC_DRAFT)
    big = sum(float(row["amount"]) >= 100 for customer in chosen for row in customers[customer])
    assert full.triggers[1].fired.value == big
    first = min(row["date"] for customer in chosen for row in customers[customer])
    days = (_noon("19980701") - _noon(first)) / 86_400_000
    assert full.days == round(days, 3)
    assert full.triggers[1].per_day.value == pytest.approx(big / days, abs=0.001)
    for some, whole in zip(sample.triggers, full.triggers, strict=True):
        assert some.fired.low <= whole.fired.value <= some.fired.high
    assert sample.segments == full.segments
    await compare_with_publishing(store, full, MUSIC_DRAFT)


def _noon(day: str) -> int:
    return round(time.mktime(time.strptime(f"{day} 12 UTC", "%Y%m%d %H %Z")) * 1000)
