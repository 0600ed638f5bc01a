"""A rulebook over stored histories: what publishing it would change, and what would have happened under it.

A `Backtest` looks at contacts one by one and adds up in a `Tally`; tallies of several processes are merged. Segments
and scores are worked out for every contact, exactly as a recompute does; triggers and scenarios need the whole history
told again, which is done for a sample of the contacts.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, TypeAlias, TypeVar

import msgspec

from rules.consent import consented
from rules.contact import Contact, Event, Millis
from rules.decide import advance, bring_up_to_date
from rules.decision import Decision
from rules.estimate import Spread
from rules.expression import EVALUATION_FAULTS
from rules.facts import facts_now
from rules.history import History, by_time
from rules.moment import zone
from rules.planning import plan_of
from rules.reacting import fires_alike, reacting
from rules.rerun import Rerun, rerun
from rules.rulebook import At, Every, Rulebook
from rules.score import counted, score_at

__all__ = ["FIRST", "Backtest", "Moves", "Tally", "Trouble", "sample_hash"]

FIRST = 20  # contacts that are named

Rule: TypeAlias = tuple[str, str]  # kind ("score", "segment", "trigger", "scenario") and name
Key = TypeVar("Key", str, tuple[str, str])


def sample_hash(contact: str) -> int:
    """Where a contact stands in the order in which samples are taken: 63 bits of a hash of its id."""
    return int.from_bytes(blake2b(contact.encode(), digest_size=8, person=b"sample").digest(), "big") >> 1


class Moves(msgspec.Struct, array_like=True, kw_only=True):
    """How many contacts enter, or leave, a segment, and the ids of the first."""

    count: int = 0
    first: list[str] = msgspec.field(default_factory=list)

    def add(self, contact: str) -> None:
        """One more contact."""
        self.count += 1
        if len(self.first) < FIRST or contact < self.first[-1]:
            insort(self.first, contact)
            del self.first[FIRST:]

    def merge(self, other: Moves) -> None:
        """Contacts that were looked at elsewhere."""
        self.count += other.count
        self.first = sorted([*self.first, *other.first])[:FIRST]


class Trouble(msgspec.Struct, array_like=True, kw_only=True):
    """How many contacts' values were missing for a rule, for how many it met another error; the names concerned."""

    missing: Spread = msgspec.field(default_factory=Spread)
    errors: Spread = msgspec.field(default_factory=Spread)
    symbols: list[str] = msgspec.field(default_factory=list)

    def add(self, kinds: set[str], symbols: set[str]) -> None:
        """One more contact, with the kinds of error it met."""
        self.missing.add(int("missing" in kinds))
        self.errors.add(int(bool(kinds - {"missing"})))
        self.symbols = sorted({*self.symbols, *symbols} - {""})

    def merge(self, other: Trouble) -> None:
        """Contacts that were looked at elsewhere."""
        self.missing.merge(other.missing)
        self.errors.merge(other.errors)
        self.symbols = sorted({*self.symbols, *other.symbols})


