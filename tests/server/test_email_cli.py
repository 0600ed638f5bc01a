"""`relance suppression` and `relance bounce`, as they are typed and piped."""

from __future__ import annotations

import asyncio
import json

import pytest
from click.testing import CliRunner, Result

from server.cli import relance
from server.services.links import Links
from server.services.suppressions import Suppressions
from server.store.store import Store
from tests.came_back import ZOE, Sent, dsn
from tests.clock import FakeClock
from tests.conftest import SECRET


class Shell:
    """Types commands on an installation."""

    def __init__(self, store: Store, clock: FakeClock, url: str) -> None:
        self.store = store
        self.links = Links(store.seal, clock, "http://relance.test")
        self.suppressions = Suppressions(store, clock)
        self._environment = {"RELANCE_REDIS_URL": url, "RELANCE_SECRET_KEY": SECRET.decode()}

    async def result(self, *words: str, stdin: bytes = b"") -> Result:
        return await asyncio.to_thread(CliRunner().invoke, relance, list(words), env=self._environment, input=stdin)

    async def __call__(self, *words: str, stdin: bytes = b"") -> str:
        done = await self.result(*words, stdin=stdin)
        assert done.exit_code == 0, done.output
        return done.stdout


@pytest.fixture
async def shell(store: Store, clock: FakeClock, redis_url: str) -> Shell:
    return Shell(store, clock, redis_url)


async def test_an_address_is_suppressed_listed_and_lifted(shell):
    await shell("suppression", "add", "email", "Zoe@Home.Example")
    [row] = json.loads(await shell("suppression", "list", "--json"))
    assert (row["channel"], row["reason"], row["by"]) == ("email", "by hand", "operator")
    assert "by hand" in await shell("suppression", "list")
    await shell("suppression", "remove", "email", ZOE)
    assert json.loads(await shell("suppression", "list", "--json")) == []
    assert (await shell.result("suppression", "remove", "email", ZOE)).exit_code != 0
    mistyped = await shell.result("suppression", "add", "email", "zoe home.example")
    assert "no e-mail address" in str(mistyped.exception)
    assert json.loads(await shell("suppression", "list", "--json")) == []


async def test_the_mail_server_pipes_what_comes_back(shell):
    mail = await Sent(shell).keep()
    assert json.loads(await shell("bounce", "--json", stdin=dsn(mail.name))) == {"taken": 1}
    assert await shell.suppressions.reason("email", ZOE) == "hard bounce"


async def test_a_mail_about_something_else_is_no_failure(shell):
    assert json.loads(await shell("bounce", "--json", stdin=b"Subject: hello\r\n\r\nhello")) == {"taken": 0}
