"""What people and programs can use is in the README or in docs/."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from redis.asyncio import Redis

from bots.commands import COMMANDS
from rules.words import WORDS
from server.app import create_app
from server.bootstrap import open_relance
from server.cli import relance
from server.metrics import Metrics
from server.services.rulebooks import check
from server.services.status import Snapshot
from server.settings import SETTINGS, load_settings
from tests.conftest import SECRET
from tests.reference import commands

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CHAT = (ROOT / "docs" / "chat.md").read_text()
DOCS = "\n".join(path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))))
STATEMENTS = ("attribute", "purpose", "team", "list", "score", "segment", "trigger", "scenario", "digest", "limit")


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_documented(name: str) -> None:
    assert f"| `RELANCE_{name.upper()}` |" in DOCS


def test_every_variable_that_is_documented_is_a_setting() -> None:
    assert set(re.findall(r"`RELANCE_([A-Z_]+)`", DOCS)) == {name.upper() for name in SETTINGS}


def test_every_command_is_documented_and_says_what_it_does() -> None:
    found = list(commands(relance))
    assert len(found) > 20
    for path, command in found:
        assert f"`{path}`" in DOCS, f"{path} is not in the reference: run `python -m tests.reference`"
        assert command.help


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_every_chat_command_is_documented_in_both_languages(command: type) -> None:
    for language in ("en", "fr"):
        assert f"`{command.words(language)[0]}" in DOCS  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_the_guide_to_chat_tells_who_may_use_a_command(command: Any) -> None:
    words = re.escape(command.words("en")[0])
    rows = [line for line in CHAT.splitlines() if re.match(rf"\| `{words}[` ]", line)]
    assert any(f"| {command.role or 'all'} |" in row for row in rows), rows


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_statement_is_documented(statement: str) -> None:
    assert statement in {word.en for word in WORDS}
    assert f"`{statement}`" in DOCS


@pytest.fixture
async def app(redis: Redis, redis_url: str, tmp_path: Path) -> Litestar:
    settings = load_settings({"RELANCE_REDIS_URL": redis_url, "RELANCE_SECRET_KEY": SECRET.decode()})
    async with open_relance(settings, chat=True) as opened:
        return create_app(opened.services, bots=opened.bots)


async def test_every_route_is_documented(app: Litestar) -> None:
    for route in app.routes:
        path = re.sub(r":\w+}", "}", route.path)
        if not path.startswith("/docs/"):
            assert f"{path}`" in DOCS, f"{path} is not documented"


def test_every_metric_that_the_guides_name_is_there() -> None:
    text = Metrics().text(Snapshot(ready=True, figures=None, bots={})).decode()
    source = Path(import_module("server.metrics").__file__ or "").read_text()
    for name in re.findall(r"`(relance_[a-z_]+)`", DOCS):
        assert name in text or f'"{name}"' in source


def test_the_rulebook_in_the_readme_is_one_that_can_be_published() -> None:
    found = re.search(r"^```\n(attribute .*?)^```$", README, re.S | re.M)
    assert found is not None
    assert check(found.group(1)).ok
