"""Runs a command for a person and always has an answer: the reply, or why there is none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import structlog

from bots.commands.about import how_to_link
from bots.commands.base import STRANGER, Asking, Caller, Command, Misused, Services
from bots.commands.editing import Answer, take_text
from bots.commands.help import Help, usage
from bots.commands.parse import Unknown, language_of, parse
from bots.commands.publishing import Reject
from bots.commands.refusals import refusal
from bots.replies import Button, Reply
from server.errors import RelanceError
from server.model.actor import Actor
from server.model.draft import Place
from server.ports import Clock, SystemClock

__all__ = ["Working", "asks", "reply_to", "run", "run_text", "text_to"]

Working: TypeAlias = Callable[[Reply], None]

log = structlog.get_logger(__name__)


def asks(text: str) -> bool:
    """Whether the answer to a command will ask for a text."""
    try:
        return parse(text).asks
    except (Unknown, Misused):
        return False


async def reply_to(
    services: Services,
    caller: Caller,
    said: str | Command,
    *,
    language: str = "en",
    clock: Clock | None = None,
    working: Working | None = None,
) -> Reply:
    """Answer somebody on a platform, known to us or not, as `run` does.

    `working` is told how far something is that takes long.
    """
    try:
        actor = await services.people.actor(caller.platform, caller.workspace, caller.user)
    except RelanceError as error:
        return refusal(Asking(services=services, caller=caller, language=language), error)
    return await run(services, actor or STRANGER, said, language, caller=caller, clock=clock, working=working)


async def text_to(
    services: Services,
    caller: Caller,
    place: Place,
    text: str,
    *,
    language: str = "en",
    clock: Clock | None = None,
    slack: bool = False,
    strict: bool = False,
) -> Answer:
    """Take a text that somebody on a platform was asked for; see `take_text`."""
    try:
        actor = await services.people.actor(caller.platform, caller.workspace, caller.user)
    except RelanceError as error:
        return Answer(reply=refusal(Asking(services=services, caller=caller, language=language), error))
    return await run_text(services, actor or STRANGER, place, text, language, caller=caller, clock=clock, slack=slack,
                          strict=strict)  # fmt: skip


async def run_text(
    services: Services,
    actor: Actor,
    place: Place,
    text: str,
    language: str = "en",
    *,
    caller: Caller | None = None,
    clock: Clock | None = None,
    slack: bool = False,
    strict: bool = False,
) -> Answer:
    """Take a text that an actor was asked for. Never raises but for cancellation."""
    caller = caller or Caller(platform=actor.via)
    asking = Asking(services=services, actor=actor, caller=caller, language=language, clock=clock or SystemClock())
    taken: list[Answer] = []

    async def take() -> Reply:
        if not asking.known:
            return how_to_link(asking)
        if place.what == "reason":
            return await Reject(submission=place.submission, why=text.strip()).answer(asking)
        if place.what == "command":
            return await _permitted(asking, parse(f"{place.name} {text.strip()}"))
        taken.append(await take_text(asking, place, text, slack=slack, strict=strict))
        return taken[0].reply

    reply = await _answered(asking, take)
    return taken[0] if taken else Answer(reply=reply)


async def run(
    services: Services,
    actor: Actor,
    said: str | Command,
    language: str = "en",
    *,
    caller: Caller | None = None,
    clock: Clock | None = None,
    working: Working | None = None,
) -> Reply:
    """Run a command, given as text or as a record, for an actor. Never raises but for cancellation.

    The answer is in this language, unless the words of the text are of another.
    """
    if isinstance(said, str):
        language = language_of(said) or language
    caller = caller or Caller(platform=actor.via)
    asking = Asking(
        services=services, actor=actor, caller=caller, language=language, clock=clock or SystemClock(), working=working
    )

    async def answer() -> Reply:
        command = parse(said) if isinstance(said, str) else said
        return await _permitted(asking, command)

    return await _answered(asking, answer)


async def _permitted(asking: Asking, command: Command) -> Reply:
    """The answer to a command, for those who may use it."""
    if (role := type(command).role) is not None:
        if not asking.known:
            return how_to_link(asking)
        asking.actor.require(role)  # services check again what they do; this also covers what only reads the rulebook
    return await command.answer(asking)


async def _answered(asking: Asking, answer: Callable[[], Awaitable[Reply]]) -> Reply:
    """The answer, or why there is none."""
    try:
        return await answer()
    except Unknown as unknown:
        return _unknown(asking, unknown.suggestion)
    except Misused as misused:
        return usage(asking, misused.command)
    except RelanceError as error:
        return refusal(asking, error)
    except Exception as error:  # a person waits for an answer, whatever went wrong
        # its message may hold what they typed
        log.error("chat command failed", error=type(error).__name__, module=_where(error))
        return Reply(title=asking.t("Something went wrong here. It is in the log."), tone="bad")


def _unknown(asking: Asking, suggestion: str) -> Reply:
    t = asking.t
    title = t("I do not know this command.")
    if suggestion:
        meant = asking.prefixed(suggestion)
        line = t("Did you mean `{command}`?", command=meant.replace("`", "'"))
        return Reply(title=title, lines=(line,), buttons=(Button(suggestion, suggestion),), tone="bad")
    lines = (t("`{help}` lists what you can do.", help=asking.typed(Help)),)
    return Reply(title=title, lines=lines, tone="bad")


def _where(error: Exception) -> str:
    """The line that failed, without what it held."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return f"{frame.tb_frame.f_globals.get('__name__', '?')}:{frame.tb_lineno}" if frame else "?"
