"""Scenarios and the runs of contacts through them: how many wait at each step, and where a contact is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from rules.contact import Contact, Run
from rules.rulebook import If, Rulebook, Scenario, Split, Step
from server.errors import NotFound
from server.model.actor import Actor
from server.services.access import require
from server.services.contacts import Contacts
from server.services.rulebooks import Rulebooks
from server.services.views import moment
from server.store.runs import RunCounts
from server.store.runs import Runs as Counts
from server.store.store import Store

__all__ = ["RunView", "Runs", "ScenarioSteps", "ScenarioView", "StepView"]


class ScenarioView(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario: its statement, how many runs wait in it now, how many ever started, finished and were stopped."""

    name: str
    text: str
    version: int
    waiting: int
    started: int
    finished: int
    stopped: int
    paused: bool = False


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a scenario's steps: `place` as a run's, with dots between; `depth` counts the blocks around it.

    `waiting`: how many runs wait there. The arms of an `if` and the blocks of a `split` are lines of their own.
    """

    place: str
    text: str
    depth: int = 0
    label: str = ""
    waiting: int = 0


class ScenarioSteps(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario and its steps in their order. `elsewhere`: runs at places that the text does not have any more; the
    engine is about to move them."""

    scenario: ScenarioView
    steps: list[StepView]
    elsewhere: int = 0


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a contact: where it waits, since when, and until when (None: for something to happen)."""

    id: str
    scenario: str
    entry: str  # name of what started it
    started: datetime
    place: str
    text: str  # of the step; "" where the text does not have it any more
    since: datetime
    due: datetime | None
    paused: bool = False


class Runs:
    """Reads what the engine keeps of scenarios."""

    def __init__(self, store: Store, rulebooks: Rulebooks, contacts: Contacts) -> None:
        self._counts = Counts(store.redis, store.partitions)
        self._rulebooks = rulebooks
        self._contacts = contacts

    async def scenarios(self, actor: Actor) -> list[ScenarioView]:
        """All scenarios, in the order of the text. Raises `Forbidden`."""
        require(actor, "read", "viewer")
        book, counts = await self._rulebooks.live(), await self._counts.counts()
        return [_view(book, name, counts.get(name, RunCounts())) for name in book.scenarios]

    async def scenario(self, actor: Actor, name: str) -> ScenarioSteps:
        """A scenario's steps, and how many runs wait at each. Raises `Forbidden`, `NotFound`."""
        require(actor, "read", "viewer")
        book = await self._rulebooks.live()
        scenario = book.scenarios.get(name)
        if scenario is None:
            raise NotFound("the rulebook has no such scenario", code="no_scenario", name=name)
        counts = (await self._counts.counts()).get(name, RunCounts())
        lines = book.text.split("\n")
        steps = [
            StepView(place=_dotted(place), text=text, depth=depth, label=label, waiting=counts.at.get(place, 0))
            for place, text, depth, label in _lines(scenario.steps, lines)
        ]
        shown = sum(step.waiting for step in steps)
        return ScenarioSteps(scenario=_view(book, name, counts), steps=steps, elsewhere=counts.waiting - shown)

    async def runs(self, actor: Actor, ref: str) -> list[RunView]:
        """Where a contact is in scenarios, the oldest run first. Raises `Forbidden`, `NotFound`."""
        contact = await self._contacts.find(actor, ref, "marketer")
        book = await self._rulebooks.live()
        return self.of(contact, book)

    def of(self, contact: Contact, book: Rulebook) -> list[RunView]:
        """The runs of a contact that is at hand."""
        texts = {name: _texts(scenario, book) for name, scenario in book.scenarios.items()} if contact.runs else {}
        return [_run(run, texts.get(run.scenario, {}), book) for run in contact.runs]


def _view(book: Rulebook, name: str, counts: RunCounts) -> ScenarioView:
    return ScenarioView(
        name=name,
        text=book.sources[("scenario", name)],
        version=book.version,
        waiting=counts.waiting,
        started=counts.started,
        finished=counts.finished,
        stopped=counts.stopped,
        paused=name in book.paused,
    )


def _run(run: Run, texts: dict[tuple[int, ...], str], book: Rulebook) -> RunView:
    return RunView(
        id=run.id,
        scenario=run.scenario,
        entry=run.entry.name,
        started=moment(run.started),
        place=_dotted(run.place),
        text=texts.get(run.place, ""),
        since=moment(run.since),
        due=None if run.due is None else moment(run.due),
        paused=run.scenario in book.paused,
    )


def _texts(scenario: Scenario, book: Rulebook) -> dict[tuple[int, ...], str]:
    return {place: text for place, text, _, _ in _lines(scenario.steps, book.text.split("\n"))}


def _dotted(place: Sequence[int]) -> str:
    return ".".join(map(str, place))


_Line = tuple[tuple[int, ...], str, int, str]  # place, text, depth, label


def _lines(
    steps: Sequence[Step], lines: Sequence[str], before: tuple[int, ...] = (), depth: int = 0
) -> Iterator[_Line]:
    """Every line of a block, each step at its place; a block's own line has the place of the step and of the arm."""
    for number, step in enumerate(steps):
        place = (*before, number)
        match step:
            case If(branches=branches):
                for arm, branch in enumerate(branches):
                    yield (*place, arm), _text(lines, branch.line), depth, branch.label
                    yield from _lines(branch.steps, lines, (*place, arm), depth + 1)
            case Split(shares=shares):
                yield place, _text(lines, step.line), depth, step.label
                for arm, share in enumerate(shares):
                    yield (*place, arm), _text(lines, share.line), depth + 1, share.name
                    yield from _lines(share.steps, lines, (*place, arm), depth + 2)
            case _:
                yield place, _text(lines, step.line), depth, step.label


def _text(lines: Sequence[str], line: int) -> str:
    """A line of the rulebook, with those that go on after a backslash, without indentation."""
    text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    while text.endswith("\\") and line < len(lines):
        text, line = text[:-1].rstrip() + " " + lines[line].strip(), line + 1
    return text
