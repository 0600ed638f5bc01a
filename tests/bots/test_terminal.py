"""The terminal chat: commands from a pipe, and cards as they appear."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from pathlib import Path
from typing import TextIO

from bots.terminal.chat import TerminalChat, chat
from bots.terminal.writing import InEditor, editor_of
from server.channels.terminal import TerminalChannel
from server.store.terminal import TerminalFeed
from tests.bots.desk import Desk
from tests.emulators.http import eventually


def feed_of(desk: Desk) -> TerminalFeed:
    feed = TerminalFeed(desk.store.redis, desk.store.seal)
    desk.channels["terminal"] = TerminalChannel(feed)
    return feed


def pipe() -> tuple[TextIO, TextIO]:
    """What is read and what is written."""
    reading, writing = os.pipe()
    return os.fdopen(reading), os.fdopen(writing, "w", buffering=1)


async def test_commands_from_a_pipe_are_answered_until_its_end(desk: Desk) -> None:
    alert = await desk.hot_lead()
    said = io.StringIO()
    lines = io.StringIO(f"\nwhoami\nwhy 42\nprendre {alert.id}\nnonsense\n")
    await asyncio.wait_for(chat(desk.services, feed_of(desk), clock=desk.clock, stdin=lines, stdout=said), 10)
    for words in ("You are", "Léa: 35 points", "cart +30 (once)", "Vous l'avez", "I do not know this command"):
        assert words in said.getvalue()
    assert "\x1b" not in said.getvalue()


async def test_quit_ends_the_chat_and_help_is_in_the_installations_language(desk: Desk) -> None:
    said = io.StringIO()
    lines = io.StringIO("aide\nquitter\nwhoami\n")
    await asyncio.wait_for(chat(desk.services, feed_of(desk), language="fr", stdin=lines, stdout=said), 10)
    assert "`prospects [miens|ouverts|SEGMENT]`" in said.getvalue()
    assert "Vous êtes" not in said.getvalue()


async def test_cards_stream_in_and_a_change_is_one_more_line(desk: Desk) -> None:
    feed, said = feed_of(desk), io.StringIO()
    reading, writing = pipe()
    chatting = asyncio.create_task(chat(desk.services, feed, clock=desk.clock, stdin=reading, stdout=said))
    await eventually(lambda: "quit" in said.getvalue(), "greeting")
    alert = await desk.hot_lead()
    await desk.deliver()
    await eventually(lambda: "Léa has 35 points" in said.getvalue(), "card")
    assert f"→ claim {alert.id}" in said.getvalue()
    writing.write(f"claim {alert.id}\n")
    await eventually(lambda: "You have it" in said.getvalue(), "answer")
    await desk.deliver()
    await eventually(lambda: f"· {alert.id} · Léa · claimed by" in said.getvalue(), "update")
    writing.close()
    await asyncio.wait_for(chatting, 10)
    reading.close()


async def test_who_comes_later_sees_the_cards_that_are_not_over(desk: Desk) -> None:
    feed = feed_of(desk)
    await desk.hot_lead()
    await desk.deliver()
    said = io.StringIO()
    await asyncio.wait_for(chat(desk.services, feed, stdin=io.StringIO(""), stdout=said), 10)
    assert said.getvalue().count("Léa has 35 points") == 1


async def test_a_redis_that_is_away_is_told_once_and_waited_for(desk: Desk) -> None:
    from redis.asyncio import Redis

    nowhere = Redis.from_url("redis://127.0.0.1:1")
    said: list[str] = []
    talk = TerminalChat(desk.services, TerminalFeed(nowhere, desk.store.seal), said.append)
    await talk.greet()
    following = asyncio.create_task(talk.follow())
    await asyncio.sleep(1.3)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert len([text for text in said if "does not answer" in text]) == 1
    await nowhere.aclose()


async def test_a_visitors_text_cannot_steer_the_terminal(desk: Desk) -> None:
    await desk.hot_lead(name="Léa\x1b[2J\x07\r\nroot")
    said: list[str] = []
    talk = TerminalChat(desk.services, feed_of(desk), said.append, colour=False, clock=desk.clock)
    await talk.answer("leads")
    shown = "".join(said)
    assert "Léa" in shown
    assert all(letter.isprintable() or letter == "\n" for letter in shown)


async def test_rules_are_written_through_a_pipe(desk: Desk) -> None:
    said = io.StringIO()
    lines = io.StringIO(
        "rules new\nsegment big: contact.score >= 100\n.\n"
        "rules edit segment big\nsegment big: contact.scor >= 1\n.\n"
        "rules diff\n"
    )
    await asyncio.wait_for(chat(desk.services, feed_of(desk), clock=desk.clock, stdin=lines, stdout=said), 20)
    for words in (
        "a line with a single full stop ends it", "Your draft has no mistakes", "line 1, column 22", "^^^^",
        "+ segment big: contact.score >= 100",
    ):  # fmt: skip
        assert words in said.getvalue()


EDITOR = """\
import pathlib, sys
seen, path = map(pathlib.Path, sys.argv[1:])
text = path.read_text()
seen.open("a").write(text + "---\\n")
path.write_text(text.replace("30", "4O") if "4O" not in text else text.replace("4O", "40"))
"""


async def test_rules_are_written_in_the_persons_editor_until_they_have_no_mistake(desk: Desk, tmp_path: Path) -> None:
    script, seen = tmp_path / "editor.py", tmp_path / "seen"
    script.write_text(EDITOR)
    write = InEditor(editor_of({"EDITOR": f"{sys.executable} {script} {seen}"}))
    said: list[str] = []
    talk = TerminalChat(desk.services, feed_of(desk), said.append, clock=desk.clock, write=write)
    await talk.answer("rules edit segment hot")
    assert "Your draft has no mistakes" in "".join(said)
    first, second, _ = seen.read_text().split("---\n")
    assert first == "segment hot: contact.score >= 30\n"
    assert second.startswith("#! line 1, column 32:")
    assert second.endswith("segment hot: contact.score >= 4O\n")
    await talk.answer("rules edit segment french")  # the editor leaves it as it is
    assert "Nothing was changed" in said[-1]
    write = InEditor(["no-such-editor-anywhere"])
    talk = TerminalChat(desk.services, feed_of(desk), said.append, clock=desk.clock, write=write)
    await talk.answer("rules new")
    assert "Nothing was changed" in said[-1]


def test_the_editor_is_the_persons_own() -> None:
    assert editor_of({"VISUAL": "code --wait", "EDITOR": "nano"}) == ["code", "--wait"]
    assert editor_of({"EDITOR": "nano"}) == ["nano"]
    assert editor_of({}) == ["vi"]
