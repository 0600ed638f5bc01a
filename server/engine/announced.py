"""Entries about no contact: what they begin for all contacts of a partition."""

from __future__ import annotations

from rules.actions import Occasion, OnBroadcast, OnFeed
from rules.entry import Broadcast, ScenarioResumed
from rules.occurrence import Occurrence
from rules.rulebook import Rulebook
from server.engine.batch import Batch
from server.store.sweeps import Sweep, sweep_name

__all__ = ["announce"]


def announce(batch: Batch, entry: Broadcast | ScenarioResumed, book: Rulebook) -> None:
    """Begin the sweep of an entry, unless one of the same id was begun in the last seven days."""
    match entry:
        case Broadcast():
            name = sweep_name(f"broadcast/{entry.id}")
            sweep = Sweep(occurrences=_occurrences(entry, book), begun=batch.moment)
        case ScenarioResumed():
            name = sweep_name(f"resumed/{entry.id}")
            sweep = Sweep(resumed=entry.scenario, begun=batch.moment)
    change = batch.agenda
    if batch.owned.agenda.knows(name, batch.moment) or name in change.begun or name in change.through:
        return
    if sweep.occurrences or sweep.resumed:
        change.begun[name] = sweep
    else:
        change.through[name] = batch.moment


def _occurrences(entry: Broadcast, book: Rulebook) -> tuple[Occurrence, ...]:
    """The broadcast as triggers and scenarios take it, each kind at once."""

    def waits(occasion: Occasion) -> bool:
        match occasion:
            case OnBroadcast(event=event):
                return not entry.feed and event == entry.event.name
            case OnFeed(url=url):
                return url == entry.feed
        return False

    triggers = tuple(name for name, trigger in book.triggers.items() if waits(trigger.occasion))
    scenarios = tuple(name for name, scenario in book.scenarios.items() if waits(scenario.occasion))
    found: list[Occurrence] = []
    if triggers:
        found.append(Occurrence(id=f"broadcast/{entry.id}", statement="trigger", rules=triggers, event=entry.event))
    if scenarios:
        found.append(Occurrence(id=f"broadcast/{entry.id}", statement="scenario", rules=scenarios, event=entry.event))
    return tuple(found)
