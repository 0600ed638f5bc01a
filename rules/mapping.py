"""Where the runs that wait in one text of a scenario go on in another.

A step with a label is the step of that label in the other text, wherever that stands. The others, and those whose label
the other text does not have, are matched in order within matched blocks: actions by their kind and target, as many as
possible (a longest common subsequence); a `wait for` by its event or its neighbours, other waits by their neighbours,
which are the nearest steps that are no such waits. A branch of an `if` is matched by its label, else in order; a branch
of a split by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeAlias, TypeVar

import msgspec

from rules.phrases import Phrases
from rules.rulebook import (
    AddToList,
    AlertTeam,
    Branch,
    Convert,
    If,
    RemoveFromList,
    Scenario,
    Send,
    SetAttribute,
    Share,
    Split,
    StartScenario,
    Step,
    StopScenario,
    Task,
    Wait,
    WaitFor,
    WaitUntil,
    meaning,
)
from rules.words import Language

__all__ = ["Moved", "Place", "describe", "map_places"]

Place: TypeAlias = tuple[int, ...]  # of a step, or (without its last number) of a block
Score: TypeAlias = tuple[int, int, int]  # steps matched by kind and target, neighbours matched, likeness
_Token: TypeAlias = tuple[str, ...]
T = TypeVar("T")

_NONE: Score = (0, 0, 0)
_PAIRS = 40_000  # of steps that are compared, each with each
_NEAR = 50
_TIMER: _Token = ("wait",)


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the runs that wait at a step: as it was written and as it is now; `after` None: they stop.

    `line` and `new_line` are those of the two texts.
    """

    before: str
    after: str | None
    place: Place
    new_place: Place | None
    line: int = 0
    new_line: int = 0


def map_places(old: Scenario, new: Scenario) -> Mapping[Place, Place | None]:
    """For each waiting step of the old text its place in the new one; None where the step is gone."""
    mine, theirs = _Text(old), _Text(new)
    waits = [place for place, step in mine.steps.items() if isinstance(step, Wait | WaitUntil | WaitFor)]
    if meaning(old.steps) == meaning(new.steps):
        return {place: place for place in waits}
    found = _Matching(mine, theirs).pairs
    return {
        place: new_place if isinstance(theirs.steps.get(new_place), Wait | WaitUntil | WaitFor) else None
        for place in waits
        for new_place in (found.get(place, ()),)
    }


def describe(old: Scenario, new: Scenario, language: Language = "en") -> list[Moved]:
    """What becomes of the runs at each waiting step, where that is another text or another place; in order."""
    mine, theirs = _Text(old), _Text(new)
    phrases = Phrases(language)
    found = []
    for place, new_place in map_places(old, new).items():
        step, other = mine.steps[place], None if new_place is None else theirs.steps[new_place]
        before, after = phrases.step(step), None if other is None else phrases.step(other)
        if before != after or place[:-1] != (new_place or ())[:-1]:
            found.append(
                Moved(
                    before=before, after=after, place=place, new_place=new_place,
                    line=step.line, new_line=0 if other is None else other.line,
                )
            )  # fmt: skip
    return found


class _Text:
    """A scenario's steps by their place, its blocks, and what stands under which label."""

    def __init__(self, scenario: Scenario) -> None:
        self.steps: dict[Place, Step] = {}
        self.blocks: dict[Place, tuple[Step, ...]] = {}
        self.labels: dict[str, Place] = {}
        self.branches: dict[str, Place] = {}  # blocks, by the label of their branch of an `if`
        self._read(scenario.steps, ())

    def _read(self, steps: tuple[Step, ...], block: Place) -> None:
        self.blocks[block] = steps
        for number, step in enumerate(steps):
            place = (*block, number)
            self.steps[place] = step
            if not isinstance(step, If) and step.label:
                self.labels[step.label] = place
            branches: tuple[Branch | Share, ...] = ()
            if isinstance(step, If):
                branches = step.branches
            elif isinstance(step, Split):
                branches = step.shares
            for at, branch in enumerate(branches):
                if isinstance(branch, Branch) and branch.label:
                    self.branches[branch.label] = (*place, at)
                self._read(branch.steps, (*place, at))


