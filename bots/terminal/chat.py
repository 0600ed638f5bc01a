"""The terminal chat: the commands of Slack and Telegram typed at a prompt, and cards as they appear.

Who can run it can read the data directory, so they are an admin. It works without a terminal too: commands from a
pipe, one a line, until its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final, TextIO

from bots.cards import card_reply, status_text
from bots.commands import COMMANDS, Caller, Services, run
from bots.replies import Reply
from bots.terminal.render import render
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
    ) -> None:
        self._services = services
        self._feed = feed
        self._say = say
        self._actor = actor or local_actor()
        self._language = language
        self._colour = colour
        self._clock = clock or SystemClock()
        self._after = "0"

    async def answer(self, line: str) -> None:
        """Run a line and show the answer."""
        caller = Caller(platform="terminal")
        reply = await run(
            self._services, self._actor, line, self._language, caller=caller, clock=self._clock
        )
        self._show(reply)

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

    talk = TerminalChat(services, feed, say, language=language, colour=interactive, clock=clock)
    with _patched(interactive):
        await talk.greet()
        following = asyncio.create_task(talk.follow())
        try:
            async for line in _typed() if interactive else _piped(stdin):
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
