"""The reference in docs/reference is what the product says of itself."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from server.app import create_app
from server.bootstrap import open_relance
from server.settings import load_settings
from tests.conftest import SECRET
from tests.reference import PAGES, REFERENCE, http_page

STALE = "is not what the product says now: run `python -m tests.reference`"


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_up_to_date(name: str) -> None:
    assert (REFERENCE / f"{name}.md").read_text() == PAGES[name](), f"{name}.md {STALE}"


async def test_the_reference_of_http_is_up_to_date(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    settings = load_settings({"RELANCE_REDIS_URL": redis_url, "RELANCE_SECRET_KEY": SECRET.decode()})
    async with open_relance(settings, chat=True) as opened:
        transport = httpx.ASGITransport(create_app(opened.services, bots=opened.bots))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://relance.test") as client:
            schema = (await client.get("/docs/openapi.json")).json()
    assert (REFERENCE / "http.md").read_text() == http_page(schema), f"http.md {STALE}"
