"""The terminal chat: the commands of Slack and Telegram typed at a prompt, and cards as they appear.

Who can run it can read the data directory, so they are an admin. It works without a terminal too: commands from a
pipe, one a line, until its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final, TextIO

from msgspec import structs

from bots.cards import card_reply, status_text
from bots.commands import COMMANDS, Caller, Services, run, run_text
from bots.drafts import place_of
from bots.progress import Progress
from bots.replies import Prompt, Reply
from bots.terminal.render import render
from bots.terminal.writing import FromPipe, InEditor, Write, editor_of
from server.errors import Unavailable
from server.i18n import LANGUAGES, translator
from server.model.actor import Actor
from server.ports import Clock, SystemClock

if TYPE_CHECKING:
    from server.store.terminal import Notice, TerminalFeed

__all__ = ["TerminalChat", "chat", "local_actor"]

RECENT: Final = 50
PROMPT: Final = "relance> "
_LEAVE: Final = frozenset({"quit", "exit", "quitter", ":q"})


def local_actor() -> Actor:
    """Who sits at this machine."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = "terminal"
    return Actor(id="local", name=name, roles=("admin",), via="terminal")


class TerminalChat:
    """Runs lines as commands and shows what `say` prints: answers, new cards, changes of cards."""

    def __init__(
        self,
        services: Services,
        feed: TerminalFeed,
        say: Callable[[str], None],
        *,
        actor: Actor | None = None,
        language: str = "en",
        colour: bool = False,
        clock: Clock | None = None,
        write: Write | None = None,
    ) -> None:
        self._services = services
        self._feed = feed
        self._say = say
        self._actor = actor or local_actor()
        self._language = language
        self._colour = colour
        self._clock = clock or SystemClock()
        self._write = write
        self._writing = asyncio.Lock()  # held while an editor has the screen
        self._after = "0"

    async def answer(self, line: str) -> None:
        """Run a line and show the answer; a text that it asks for is written and taken."""

        async def show(reply: Reply) -> None:
            self._show(reply)

        async with Progress(show) as progress:
            reply = await run(
                self._services, self._actor, line, self._language, caller=Caller(platform="terminal"),
                clock=self._clock, working=progress,
            )  # fmt: skip
        if reply.prompt is None or self._write is None:
            self._show(reply)
        else:
            await self._ask(reply, reply.prompt, self._write)

    async def _ask(self, reply: Reply, prompt: Prompt, write: Write) -> None:
        """Have a text written, again while it has mistakes and the writer can see them."""
        t = translator(self._language)
        wrong: tuple[str, ...] = ()
        while True:
            if not wrong:
                self._show(structs.replace(reply, prompt=None if write.shows else prompt))
            async with self._writing:
                text = await write(prompt, wrong)
            if text is None:
                self._show(Reply(title=t("Nothing was changed.")))
                return
            answer = await run_text(self._services, self._actor, prompt.place, text, self._language, clock=self._clock)
            if not answer.problems or not write.shows or answer.reply.prompt is None:
                self._show(answer.reply)
                return
            wrong = tuple(place_of(problem, t) for problem in answer.problems)
            prompt = answer.reply.prompt

    async def greet(self) -> None:
        """Say how to begin, and show the cards that are still open."""
        t = translator(self._language)
        self._show(Reply(title="Relance", lines=(t("`help` lists what you can do; `quit` leaves."),)))
        with contextlib.suppress(Unavailable):
            latest: dict[str, Notice] = {}
            for place, notice in await self._feed.recent(RECENT):
                self._after = place
                latest.pop(notice.card.alert, None)
                latest[notice.card.alert] = notice
            for notice in latest.values():
                if notice.card.status in ("open", "claimed"):
                    self._show(card_reply(notice.card, t, repeated=notice.repeated))

    async def follow(self) -> None:
        """Show cards as they appear and change, until cancelled."""
        told = False
        while True:
            try:
                for place, notice in await self._feed.follow(self._after):
                    self._after = place
                    async with self._writing:
                        self._show(self._notice(notice))
                told = False
            except Unavailable:
                if not told:
                    text = translator(self._language)("The store does not answer just now. Try again in a moment.")
                    self._show(Reply(title=text, tone="bad"))
                told = True
                await asyncio.sleep(1)

    def _notice(self, notice: Notice) -> Reply:
        t, card = translator(self._language), notice.card
        if not notice.edited:
            return card_reply(card, t, repeated=notice.repeated)
        parts = [card.alert, card.who, status_text(card.status, card.owner, t)]
        if card.count > 1:
            parts.append(t("{count} times", count=t.number(card.count)))
        return Reply(lines=("· " + " · ".join(parts),))

    def _show(self, reply: Reply) -> None:
        self._say(render(reply, colour=self._colour) + "\n")


async def chat(
    services: Services, feed: TerminalFeed, *, language: str = "en", clock: Clock | None = None,
    stdin: TextIO | None = None, stdout: TextIO | None = None,
) -> None:  # fmt: skip
    """Chat on the standard streams until the person leaves or the input ends."""
    stdin, stdout = stdin or sys.stdin, stdout or sys.stdout
    interactive = stdin.isatty() and stdout.isatty()

    def say(text: str) -> None:
        print(text, file=sys.stdout if interactive else stdout, flush=True)

    lines = _typed() if interactive else _piped(stdin)
    write: Write = InEditor(editor_of(os.environ)) if interactive else FromPipe(lines)
    talk = TerminalChat(services, feed, say, language=language, colour=interactive, clock=clock, write=write)
    with _patched(interactive):
        await talk.greet()
        following = asyncio.create_task(talk.follow())
        try:
            async for line in lines:
                if line.strip().casefold() in _LEAVE:
                    break
                if line.strip():
                    await talk.answer(line)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


def _patched(interactive: bool) -> contextlib.AbstractContextManager[object]:
    """Output above the prompt instead of through it."""
    if not interactive:
        return contextlib.nullcontext()
    from prompt_toolkit.patch_stdout import patch_stdout

    return patch_stdout(raw=True)


async def _typed() -> AsyncIterator[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter

    words = sorted({words for command in COMMANDS for language in LANGUAGES for words in command.words(language)})
    session: PromptSession[str] = PromptSession(PROMPT, completer=WordCompleter(words), complete_while_typing=False)
    while True:
        try:
            yield await session.prompt_async()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


async def _piped(stdin: TextIO) -> AsyncIterator[str]:
    """Lines as they come. A thread reads them, since a file cannot be waited for; it may outlive the chat."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        with contextlib.suppress(RuntimeError, ValueError):  # the loop, or the stream, was closed meanwhile
            for line in stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    while line := await lines.get():
        yield line