class _Item(msgspec.Struct, frozen=True):
    """A step that is to be paired: its kind and target, and those of its neighbours that are no timed waits."""

    place: Place
    step: Step
    token: _Token
    before: _Token
    behind: _Token


class _Matching:
    """The steps of two texts, paired: by label, then block by block."""

    def __init__(self, mine: _Text, theirs: _Text) -> None:
        self._mine = mine
        self._theirs = theirs
        self.pairs = {place: theirs.labels[label] for label, place in mine.labels.items() if label in theirs.labels}
        labelled = [
            (block, theirs.branches[label]) for label, block in mine.branches.items() if label in theirs.branches
        ]
        for block, other in labelled:
            if block[:-1] not in self.pairs and other[:-1] not in self.pairs.values():
                self.pairs[block[:-1]] = other[:-1]
        self._follow([*labelled, ((), ()), *self._within(list(self.pairs.items()))])

    def _follow(self, blocks: list[tuple[Place, Place]]) -> None:
        """Pair what stands in blocks that belong together, and in the blocks within."""
        mine: set[Place] = set()
        theirs: set[Place] = set()
        for block, other in blocks:  # it grows meanwhile
            if block not in mine and other not in theirs:
                mine.add(block)
                theirs.add(other)
                ours, others = (
                    _items(self._mine, block, self.pairs),
                    _items(self._theirs, other, set(self.pairs.values())),
                )
                found = [(ours[at].place, others[to].place) for at, to in _align(ours, others, _alike)]
                self.pairs.update(found)
                blocks += self._within(found)

    def _within(self, pairs: list[tuple[Place, Place]]) -> Iterator[tuple[Place, Place]]:
        """The blocks within paired steps that belong together."""
        for place, other in pairs:
            match self._mine.steps[place], self._theirs.steps[other]:
                case If(branches=ours), If(branches=theirs):
                    for at, to in _align(ours, theirs, self._alike_branches):
                        yield (*place, at), (*other, to)
                case Split(shares=ours), Split(shares=theirs):
                    names = {share.name: to for to, share in enumerate(theirs)}
                    for at, share in enumerate(ours):
                        if share.name in names:
                            yield (*place, at), (*other, names[share.name])

    def _alike_branches(self, one: Branch, other: Branch) -> Score:
        """How well two branches of an `if` fit each other that were not matched by label."""
        if one.label in self._theirs.branches or other.label in self._mine.branches:
            return _NONE
        if one.condition is None or other.condition is None:
            return (1, 0, 0) if one.condition is other.condition else _NONE
        return 1, 0, int(one.condition.text == other.condition.text)


def _items(text: _Text, block: Place, taken: Collection[Place]) -> list[_Item]:
    """The steps of a block that are still to be paired."""
    steps = text.blocks[block]
    tokens = [_token(step) for step in steps]
    return [
        _Item(
            place,
            step,
            tokens[number],
            next((token for token in reversed(tokens[:number]) if token != _TIMER), ()),
            next((token for token in tokens[number + 1 :] if token != _TIMER), ()),
        )
        for number, step in enumerate(steps)
        if (place := (*block, number)) not in taken
    ]


def _token(step: Step) -> _Token:
    """The kind and the target of a step."""
    kind = type(step).__name__
    match step:
        case Wait() | WaitUntil():
            return _TIMER
        case Send(channel=channel, message=message):
            return kind, channel, message
        case AlertTeam(team=target) | Task(team=target) | AddToList(list=target) | RemoveFromList(list=target):
            return kind, target
        case SetAttribute(attribute=target) | Convert(name=target) | WaitFor(event=target):
            return kind, target
        case StartScenario(scenario=target) | StopScenario(scenario=target):
            return kind, target
        case _:
            return (kind,)