class Tally(msgspec.Struct, kw_only=True):
    """What was seen of some contacts; all numbers are sums, so that tallies add up in any order.

    `contacts` were looked at, the histories of `sampled` told again, `failed` met an error of ours. `since` is the
    earliest event. `before` and `after` are members by segment; `matched` by rule the contacts for whom it holds
    (segments, `while` scores) or counts (`on` scores), `left_out` those for whom it would but for want of consent.
    Over the sample: `fired` and `fired_before` (under the present rulebook) of triggers, `started` and `started_before`
    of scenarios, `unheard` (left out for want of consent), `alerts` by rule and team, `messages` by rule and channel,
    where a scenario is called "scenario/NAME"; `teams`, `channels` over all of them. `reach`: for how many contacts the
    `to` of a dated rule, called "trigger/NAME" or "scenario/NAME", is true now.
    """

    contacts: int = 0
    sampled: int = 0
    failed: int = 0
    cut: int = 0
    rescored: int = 0
    since: Millis | None = None
    before: dict[str, int] = msgspec.field(default_factory=dict)
    after: dict[str, int] = msgspec.field(default_factory=dict)
    entered: dict[str, Moves] = msgspec.field(default_factory=dict)
    left: dict[str, Moves] = msgspec.field(default_factory=dict)
    matched: dict[Rule, int] = msgspec.field(default_factory=dict)
    left_out: dict[Rule, int] = msgspec.field(default_factory=dict)
    trouble: dict[Rule, Trouble] = msgspec.field(default_factory=dict)
    fired: dict[str, Spread] = msgspec.field(default_factory=dict)
    fired_before: dict[str, Spread] = msgspec.field(default_factory=dict)
    unheard: dict[str, Spread] = msgspec.field(default_factory=dict)
    alerts: dict[tuple[str, str], Spread] = msgspec.field(default_factory=dict)
    messages: dict[tuple[str, str], Spread] = msgspec.field(default_factory=dict)
    teams: dict[str, Spread] = msgspec.field(default_factory=dict)
    teams_before: dict[str, Spread] = msgspec.field(default_factory=dict)
    channels: dict[str, Spread] = msgspec.field(default_factory=dict)
    started: dict[str, Spread] = msgspec.field(default_factory=dict)
    started_before: dict[str, Spread] = msgspec.field(default_factory=dict)
    reach: dict[str, int] = msgspec.field(default_factory=dict)

    def merge(self, other: Tally) -> None:
        """Add what was seen of other contacts."""
        for name in ("contacts", "sampled", "failed", "cut", "rescored"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        starts = [since for since in (self.since, other.since) if since is not None]
        self.since = min(starts, default=None)
        for name in self.__struct_fields__[6:]:
            mine, theirs = getattr(self, name), getattr(other, name)
            for key, value in theirs.items():
                if isinstance(value, int):
                    mine[key] = mine.get(key, 0) + value
                elif key in mine:
                    mine[key].merge(value)
                else:
                    mine[key] = value


class Backtest:
    """Tries a draft on contacts. `draft` must have another version than `present`, which is what they are under now.

    A contact is in the sample where its `sample_hash` is at most `bound`.
    """

    def __init__(
        self, present: Rulebook, draft: Rulebook, now: Millis, timezone: str = "UTC", *, bound: int = 1 << 63
    ) -> None:
        self.tally = Tally()
        self._present = present
        self._draft = draft
        self._now = now
        self._timezone = timezone
        self._bound = bound
        self._dated = _dated(draft)
        self._reacting = reacting(draft)
        self._reacting_before = None if fires_alike(present, draft) else reacting(present)

    def take(self, contact: Contact, past: Sequence[Event]) -> None:
        """Look at a contact with the events of its stored chunks. It is changed by that, and not to be used again."""
        if contact.moved_to:
            return
        events = by_time([*past, *contact.tail])
        reruns = self._reruns(contact, events) if sample_hash(contact.id) <= self._bound else None
        before, tenths, decision = self._recompute(contact, past)
        tally = self.tally
        tally.contacts += 1
        tally.rescored += contact.tenths != tenths
        if events and (tally.since is None or events[0].time < tally.since):
            tally.since = events[0].time
        _count(tally.before, before)
        _count(tally.after, contact.segments)
        for moves, names in ((tally.entered, decision.entered), (tally.left, decision.left)):
            for name in names:
                moves.setdefault(name, Moves()).add(contact.id)
        self._rules(contact)
        for kind in ("score", "segment"):
            self._note_trouble({(m.rule, m.kind, m.symbol) for m in decision.mishaps if m.statement == kind}, kind)
        if reruns is not None:
            self._triggers(*reruns)

    def _recompute(self, contact: Contact, past: Sequence[Event]) -> tuple[set[str], int, Decision]:
        """Bring a contact to now under the present rulebook, then under the draft, as engines do."""
        where, now = self._timezone, self._now
        if contact.version != self._present.version:
            bring_up_to_date(contact, past, self._present, now, entry_id="", timezone=where)
        elif contact.changes_at is not None and contact.changes_at <= now:
            advance(contact, self._present, now, entry_id="", timezone=where, past=past)
        before, tenths = set(contact.segments), score_at(contact, self._present, now, where)
        return before, tenths, bring_up_to_date(contact, past, self._draft, now, entry_id="", timezone=where)

    def _rules(self, contact: Contact) -> None:
        """Whom the draft's scores and segments hold for, and whom only a consent is missing."""
        plan, tally = plan_of(self._draft), self.tally
        where = zone(contact.attributes.get("timezone"), self._timezone)
        for name in contact.hits:
            hit = plan.hits.get(name)
            if hit is None:
                continue
            if counted(contact, hit, where):
                _count(tally.matched, [("score", name)])
            elif hit.purpose is not None and not consented(contact, hit.purpose):
                _count(tally.left_out, [("score", name)])
        _count(tally.matched, [("score", name) for name in contact.holds])
        _count(tally.matched, [("segment", name) for name in contact.segments])
        facts = None
        for node in plan.nodes:
            if node.purpose is None or consented(contact, node.purpose):
                continue
            if facts is None:
                history = History(contact.index, plan.kept, self._now, contact.tail)
                facts = facts_now(contact, self._draft, self._now, history)
            if _true(node, facts):
                _count(tally.left_out, [("segment" if node.kind == "segment" else "score", node.name)])
        for key, purpose, to in self._dated:
            if purpose is None or consented(contact, purpose):
                if facts is None:
                    history = History(contact.index, plan.kept, self._now, contact.tail)
                    facts = facts_now(contact, self._draft, self._now, history)
                if _true(to, facts):
                    _count(tally.reach, [key])

    def _reruns(self, contact: Contact, events: Sequence[Event]) -> tuple[Rerun, Rerun]:
        found = rerun(contact, events, self._reacting, self._now, self._timezone)
        if self._reacting_before is None:
            return found, _only(found, self._present)
        return found, rerun(contact, events, self._reacting_before, self._now, self._timezone)

    def _triggers(self, found: Rerun, before: Rerun) -> None:
        tally = self.tally
        tally.sampled += 1
        tally.cut += found.cut
        for name in found.left_out:
            tally.unheard.setdefault(name, Spread()).add(1)
        _spread(tally.fired, found.fired)
        _spread(tally.fired_before, before.fired)
        _spread(tally.started, found.started)
        _spread(tally.started_before, before.started)
        _spread(tally.alerts, found.alerts)
        _spread(tally.messages, found.messages)
        _spread(tally.teams, _by_place(found.alerts))
        _spread(tally.teams_before, _by_place(before.alerts))
        _spread(tally.channels, _by_place(found.messages))
        self._note_trouble(found.mishaps, "trigger")
        self._note_trouble(found.stumbles, "scenario")

    def _note_trouble(self, mishaps: set[tuple[str, str, str]], kind: str) -> None:
        for name in {rule for rule, _, _ in mishaps}:
            met = [(fault, symbol) for rule, fault, symbol in mishaps if rule == name]
            trouble = self.tally.trouble.setdefault((kind, name), Trouble())
            trouble.add({fault for fault, _ in met}, {symbol for _, symbol in met})


def _dated(book: Rulebook) -> list[tuple[str, str | None, Any]]:
    """The dated rules: their key, their purpose, whom they are for."""
    tables = {"trigger": book.triggers, "scenario": book.scenarios}
    return [
        (f"{kind}/{name}", rule.purpose, rule.occasion.to.expression)
        for kind, table in tables.items()
        for name, rule in table.items()  # type: ignore[attr-defined]
        if isinstance(rule.occasion, At | Every) and rule.occasion.to is not None
    ]


def _true(expression: Any, facts: dict[str, Any]) -> bool:
    try:
        return bool(expression.run(facts))
    except EVALUATION_FAULTS:
        return False


def _count(counts: dict[Key, int], keys: Iterable[Key]) -> None:
    for key in keys:
        counts[key] = counts.get(key, 0) + 1


def _spread(spreads: dict[Key, Spread], numbers: Mapping[Key, int]) -> None:
    for key, number in numbers.items():
        spreads.setdefault(key, Spread()).add(number)


def _only(found: Rerun, book: Rulebook) -> Rerun:
    """What the triggers and scenarios of a rulebook did."""
    known = {*book.triggers, *(f"scenario/{name}" for name in book.scenarios)}
    return Rerun(
        fired={name: number for name, number in found.fired.items() if name in book.triggers},
        started={name: number for name, number in found.started.items() if name in book.scenarios},
        alerts={place: number for place, number in found.alerts.items() if place[0] in known},
    )


def _by_place(numbers: dict[tuple[str, str], int]) -> dict[str, int]:
    """Over all triggers, by team or channel."""
    found: dict[str, int] = {}
    for (_, place), number in numbers.items():
        found[place] = found.get(place, 0) + number
    return found
