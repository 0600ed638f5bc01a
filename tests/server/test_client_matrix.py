"""Libraries that sites use already, with only host and write key changed: RudderStack's for Python, Segment's for Node
and analytics.js in Chromium. Ten thousand events each: nothing lost, nothing double, one contact per person."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from aiohttp import web
from rudderstack.analytics.client import Client
from rudderstack.analytics.request import APIError

from tests.chromium import Browser, Page, chromium
from tests.installation import Installation
from tests.node_packages import node_packages
from tests.visits import RULES, Visit, check, expect

EVENTS, VISITORS = 10_000, 100
CLIENTS = Path(__file__).parents[1] / "clients"
NODE = "@segment/analytics-node@3.1.0"
BROWSER = "@segment/analytics-next@1.84.3"


@pytest.mark.parametrize(
    ("events", "visitors"),
    [
        pytest.param(500, 10, marks=pytest.mark.slow),
        pytest.param(EVENTS, VISITORS, marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
    ],
)
def test_rudderstack_for_python(tmp_path: Path, events: int, visitors: int) -> None:
    with Installation(tmp_path) as installation:
        installation.publish(RULES)
        failures: list[Any] = []
        library = Client(installation.source("shop"), host=installation.url, on_error=lambda e, _: failures.append(e))
        did = by_rudderstack(library, events // visitors, visitors)
        library.shutdown()
        assert not failures
        check(installation, {who: Visit(counts, f"visitor-{who}") for who, counts in did.items()})

        stranger = Client("0" * 32, host=installation.url, on_error=lambda e, _: failures.append(e))
        stranger.track("somebody", "Page Viewed")
        stranger.shutdown()
        [refused] = failures
        assert isinstance(refused, APIError)
        assert refused.status == 401


def by_rudderstack(library: Any, turns: int, visitors: int) -> dict[int, Counter[str]]:
    """Calls of `visitors`, `turns` each: they look at pages, sign up, fill carts; what each did."""
    did: dict[int, Counter[str]] = {visitor: Counter() for visitor in range(visitors)}

    def queued(call: Any, **words: Any) -> None:
        while not call(**words)[0]:
            time.sleep(0.01)  # the library's queue is full

    for turn in range(turns):
        for visitor, counts in did.items():
            user = f"user-{visitor}"
            who = {"anonymous_id": f"visitor-{visitor}", **({"user_id": user} if turn > turns * 0.6 else {})}
            if turn == int(turns * 0.4):
                traits = {"email": f"u{visitor}@example.org", "plan": "pro"}
                queued(library.identify, traits=traits, **who | {"user_id": user})
            elif turn % 3 == 0:
                queued(library.track, event="Product Added", properties={"price": turn}, **who)
                counts["Product Added"] += 1
            else:
                queued(library.page, name="Product", properties={"url": f"/p/{turn}"}, **who)
                counts["Page Viewed"] += 1
    return did


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_segment_for_node(tmp_path: Path) -> None:
    modules = node_packages(tmp_path / "npm", NODE)
    with Installation(tmp_path) as installation:
        installation.publish(RULES)
        words = [modules, installation.url, installation.source("shop"), EVENTS, VISITORS]
        command = ["node", CLIENTS / "visits.mjs", *words]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert not told["failures"]
        check(installation, {who: Visit(did, f"visitor-{who}") for who, did in enumerate(told["sent"])})
        assert sum(sum(did.values()) for did in told["sent"]) + VISITORS == EVENTS


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_analytics_js_in_chromium(tmp_path: Path) -> None:
    async with site(tmp_path) as (installation, browser, url):
        visits: dict[int, Visit] = {}
        for first in range(0, VISITORS, 4):
            group = range(first, first + 4)
            pages = await asyncio.gather(*(visited(browser, url, visitor, visits) for visitor in group))
            await asyncio.to_thread(expect, installation, {visitor: visits[visitor] for visitor in group})
            for page in pages:
                assert await page.run("failures") == []
                await page.leave()
        await asyncio.to_thread(check, installation, visits)
        assert sum(sum(visit.did.values()) for visit in visits.values()) + VISITORS == EVENTS


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_analytics_js_sends_again_what_came_too_fast(tmp_path: Path) -> None:
    async with site(tmp_path, "--rate", "20") as (installation, browser, url):
        visits: dict[int, Visit] = {}
        page = await visited(browser, url, 0, visits, pages=1)
        await asyncio.to_thread(expect, installation, visits)
        assert await page.run("failures") == []
        await asyncio.to_thread(check, installation, visits)
        assert any('status="429"' in line for line in await asyncio.to_thread(metrics, installation))


@contextlib.asynccontextmanager
async def site(directory: Path, *options: str) -> AsyncIterator[tuple[Installation, Browser, str]]:
    """An installation, a browser, and the address of a page whose analytics.js has the installation's host and key."""
    modules = await asyncio.to_thread(node_packages, directory / "npm", BROWSER)
    installation = Installation(directory)
    await asyncio.to_thread(installation.start)
    try:
        installation.publish(RULES)
        words = urlencode({"host": installation.url, "key": installation.source("site", "--browser", *options)})
        async with chromium(directory / "profile") as browser, shop(modules) as address:
            yield installation, browser, f"{address}/shop.html?{words}"
    finally:
        await asyncio.to_thread(installation.stop)


def metrics(installation: Installation) -> list[str]:
    """The lines of `/metrics`."""
    return httpx.get(installation.url + "/metrics", timeout=60).text.splitlines()


async def visited(browser: Browser, url: str, visitor: int, visits: dict[int, Visit], pages: int = 2) -> Page:
    """A visitor looks around, goes on to another page while events are under way, and signs up on the last one."""
    page = await browser.visitor()
    did: Counter[str] = Counter()
    for number in range(1, pages + 1):
        await page.open(f"{url}&page={number}", f"window.here && location.search.endsWith('page={number}')")
        signs_up = "true" if number == pages else "false"
        told = await page.run(f"browse({visitor}, {EVENTS // VISITORS // pages}, {signs_up})")
        did.update(told["done"])
        visits[visitor] = Visit(did, told["anonymous"])
    await page.run("Promise.all(sending).then(() => true)")
    return page


@contextlib.asynccontextmanager
async def shop(modules: Path) -> AsyncIterator[str]:
    """A site with a page and analytics.js on it; its address."""
    app = web.Application()
    app.router.add_static("/analytics", modules / "@segment" / "analytics-next" / "dist" / "umd")
    app.router.add_static("/", CLIENTS)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
