"""Dated rules: when `at` and `every` come about, in each time zone of a partition's contacts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import Literal, NamedTuple, TypeAlias

from rules.actions import At, Every
from rules.contact import Contact, Event, Millis
from rules.local_time import every, moment_at
from rules.moment import instant, known_zone, zone
from rules.occurrence import Occurrence
from rules.rulebook import Rulebook
from server.engine.formers import Formers
from server.engine.owned import Owned
from server.store.sweeps import Agenda, AgendaChange, Sweep, sweep_name

__all__ = ["Dated", "is_in", "zone_of"]

Statement: TypeAlias = Literal["scenario", "trigger"]
Clock: TypeAlias = tuple[str, str]  # "at" and "YYYY-MM-DD HH:MM", or a day and "HH:MM"

_NEVER: Millis = 1 << 53
_KNOWN = 4  # moments of a rule in a zone that are remembered: partitions are asked about one after the other
_FURTHEST: Millis = 8 * 86_400_000  # before now; a rule `every` comes about within a week


class _Rule(NamedTuple):
    statement: Statement
    name: str
    occasion: At | Every

    @property
    def clock(self) -> Clock:
        """What says when it comes about, whomever it is for."""
        match self.occasion:
            case At(moment=moment):
                return "at", moment
            case Every(day=day, time=time):
                return day, time


def dated_rules(book: Rulebook) -> list[_Rule]:
    """The triggers and scenarios that come about by the clock."""
    tables: tuple[tuple[Statement, Iterable[tuple[str, object]]], ...] = (
        ("trigger", ((name, trigger.occasion) for name, trigger in book.triggers.items())),
        ("scenario", ((name, scenario.occasion) for name, scenario in book.scenarios.items())),
    )
    return [
        _Rule(statement, name, occasion)
        for statement, rules in tables
        for name, occasion in rules
        if isinstance(occasion, At | Every)
    ]


def zone_of(contact: Contact) -> str:
    """The time zone that a contact names, where there is one of that name; else ""."""
    name = contact.attributes.get("timezone")
    return name if isinstance(name, str) and name and known_zone(name) is not None else ""


def is_in(sweep: Sweep, contact_zone: str, timezone: str) -> bool:
    """Whether a sweep of a dated rule concerns those of a time zone: there its local time is its moment."""
    return not sweep.local or moment_at(sweep.local, zone(contact_zone, timezone)) == sweep.moment


class Dated:
    """Begins the sweeps of dated rules, partition by partition.

    A rule that a new version of the rulebook brings, or brings another time for, counts from its publishing on: a
    moment before never comes. Of several moments of a rule `every` that nobody saw to, only the latest comes about.
    """

    def __init__(self, formers: Formers, timezone: str) -> None:
        self._formers = formers
        self._timezone = timezone
        self._version = -1
        self._rules: list[_Rule] = []
        self._clocks: tuple[Clock, ...] = ()
        self._known: dict[tuple[str, str, str], dict[Millis, Millis]] = {}  # moment → since when it is the next one

    def begin(self, owned: Iterable[Owned], book: Rulebook, now: Millis) -> list[tuple[Owned, AgendaChange]]:
        """What has come about in these partitions, to be written; and note when the next does."""
        if book.version != self._version:
            self._version, self._rules, self._known = book.version, dated_rules(book), {}
            self._clocks = tuple(_by_clock(self._rules))
        found: list[tuple[Owned, AgendaChange]] = []
        for own in owned:
            agenda = own.agenda
            if agenda.version != book.version:
                change = self._taken_up(agenda, book, now)
            elif self._rules and self._next(agenda) <= now:
                change = self._change(agenda, book, now, agenda.looked, self._rules)
            else:
                change = None
            if change is not None:
                found.append((own, change))
            agenda.checked = now
        return found

    def following(self, own: Owned) -> Millis | None:
        """When the next dated rule of a partition comes about; None where there is none."""
        if not self._rules or own.agenda.version != self._version:
            return None
        following = self._next(own.agenda)
        return None if following == _NEVER else following

    def _taken_up(self, agenda: Agenda, book: Rulebook, now: Millis) -> AgendaChange | None:
        """What has come about when a version of the rulebook reaches a partition."""
        former = self._formers.at(agenda.version) if agenda.version else None
        before = [] if former is None else dated_rules(former)
        if not self._rules and not before:
            agenda.version, agenda.looked, agenda.following = book.version, now, None
            return None
        known = {(rule.statement, rule.name, rule.clock) for rule in before}
        kept = [rule for rule in self._rules if (rule.statement, rule.name, rule.clock) in known]
        new = [rule for rule in self._rules if rule not in kept]
        change = self._change(agenda, book, now, agenda.looked, kept)
        later = self._change(agenda, book, now, max(agenda.looked, book.published), new)
        change.begun.update(later.begun)
        return change

    def _change(
        self, agenda: Agenda, book: Rulebook, now: Millis, looked: Millis, rules: Iterable[_Rule]
    ) -> AgendaChange:
        change = AgendaChange(looked=(book.version, now))
        for clock, some in _by_clock(rules).items():
            moments: dict[Millis, str] = {}  # with one of the zones in which it is
            for name in _zones(agenda):
                moment = self._latest(clock, name, looked, now)
                if moment is not None:
                    moments.setdefault(moment, name)
            for moment, name in moments.items():
                for rule in some:
                    sweep = _sweep(rule, moment, zone(name, self._timezone), now)
                    key = sweep_name(f"{sweep.occurrences[0].id}@{moment}")
                    if rule.name not in book.paused and not agenda.knows(key, now):
                        change.begun[key] = sweep
        return change

    def _latest(self, clock: Clock, name: str, looked: Millis, now: Millis) -> Millis | None:
        """The last moment in a zone that is after `looked` and not after `now`."""
        found, after = None, looked if clock[0] == "at" else max(looked, now - _FURTHEST)
        while (moment := self._after(clock, name, after)) <= now:
            found = after = moment
        return found

    def _next(self, agenda: Agenda) -> Millis:
        if agenda.following is None:
            agenda.following = min(
                (self._after(clock, name, agenda.looked) for clock in self._clocks for name in _zones(agenda)),
                default=_NEVER,
            )
        return agenda.following

    def _after(self, clock: Clock, name: str, after: Millis) -> Millis:
        """The first moment in a zone after another."""
        kind, text = clock
        known = self._known.setdefault((kind, text, name), {})
        for moment, since in known.items():
            if since <= after < moment:
                return moment
        where = zone(name, self._timezone)
        if kind == "at":
            only = moment_at(text, where)
            moment, since = (only, 0) if after < only else (_NEVER, only)
        else:
            moment, since = every(kind, text, where, after), after
        while len(known) >= _KNOWN:
            del known[next(iter(known))]
        known[moment] = min(since, known.pop(moment, since))
        return moment


def _by_clock(rules: Iterable[_Rule]) -> dict[Clock, list[_Rule]]:
    found: dict[Clock, list[_Rule]] = {}
    for rule in rules:
        found.setdefault(rule.clock, []).append(rule)
    return found


def _zones(agenda: Agenda) -> Iterator[str]:
    """The time zones of a partition's contacts; "" is the installation's."""
    yield ""
    for name, number in agenda.zones.items():
        if number > 0:
            yield name


def _sweep(rule: _Rule, moment: Millis, where: tzinfo, now: Millis) -> Sweep:
    kind, text = rule.clock
    local = text if kind == "at" else f"{instant(moment).astimezone(where).date()} {text}"
    occurrence = Occurrence(
        id=f"{rule.statement}/{rule.name}/{local.replace(' ', 'T')}",
        statement=rule.statement,
        rules=(rule.name,),
        event=Event(rule.name, moment, {}),
        dated=True,
    )
    return Sweep(occurrences=(occurrence,), begun=now, local=local, moment=moment)
