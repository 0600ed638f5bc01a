"""A decision under way: the contact, the plan, the facts, and what is still to be settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from rules.contact import Contact, Event, Millis
from rules.decision import Decision, Mishap
from rules.expression import EVALUATION_FAULTS, fault
from rules.facts import EventFacts, facts_now
from rules.history import History
from rules.moment import zone
from rules.occurrence import Occurrence
from rules.plan import Hit, Occasion, Plan
from rules.rulebook import Rulebook

__all__ = ["EVALUATION_FAULTS", "Course"]


@dataclass(slots=True, eq=False)
class Course:
    """What the parts of one decision share. `muted`: no trigger fires."""

    contact: Contact
    plan: Plan
    now: Millis
    entry_id: str
    timezone: str
    decision: Decision = field(default_factory=Decision)
    muted: bool = False
    past: Sequence[Event] = ()
    dirty: list[int] = field(default_factory=list)  # positions of nodes to settle
    again: dict[str, Hit] = field(default_factory=dict)  # `on` scores to work out again from the history
    occasions: list[tuple[Occasion, Event | None]] = field(default_factory=list)  # with the event that each is about
    fired: set[str] = field(default_factory=set)
    begun: tuple[tuple[str, str], ...] = ()  # (scenario, key) of each run started
    entered: frozenset[tuple[str, str]] = frozenset()  # (scenario, key) that was entered
    newborn: frozenset[str] = frozenset()  # ids of the runs started; nothing that follows starts these again
    occurrences: tuple[tuple[str, Occurrence], ...] = ()  # by "trigger/NAME" or "scenario/NAME"
    shown: EventFacts | None = None  # the event that expressions may read
    rezoned: bool = False  # the contact's time zone is another now
    redated: bool = False  # a yearly rule may come at another moment now
    windows: set[int] = field(default_factory=set)  # places in `Plan.windows` that something evaluated reads
    moments: list[Millis] = field(default_factory=list)  # when something evaluated may change by time alone
    rescored: bool = False
    known_facts: dict[str, Any] | None = None
    former: Rulebook | None = None  # that the contact's state is of, where it is another one and known
    left_out: set[str] | None = None  # asked for: takes what would react but for want of consent, see `decide`
    _where: tzinfo | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """The facts at `now`, made when first asked for."""
        facts = self.known_facts
        if facts is None:
            contact = self.contact
            history = History(contact.index, self.plan.kept, self.now, contact.tail)
            facts = self.known_facts = facts_now(contact, self.plan.book, self.now, history)
            if self.shown is not None:
                facts["event"] = self.shown
        return facts

    def come_about(self, occurrence: Occurrence) -> None:
        """Let the rules of an occurrence take it."""
        for name in occurrence.rules:
            key = f"{occurrence.statement}/{name}"
            self.occurrences = (*self.occurrences, (key, occurrence))
            self.happen("occurrence", key)

    def happen(self, kind: str, name: str, event: Event | None = None) -> None:
        """Note what rules may react to."""
        self.occasions.append(((kind, name), event))

    def speak_of(self, event: Event | None) -> None:
        """Let expressions read an event as `event`, or none."""
        self.shown = None if event is None else EventFacts(event)
        if self.known_facts is not None:
            if self.shown is None:
                self.known_facts.pop("event", None)
            else:
                self.known_facts["event"] = self.shown

    @property
    def where(self) -> tzinfo:
        """The contact's time zone."""
        if self._where is None:
            self._where = zone(self.contact.attributes.get("timezone"), self.timezone)
        return self._where

    def forget(self, attribute: str) -> None:
        """An attribute, or the score, has changed: read it again."""
        if self.known_facts is not None:
            self.known_facts["contact"].clear()
        if attribute == "timezone":
            self._where = None

    def changed_at(self, name: str, time: Millis) -> None:
        """What `on` scores read has changed at a moment: those of events since then are to be worked out again."""
        reading = self.plan.hits_reading.get(name)
        if reading and self.contact.tail and time <= self.contact.tail[-1].time:
            self.again.update({hit.name: hit for hit in reading})

    def reset(self) -> None:
        """Much has changed: make the facts anew."""
        self.known_facts = None
        self._where = None

    def mishap(self, rule: str, problem: Exception, statement: str = "score") -> None:
        """Note that an expression met an error: it does not match. One of a scenario, which is asked often, once."""
        error = fault(problem)
        mishap = Mishap(rule=rule, kind=error.kind, symbol=error.symbol, statement=statement)
        if statement != "scenario" or mishap not in self.decision.mishaps:
            self.decision.mishaps.append(mishap)