def _alike(one: _Item, other: _Item) -> Score:
    """How well two steps of matched blocks fit each other."""
    same = one.token == other.token
    neighbours = (one.before == other.before) + (one.behind == other.behind)
    match one.step, other.step:
        case ((Wait() | WaitUntil()), (Wait() | WaitUntil())):
            alike = (type(one.step) is type(other.step)) + (meaning(one.step) == meaning(other.step))
            return (0, neighbours, alike) if neighbours else _NONE
        case WaitFor(), WaitFor() if not same:
            return (0, neighbours, 0) if neighbours else _NONE
        case If(branches=ours), If(branches=theirs):
            return 1, 0, len(_texts(ours) & _texts(theirs))
        case Split(shares=ours), Split(shares=theirs):
            return 1, 0, len({share.name for share in ours} & {share.name for share in theirs})
        case _:
            return (1, 0, int(meaning(one.step) == meaning(other.step))) if same else _NONE


def _texts(branches: tuple[Branch, ...]) -> set[str]:
    return {branch.condition.text for branch in branches if branch.condition is not None}


def _align(ours: Sequence[T], theirs: Sequence[T], alike: Callable[[T, T], Score]) -> list[tuple[int, int]]:
    """The pairs, in order in both, that fit best in all; the earliest where several do.

    What both begin or end with alike is paired at once; of a very long rest only what is near is looked at.
    """
    first, end = 0, 0
    short = min(len(ours), len(theirs))
    while first < short and _same(ours[first], theirs[first], alike):
        first += 1
    while end < short - first and _same(ours[-1 - end], theirs[-1 - end], alike):
        end += 1
    mine, other = ours[first : len(ours) - end], theirs[first : len(theirs) - end]
    middle = _best(mine, other, alike) if len(mine) * len(other) <= _PAIRS else _near(mine, other, alike)
    behind = [(len(ours) - back, len(theirs) - back) for back in range(end, 0, -1)]
    return [*((at, at) for at in range(first)), *((at + first, to + first) for at, to in middle), *behind]


def _same(one: T, other: T, alike: Callable[[T, T], Score]) -> bool:
    """Whether two steps mean the same, and may be paired."""
    mine, theirs = (each.step if isinstance(each, _Item) else each for each in (one, other))
    return meaning(mine) == meaning(theirs) and alike(one, other) != _NONE


def _near(ours: Sequence[T], theirs: Sequence[T], alike: Callable[[T, T], Score]) -> list[tuple[int, int]]:
    """Each step of two long blocks with the first that fits it a little further on."""
    found, to = [], 0
    for at, one in enumerate(ours):
        near = (place for place in range(to, min(to + _NEAR, len(theirs))) if alike(one, theirs[place]) != _NONE)
        place = next(near, None)
        if place is not None:
            found.append((at, place))
            to = place + 1
    return found


def _best(ours: Sequence[T], theirs: Sequence[T], alike: Callable[[T, T], Score]) -> list[tuple[int, int]]:
    best = [[_NONE] * (len(theirs) + 1) for _ in range(len(ours) + 1)]
    fits = [[alike(one, other) for other in theirs] for one in ours]
    for at in reversed(range(len(ours))):
        for to in reversed(range(len(theirs))):
            best[at][to] = max(best[at + 1][to], best[at][to + 1], _paired(fits, best, at, to))
    found, at, to = [], 0, 0
    while at < len(ours) and to < len(theirs):
        if fits[at][to] != _NONE and best[at][to] == _paired(fits, best, at, to):
            found.append((at, to))
            at, to = at + 1, to + 1
        elif best[at][to] == best[at + 1][to]:
            at += 1
        else:
            to += 1
    return found


def _paired(fits: list[list[Score]], best: list[list[Score]], at: int, to: int) -> Score:
    (a, b, c), (d, e, f) = fits[at][to], best[at + 1][to + 1]
    return a + d, b + e, c + f
