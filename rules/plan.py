"""What follows from a rulebook, worked out once: which event, attribute, list or consent changes which rule.

A *node* is something that is true or false of a contact now, or its score: a segment, a `while` score, the score
itself. Nodes are ordered so that each comes after those that it reads; one pass in this order settles them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from rules.history import Spec
from rules.rulebook import AtMost, Rulebook, Scenario, Trigger
from rules.template import Template

__all__ = ["EventPlan", "Hit", "Node", "Occasion", "Plan", "ScenarioPlan", "StopWhen", "Yearly"]

Occasion: TypeAlias = tuple[str, str]  # ("event", name), ("enter", segment), …


@dataclass(slots=True, eq=False)
class Hit:
    """An `on` score, ready to run. `run` is None where it has no `when`.

    `plain`: its `when` reads the event alone. `looks_back`: its `when` reads the history, so that a late event can
    change the outcome of later ones.
    """

    name: str
    tenths: int
    event: str
    purpose: str | None
    at_most: AtMost | None
    halves: int  # milliseconds; 0: does not
    lasts: int
    run: Any
    expression: Any
    plain: bool
    looks_back: bool
    ages: bool
    simple: bool  # every hit counts, and for ever


@dataclass(slots=True, eq=False)
class Node:
    """A segment, a `while` score, or the score. `readers` are the positions of nodes that read this one."""

    name: str
    kind: Literal["segment", "while", "score"]
    position: int
    purpose: str | None = None
    tenths: int = 0
    run: Any = None
    expression: Any = None
    windows: frozenset[int] = frozenset()  # places in `Plan.windows`
    by_clock: bool = False  # reads `now`, an age, …: the expression itself says when it changes
    thresholds: tuple[float, ...] | None = None  # tenths that the score is compared with; None: any change counts
    reads_score: bool = False
    readers: tuple[int, ...] = ()


@dataclass(slots=True, eq=False)
class EventPlan:
    """What an event of one name concerns."""

    specs: tuple[Spec, ...] = ()
    hits: tuple[Hit, ...] = ()
    conditional: bool = False  # a hit needs the facts as of the event
    back: tuple[Hit, ...] = ()  # hits to work out again when such an event is late
    nodes: tuple[int, ...] = ()


@dataclass(slots=True, eq=False)
class StopWhen:
    """A `stop when`, ready to run."""

    run: Any
    expression: Any
    windows: frozenset[int]
    by_clock: bool


@dataclass(slots=True, eq=False)
class ScenarioPlan:
    """A scenario, ready to run. `met`: events that stop or restart a run, or that a step of it waits for."""

    scenario: Scenario
    stop_whens: tuple[StopWhen, ...] = ()
    met: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Yearly:
    """A trigger or scenario that comes every year on the day of an attribute, at HH:MM."""

    statement: Literal["scenario", "trigger"]
    name: str
    attribute: str
    time: str


@dataclass(slots=True, eq=False)
class Plan:
    """A rulebook, indexed by what can change its rules."""

    book: Rulebook
    nodes: list[Node] = field(default_factory=list)
    score: int = 0  # position of the score
    events: dict[str, EventPlan] = field(default_factory=dict)
    other: EventPlan = field(default_factory=EventPlan)  # of events that no rule names
    specs: dict[str, tuple[Spec, ...]] = field(default_factory=dict)  # by event name
    kept: dict[str, int] = field(default_factory=dict)  # index key → longest window
    hits: dict[str, Hit] = field(default_factory=dict)
    hits_by_event: dict[str, tuple[Hit, ...]] = field(default_factory=dict)
    hits_reading: dict[str, tuple[Hit, ...]] = field(default_factory=dict)  # by attribute, `list:NAME`, `consent:NAME`
    ageing: tuple[Hit, ...] = ()
    by_attribute: dict[str, tuple[int, ...]] = field(default_factory=dict)
    by_list: dict[str, tuple[int, ...]] = field(default_factory=dict)
    by_purpose: dict[str, tuple[int, ...]] = field(default_factory=dict)
    scored_purposes: frozenset[str] = frozenset()  # purposes of `on` scores
    windows: list[Any] = field(default_factory=list)  # the uses of functions with a window, each once
    timed: tuple[int, ...] = ()  # nodes that time alone can change
    thresholds: tuple[float, ...] | None = ()  # tenths that segments compare an ageing score with; None: any change
    watched: bool = False  # a segment reads a score that ages
    triggers: dict[Occasion, tuple[Trigger, ...]] = field(default_factory=dict)
    templates: dict[str, Template] = field(default_factory=dict)  # by the text of the alert or task
    traits: dict[str, str] = field(default_factory=dict)  # trait → attribute
    scenarios: dict[str, ScenarioPlan] = field(default_factory=dict)
    entries: dict[Occasion, tuple[Scenario, ...]] = field(default_factory=dict)  # of scenarios that are not paused
    reacting: frozenset[Occasion] = frozenset()  # occasions on which a trigger fires or a scenario starts
    met: frozenset[str] = frozenset()  # events that runs are stopped or restarted by, or wait for
    yearly: tuple[Yearly, ...] = ()
    yearly_by: frozenset[str] = frozenset()  # attributes that say when

    def windows_in(self, reads: Any) -> frozenset[int]:
        """The windows that an expression reads, as places in `windows`; the same object for the same windows."""
        places = frozenset(self._window(use) for use in reads.functions if use.window_ms is not None)
        return next((node.windows for node in self.nodes if node.windows == places), places)

    def _window(self, use: Any) -> int:
        if use not in self.windows:
            self.windows.append(use)
        return self.windows.index(use)
