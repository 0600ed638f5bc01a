"""The rulebook: the published one as it runs, checking and publishing another."""

from __future__ import annotations

import asyncio
from datetime import timedelta, timezone

import msgspec
from msgspec.structs import replace

from rules import RuleErrors, parse_rulebook
from rules.check import not_run_yet
from rules.contact import Millis
from rules.errors import Problem
from rules.moment import instant
from rules.reading import Known
from rules.rulebook import Rulebook
from server.errors import FieldError, Forbidden, Invalid, NotFound
from server.model.actor import Actor
from server.store.coalesce import Coalescer
from server.store.pauses import Pauses
from server.store.rulebooks import RulebookVersion
from server.store.stats import RuleStats
from server.store.store import Store

__all__ = ["Checked", "Rulebooks", "WrongRulebook", "check", "earliest_now"]

_FRESH = 0.25  # seconds for which a version number read from Redis is taken as current
_LARGEST = 1_000_000  # characters
_WESTERNMOST = timezone(-timedelta(hours=12))


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What `check` found in a text; `book` is None where there are errors."""

    problems: list[Problem]
    warnings: list[Problem]
    book: Rulebook | None = None

    @property
    def ok(self) -> bool:
        return self.book is not None


class WrongRulebook(Invalid):
    """A text cannot be published; `checked` says why."""

    def __init__(self, checked: Checked) -> None:
        errors = [FieldError(f"{p.line}:{p.column}", p.message) for p in checked.problems]
        super().__init__("the rulebook has errors; nothing was published", errors, code="wrong_rulebook")
        self.checked = checked


class Rulebooks:
    """Serves the live rulebook to everybody, and publishes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pauses = Pauses(store.redis, store.seal)
        self._paused: frozenset[str] = frozenset()
        self._live = Rulebook()
        self._version = 0
        self._asked = -_FRESH
        self._look = Coalescer(self._look_each)
        self._parsing = asyncio.Lock()

    async def live(self) -> Rulebook:
        """The published rulebook, parsed, with what is paused; an empty one (version 0) before the first.

        At most 250 ms old.
        """
        now = asyncio.get_running_loop().time()
        if now - self._asked >= _FRESH:
            await self._look([now])
        if self._version != self._live.version:  # somebody else may be reading it just now: nobody goes on without
            return await self.at(self._version)
        if self._paused != self._live.paused:
            self._live = replace(self._live, paused=self._paused)
        return self._live

    async def _look_each(self, moments: list[float]) -> list[None]:
        """Ask which version is published, and what is paused, for all who want to know at the same time."""
        self._version, self._paused = await asyncio.gather(
            self._store.rulebooks.current_version(), self._pauses.names("trigger", "scenario")
        )
        self._asked = moments[0]
        return [None] * len(moments)

    def look_again(self) -> None:
        """Ask the store at the next `live`: something was published or paused."""
        self._asked = -_FRESH

    async def at(self, version: int) -> Rulebook:
        """The published rulebook, known to be this version: parsed once."""
        async with self._parsing:
            if version != self._live.version:
                record = await self._store.rulebooks.get(version)
                if record is None:
                    raise NotFound(f"there is no version {version} of the rulebook", code="no_version")
                book = await asyncio.to_thread(_parse, record)
                self._live = replace(book, paused=self._paused)
            return self._live

    async def former(self, version: int) -> Rulebook:
        """An earlier version, parsed again. Raises `NotFound`, and `RuleErrors` where it is of an older language."""
        return await asyncio.to_thread(_parse, await self.version(version))

    async def check(self, text: str) -> Checked:
        """All errors and warnings of a text; it is not published."""
        return await asyncio.to_thread(check, text, await self._outside())

    async def publishable(self, text: str) -> Checked:
        """All errors and warnings of a text that is to be published: it sends no message that does not exist."""
        checked = await self.check(text)
        missing = [warning for warning in checked.warnings if warning.code == "no template"]
        if not missing:
            return checked
        problems = sorted([*checked.problems, *missing], key=lambda problem: (problem.line, problem.column))
        others = [warning for warning in checked.warnings if warning not in missing]
        return replace(checked, problems=problems, warnings=others, book=None)

    async def _outside(self) -> Known:
        """What there is outside of a text: the messages, and what time it is."""
        names = await self._store.messages.names()
        templates = frozenset(f"{channel}/{name}" for name, channel in names)
        now = earliest_now(self._store.clock.now())
        return Known(messages=frozenset(name for name, _ in names), templates=templates, now=now)

    async def publish(self, actor: Actor, text: str, *, base: int, comment: str = "") -> RulebookVersion:
        """Publish a text as the version after `base`.

        Raises `Forbidden` without the role `approver` or the scope `rules`, `WrongRulebook` with what `check` found,
        `Conflict` where the base has moved on.
        """
        _require_rules(actor)
        return await self._publish(actor, text, base, comment)

    async def _publish(self, actor: Actor, text: str, base: int, comment: str) -> RulebookVersion:
        checked = await self.publishable(text)
        if not checked.ok:
            raise WrongRulebook(checked)
        author = actor.name or actor.id
        version = await self._store.rulebooks.publish(text, author=author, comment=comment[:500], base=base)
        self.look_again()
        return version

    async def rollback(self, actor: Actor, number: int) -> RulebookVersion:
        """Publish the text of an earlier version again, as a new version; raises as `publish` does, and `NotFound`."""
        _require_rules(actor)
        return await self.restore(actor, number)

    async def restore(self, actor: Actor, number: int) -> RulebookVersion:
        """Publish the text of an earlier version again, for those whom the caller lets do so; raises as `publish`."""
        earlier = await self.version(number)
        base = await self._store.rulebooks.current_version()
        return await self._publish(actor, earlier.text, base, f"rollback to {number}")

    async def current(self) -> RulebookVersion:
        """The published version; raises `NotFound` before the first."""
        return await self.version(await self._store.rulebooks.current_version())

    async def version(self, number: int) -> RulebookVersion:
        """A version by number; raises `NotFound`."""
        record = await self._store.rulebooks.get(number)
        if record is None:
            raise NotFound("there is no such version of the rulebook; `history` lists them", code="no_version")
        return record

    async def counts(self, name: str) -> RuleStats:
        """How often a rule fired or counted, met a missing value, and met another error."""
        return await self._store.stats.rule(name)

    async def sent_in_vain(self, book: Rulebook | None = None) -> dict[str, int]:
        """Traits that sites send and a rulebook, the published one where none is given, does not declare: how often."""
        declared = (book or await self.live()).attributes
        taken = {attribute.trait or name for name, attribute in declared.items()}
        return {trait: count for trait, count in (await self._store.stats.undeclared()).items() if trait not in taken}

    async def versions(self, limit: int = 50) -> list[RulebookVersion]:
        """The latest versions, newest first."""
        return await self._store.rulebooks.versions(limit)


def earliest_now(now: Millis) -> str:
    """The local time in the zone where it is earliest: what is before it is past for every contact."""
    return instant(now).astimezone(_WESTERNMOST).strftime("%Y-%m-%d %H:%M")


def check(text: str, known: Known | None = None) -> Checked:
    """All errors and warnings of a text; `known` is what there is outside it.

    Takes as long as parsing does: call it off the event loop.
    """
    if len(text) > _LARGEST:
        problem = Problem(line=1, column=1, message=f"a rulebook has at most {_LARGEST} characters", code="too_long")
        return Checked(problems=[problem], warnings=[])
    try:
        book = parse_rulebook(text, known)
    except RuleErrors as errors:
        return Checked(problems=errors.problems, warnings=errors.warnings)
    problems = not_run_yet(book)
    return Checked(problems=problems, warnings=list(book.warnings), book=None if problems else book)


def _require_rules(actor: Actor) -> None:
    if "rules" not in actor.scopes and not actor.has("admin"):
        raise Forbidden("publishing needs an API key with the scope `rules`, or the role admin", code="needs_rules")


def _parse(record: RulebookVersion) -> Rulebook:
    return replace(parse_rulebook(record.text), version=record.version, published=record.time)
