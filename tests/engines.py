"""Engines in tests: driven turn by turn, so that a test says when what happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from rules import RuleErrors, parse_rulebook
from rules.entry import EventReceived
from rules.sends import sends
from server.engine.engine import Engine
from server.engine.main import build_engine
from server.model.actor import SYSTEM
from server.model.message import MessageTemplate, TemplateFormat
from server.services.rulebooks import Rulebooks
from server.store import keys
from server.store.store import Store

__all__ = ["RecordingBell", "at_rest", "drain", "engine_on", "event", "make_templates", "publish", "working"]


class RecordingBell:
    """Notes which partitions were rung for."""

    def __init__(self) -> None:
        self.rung: list[int] = []

    async def ring(self, partitions: Iterable[int]) -> None:
        self.rung += partitions


def engine_on(store: Store, *, bell: RecordingBell | None = None, timezone: str = "UTC", lease: int = 4000) -> Engine:
    """An engine over a store, as a process of its own would build it."""
    rulebooks = Rulebooks(store)
    return build_engine(store, rulebooks, bell or RecordingBell(), store.clock, timezone=timezone, lease=lease, idle=0)


async def publish(store: Store, text: str) -> int:
    """Publish a rulebook, after making plain templates of the messages that it sends; return its version."""
    await make_templates(store, text)
    base = await store.rulebooks.current_version()
    return (await Rulebooks(store).publish(SYSTEM, text, base=base)).version


async def make_templates(store: Store, text: str) -> None:
    """Keep a template of few words for each message that a text sends and that does not exist yet."""
    try:
        missing = sends(parse_rulebook(text)).keys() - await store.messages.names()
    except RuleErrors:
        return
    for name, channel in missing:
        source = f"---\nsubject: {name}\ntitle: {name}\n---\nThis is {name}.\n"
        if channel == "webhook":
            source = f'{{"message": "{name}", "contact": {{{{ contact.score }}}}}}'
        form: TemplateFormat = "json" if channel == "webhook" else "markdown" if channel == "email" else "text"
        await store.messages.put(MessageTemplate(name=name, channel=channel, locale="", format=form, source=source), 0)


async def drain(store: Store, *engines: Engine, turns: int = 400) -> None:
    """Let engines work until nothing waits: no entry, no transfer, no recompute."""
    for _ in range(turns):
        for engine in engines:
            await engine.turn()
        if await _idle(store, engines):
            return
    raise AssertionError("the engines never came to rest")


async def _idle(store: Store, engines: Iterable[Engine]) -> bool:
    if await store.log.lag():
        return False
    for partition in range(store.partitions):
        if await store.redis.exists(keys.transfers(partition)):
            return False
    version = await store.rulebooks.current_version()
    owned = [own for engine in engines for own in engine.owned]
    return len(owned) == store.partitions and all(own.recomputed == version and not own.recomputing for own in owned)


@asynccontextmanager
async def working(engine: Engine) -> AsyncIterator[None]:
    """Let an engine work meanwhile, so that nobody waits in vain for an entry to take effect."""

    async def work() -> None:
        while True:
            await engine.turn()
            await asyncio.sleep(0.005)

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def at_rest(store: Store, engine: Engine, seconds: float = 30) -> None:
    """Wait until nothing waits for an engine that works meanwhile."""
    async with asyncio.timeout(seconds):
        while not await _idle(store, [engine]):
            await asyncio.sleep(0.005)


def event(store: Store, name: str, message_id: str = "", **more: Any) -> EventReceived:
    """An event that happens and is received now."""
    now = store.clock.now()
    fields: dict[str, Any] = {"time": now, "received": now, "message_id": message_id or f"{name}-{now}"}
    return EventReceived(name=name, **{**fields, **more})
