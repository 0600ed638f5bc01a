"""`/docs`: every route, readable with no script, and nothing fetched from elsewhere."""

from __future__ import annotations

import re

import httpx


async def test_the_page_shows_every_route_and_fetches_nothing_from_elsewhere(api: httpx.AsyncClient) -> None:
    page = await api.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    schema = (await api.get("/docs/openapi.json")).json()
    shown = set(re.findall(r"</span> ([^<]+)</h3>", page.text))
    assert shown == set(schema["paths"])
    assert "/v1/batch" in shown
    assert not re.search(r"<script|(?:src|href)=.(?:https?:)?//", page.text)
