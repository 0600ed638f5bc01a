"""Pausing a trigger or a scenario: it does nothing until it is resumed, whatever is published meanwhile.

What happens during a pause is not made up for afterwards: no trigger fires and no run starts for it. Runs that wait
keep their places; `stop on` still ends them, and what came due meanwhile goes on at the resume. Scores and segments
cannot be paused: they say what is true.
"""

from __future__ import annotations

import uuid

import structlog

from rules.entry import ScenarioResumed
from rules.near import nearest
from server.errors import Conflict, Invalid, NotFound
from server.model.actor import Actor
from server.model.draft import Pause
from server.ports import Clock
from server.services.rulebooks import Rulebooks
from server.store.pauses import Pauses as Kept
from server.store.store import Store

__all__ = ["Pauses"]

log = structlog.get_logger(__name__)


class Pauses:
    """Pauses and resumes; engines follow within a second."""

    def __init__(self, store: Store, clock: Clock, rulebooks: Rulebooks) -> None:
        self._store = store
        self._kept = Kept(store.redis, store.seal)
        self._clock = clock
        self._rulebooks = rulebooks

    async def all(self) -> list[Pause]:
        """Every pause, by name, those of rules that are not published now as well. Raises `Unavailable`."""
        return await self._kept.all()

    async def pause(self, actor: Actor, name: str) -> Pause:
        """Let a trigger fire no more, or a scenario stand still; no second person is needed.

        Raises `Forbidden`, `NotFound`, `Invalid` for a rule of another kind, `Conflict` where it is paused already.
        """
        actor.require("approver")
        book = await self._rulebooks.live()
        if name not in book.triggers and name not in book.scenarios:
            if any(name == other for _, other in book.sources):
                raise Invalid("only triggers and scenarios can be paused", code="not_a_trigger", name=name)
            near = nearest(name, (*book.triggers, *book.scenarios)) or ""
            raise NotFound("there is no such trigger or scenario", code="no_trigger", name=name, near=near)
        kind = "trigger" if name in book.triggers else "scenario"  # of one name, both stand still
        if name in await self._kept.names("trigger", "scenario"):
            raise Conflict("it is paused already", code="paused_already", name=name)
        pause = Pause(kind=kind, name=name, by=actor.name or actor.id, since=self._clock.now())
        if not await self._kept.begin(pause):
            raise Conflict("it is paused already", code="paused_already", name=name)
        self._rulebooks.look_again()
        log.info("rule paused", rule=name, by=actor.id)
        return pause

    async def resume(self, actor: Actor, name: str) -> None:
        """Let a trigger fire again, a scenario go on. Raises `Forbidden`, `NotFound` where it is not paused."""
        actor.require("approver")
        ended = [await self._kept.end(kind, name) for kind in ("trigger", "scenario")]
        if not any(ended):
            raise NotFound("it is not paused", code="not_paused", name=name)
        self._rulebooks.look_again()
        if name in (await self._rulebooks.live()).scenarios:
            resumed = ScenarioResumed(time=self._clock.now(), id=uuid.uuid4().hex, scenario=name)
            await self._store.log.append_everywhere(resumed)
        log.info("rule resumed", rule=name, by=actor.id)
