"""`relance message`, as it is typed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from server.cli import relance
from server.doctor import examine
from server.settings import Settings
from server.store.message_outbox import MessageOutbox
from server.store.store import Store
from tests.conftest import SECRET
from tests.engines import drain, engine_on, event, publish

RULES = "attribute first_name: text, personal\nattribute locale: text\n"
SOURCE = "---\nsubject: Hi {{ contact.first_name }}\n---\nHello *{{ contact.first_name }}*\n"


class Shell:
    """Types commands on an installation."""

    def __init__(self, url: str, directory: Path) -> None:
        self._environment = {"RELANCE_REDIS_URL": url, "RELANCE_SECRET_KEY": SECRET.decode()}
        self.directory = directory

    async def result(self, *words: str, language: str = "en") -> Result:
        environment = {**self._environment, "RELANCE_LANGUAGE": language}
        return await asyncio.to_thread(CliRunner().invoke, relance, list(words), env=environment)

    async def __call__(self, *words: str) -> str:
        done = await self.result(*words)
        assert done.exit_code == 0, done.output
        return done.stdout

    def file(self, name: str, text: str) -> str:
        path = self.directory / name
        path.write_text(text)
        return str(path)


@pytest.fixture
async def shell(store: Store, redis_url: str, tmp_path: Path) -> Shell:
    await publish(store, RULES)
    return Shell(redis_url, tmp_path)


async def zoe(store: Store) -> str:
    contact = store.identities.new_id(True)
    await store.identities.claim("user", "42", contact)
    known = {"first_name": "Zoé", "locale": "fr"}
    await store.log.append([(contact, event(store, "identify", traits=known, identities=(("user", "42"),)))])
    await drain(store, engine_on(store))
    return contact


async def test_files_are_kept_listed_shown_and_removed(shell: Shell) -> None:
    files = [shell.file("welcome.email.fr.md", SOURCE), shell.file("hook.webhook.json", '{"a": {{ score }}}')]
    said = await shell("message", "put", *files, "--owner", "Ann", "--expires", "2020-01-01")
    assert said == "welcome.email.fr is revision 1\nhook.webhook is revision 1\n"
    hook, welcome = json.loads(await shell("message", "list", "--json"))
    assert (hook["message"], hook["format"], hook["locale"]) == ("hook", "json", "-")
    assert (welcome["stale"], welcome["owner"], welcome["sent_by"]) == (True, "Ann", [])
    assert "stale since 2020-01-02" in await shell("message", "list")
    assert await shell("message", "show", "welcome") == SOURCE
    assert "{{ content }}" in await shell("message", "show", "layout")
    await shell("message", "remove", "welcome", "--locale", "fr")
    assert (await shell.result("message", "show", "welcome")).exit_code != 0


async def test_mistakes_are_told_as_compilers_tell_them_and_the_other_files_are_kept(shell: Shell) -> None:
    wrong = shell.file("wrong.email.md", "---\nsubject: a\n---\n{{ contact.nobody }}\n")
    done = await shell.result("message", "put", wrong, shell.file("welcome.email.md", SOURCE))
    assert done.exit_code == 1
    assert f"{wrong}:4:12: error: unknown attribute contact.nobody" in done.stderr
    assert "welcome.email is revision 1" in done.stdout
    assert (await shell.result("message", "put", shell.file("Welcome.md", SOURCE))).exit_code != 0


async def test_mistakes_are_told_in_the_language_of_the_installation(shell: Shell) -> None:
    wrong = shell.file("wrong.email.md", "---\nsubject: Hi\n---\nHello {{ contact.first_nam }}\n")
    told = (await shell.result("message", "put", wrong, language="fr")).stderr
    assert f"{wrong}:4:18: error: attribut inconnu : contact.first_nam — vouliez-vous dire first_name ?" in told
    rules = shell.file("shop.rules", "segment a: contact.scor > 3\n")
    told = (await shell.result("check", rules, language="fr")).stdout
    assert f"{rules}:1:20: error: attribut inconnu : contact.scor — vouliez-vous dire score ?" in told
    fine = (await shell.result("check", shell.file("fine.rules", RULES), language="fr")).stdout
    assert "aucune faute" in fine


async def test_a_message_is_seen_and_sent_to_a_colleague(shell: Shell, store: Store) -> None:
    await shell("message", "put", shell.file("welcome.email.fr.md", SOURCE))
    contact = await zoe(store)
    page = shell.directory / "page.html"
    said = await shell("message", "preview", "welcome", "--contact", "user:42", "--html", str(page))
    assert said.startswith("subject: Hi Zoé\n\nHello Zoé")
    assert "<em>Zoé</em>" in page.read_text()
    await shell("user", "add", "Ann", "--role", "marketer", "--email", "ann@shop.example")
    sent: dict[str, Any] = json.loads(
        await shell("message", "test", "welcome", "--contact", "user:42", "--to", "Ann", "--json")
    )
    outbox = MessageOutbox(store.redis, store.seal, store.partitions)
    taken, _ = await outbox.take(store.partition(contact), 1 << 50, 1 << 51, 10)
    assert [one.delivery.id for one in taken if one.delivery] == [sent["delivery"]]
    refused = await shell.result("user", "add", "Bob", "--role", "rep", "--email", "nowhere")
    assert refused.exit_code != 0


async def test_doctor_tells_of_stale_messages_and_of_those_that_the_rulebook_broke(
    shell: Shell, store: Store, redis_url: str
) -> None:
    await shell(
        "message", "put", shell.file("welcome.email.fr.md", SOURCE), "--owner", "Ann", "--expires", "2020-01-01"
    )
    await publish(store, "attribute email: text, personal\n")
    settings = Settings(redis_url=redis_url, secret_key=SECRET.decode())
    found = [finding async for finding in examine(settings, {}) if finding.subject == "messages"]
    assert [finding.verdict for finding in found] == ["note", "wrong"]
    assert "welcome (Ann)" in found[0].text
    assert "welcome.email.fr: line 2, column 24: unknown attribute contact.first_name" in found[1].text
