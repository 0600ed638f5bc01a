"""What people and programs can use is in the README."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
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

README = (Path(__file__).parents[1] / "README.md").read_text()
STATEMENTS = ("attribute", "purpose", "team", "list", "score", "segment", "trigger", "scenario", "digest", "limit")


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_in_the_readme(name: str) -> None:
    assert f"| `RELANCE_{name.upper()}` |" in README


def test_every_variable_in_the_readme_is_a_setting() -> None:
    assert set(re.findall(r"`RELANCE_([A-Z_]+)`", README)) == {name.upper() for name in SETTINGS}


def commands(group: click.Group, path: str = "relance") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def test_every_command_is_in_the_readme_and_says_what_it_does() -> None:
    found = list(commands(relance))
    assert len(found) > 20
    for path, command in found:
        *_, noun, verb = path.split()
        row = next((line for line in README.splitlines() if f"`{path}" in line or f"`relance {noun} " in line), "")
        assert f"`{path}" in row or f"`{verb}`" in row, f"{path} is not in the README"
        assert command.help


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_every_chat_command_is_in_the_readme_in_both_languages(command: type) -> None:
    for language in ("en", "fr"):
        assert f"`{command.words(language)[0]}" in README  # type: ignore[attr-defined]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_statement_is_in_the_readme(statement: str) -> None:
    assert statement in {word.en for word in WORDS}
    assert f"`{statement}`" in README


@pytest.fixture
async def app(redis: Redis, redis_url: str, tmp_path: Path) -> Litestar:
    settings = load_settings({"RELANCE_REDIS_URL": redis_url, "RELANCE_SECRET_KEY": SECRET.decode()})
    async with open_relance(settings, chat=True) as opened:
        return create_app(opened.services, bots=opened.bots)


async def test_every_route_is_in_the_readme(app: Litestar) -> None:
    for route in app.routes:
        path = re.sub(r":\w+}", "}", route.path)
        if not path.startswith("/docs/"):
            assert f"{path}`" in README, f"{path} is not in the README"


def test_every_metric_that_the_readme_names_is_there() -> None:
    text = Metrics().text(Snapshot(ready=True, figures=None, bots={})).decode()
    source = Path(import_module("server.metrics").__file__ or "").read_text()
    for name in re.findall(r"`(relance_[a-z_]+)`", README):
        assert name in text or f'"{name}"' in source


def test_the_rulebook_in_the_readme_is_one_that_can_be_published() -> None:
    found = re.search(r"^```\n(attribute .*?)^```$", README, re.S | re.M)
    assert found is not None
    assert check(found.group(1)).ok
