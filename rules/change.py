"""What a new rulebook changes of a contact's state, statement by statement: the rest of the state stays as it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.contact import Contact
from rules.history import Spec
from rules.mapping import map_places
from rules.plan import Hit, Node, Plan
from rules.planning import plan_of, stored_attributes
from rules.rulebook import Rulebook, meaning
from rules.run import Place

__all__ = ["Change", "change_of"]

_CHANGES_KEPT = 16
_changes: dict[tuple[int, int], tuple[Rulebook, Rulebook, Change]] = {}


@dataclass(slots=True, eq=False)
class Change:
    """The difference between two rulebooks, as far as it concerns the state of contacts.

    `hits`: `on` scores whose event or condition is new. `fallen`: `on` scores that are no more. `specs`: indexes to
    build, by event; `built` are their keys, `dropped` those that nobody asks for any more. `nodes`: positions, in the
    new plan, of what is to be settled. `segments`, `holds`: names of segments and `while` scores that are no more.
    `points`: scores were given, changed or taken away. `plain`: there are but conditions to evaluate, which time alone
    does not change. `scenarios`: those that are another or no more, with the `places` of steps to wait at, old and new,
    of the former. `yearly`: attributes by which a trigger or scenario comes every year that did not come so before.
    """

    hits: dict[str, Hit] = field(default_factory=dict)
    fallen: frozenset[str] = frozenset()
    specs: dict[str, tuple[Spec, ...]] = field(default_factory=dict)
    built: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    nodes: tuple[int, ...] = ()
    segments: frozenset[str] = frozenset()
    holds: frozenset[str] = frozenset()
    points: bool = False
    plain: bool = False
    scenarios: frozenset[str] = frozenset()
    places: dict[str, Mapping[Place, Place | None]] = field(default_factory=dict)
    yearly: frozenset[str] = frozenset()

    @property
    def nothing(self) -> bool:
        """Whether every contact's state is what it was."""
        told = self.nodes or self.points or self.built or self.dropped or self.segments
        return not (told or self.scenarios or self.yearly)

    def moves_runs(self, contact: Any) -> bool:
        """Whether a contact, or a glance at one, has runs, or a date of its own, that the change concerns."""
        if self.yearly and not self.yearly.isdisjoint(contact.attributes):
            return True
        return bool(self.scenarios) and any(run.scenario in self.scenarios for run in contact.runs)

    def reads_history(self, contact: Contact) -> bool:
        """Whether the contact's events are needed to follow the change."""
        return bool(self.hits or self.built) or not self.fallen.isdisjoint(contact.hits)


def change_of(old: Rulebook, new: Rulebook) -> Change:
    """The change from one rulebook to another, worked out at first use."""
    known = _changes.get((id(old), id(new)))
    if known is not None and known[0] is old and known[1] is new:
        return known[2]
    while len(_changes) >= _CHANGES_KEPT:
        del _changes[next(iter(_changes))]
    change = _compare(plan_of(old), plan_of(new))
    _changes[id(old), id(new)] = (old, new, change)
    return change


def _compare(old: Plan, new: Plan) -> Change:
    retyped = _retyped(old.book, new.book)

    def same(one: Any, other: Any) -> bool:
        """Whether two expressions have the same value for the same contact."""
        if one is None or other is None:
            return one is other
        return bool(one.text == other.text) and retyped.isdisjoint(stored_attributes(other.reads, new.book))

    hits = {}
    points = old.hits.keys() != new.hits.keys()
    for name, hit in new.hits.items():
        known = old.hits.get(name)
        if known is None or known.event != hit.event or not same(known.expression, hit.expression):
            hits[name] = hit
        points = points or known is None or _price(known) != _price(hit)
    points = points or bool(hits)
    specs = {
        event: some for event, every in new.specs.items() if (some := tuple(s for s in every if not _kept(s, old)))
    }
    nodes, priced = _compare_nodes(old, new, same)
    points = points or priced
    positions = [node.position for node in nodes]
    if points or (new.ageing and any(node.reads_score for node in nodes)):
        positions.append(new.score)
    change = Change(
        hits=hits,
        fallen=frozenset(old.hits.keys() - new.hits.keys()),
        specs=specs,
        built=frozenset(spec.key for some in specs.values() for spec in some),
        dropped=frozenset(old.kept.keys() - new.kept.keys()),
        nodes=tuple(sorted(positions)),
        segments=_names(old.nodes, "segment") - _names(new.nodes, "segment"),
        holds=_names(old.nodes, "while") - _names(new.nodes, "while"),
        points=points,
        yearly=frozenset(attribute for _, _, attribute, _ in _yearly(new) - _yearly(old)),
        scenarios=frozenset(
            name for name, one in old.book.scenarios.items() if meaning(one) != meaning(new.book.scenarios.get(name))
        ),
    )
    change.places = {
        name: map_places(old.book.scenarios[name], new.book.scenarios[name])
        for name in change.scenarios
        if name in new.book.scenarios
    }
    timed = any(node.windows or node.by_clock for node in nodes)
    change.plain = not (timed or new.score in positions or change.built or change.dropped or change.segments)
    return change


def _compare_nodes(old: Plan, new: Plan, same: Any) -> tuple[list[Node], bool]:
    """The segments and `while` scores to settle, and whether a `while` score came, went or has another price."""
    known = {(node.kind, node.name): node for node in old.nodes}
    found = []
    priced = _names(old.nodes, "while") != _names(new.nodes, "while")
    for node in new.nodes:
        if node.kind == "score":
            continue
        before = known.get((node.kind, node.name))
        if before is None or before.purpose != node.purpose or not same(before.expression, node.expression):
            found.append(node)
        priced = priced or (before is not None and before.tenths != node.tenths)
    return found, priced


def _names(nodes: Collection[Node], kind: str) -> frozenset[str]:
    return frozenset(node.name for node in nodes if node.kind == kind)


def _retyped(old: Rulebook, new: Rulebook) -> frozenset[str]:
    """Attributes that an expression may read otherwise than before."""
    ours, theirs = ({name: (one.type, one.options) for name, one in book.attributes.items()} for book in (old, new))
    return frozenset(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))


def _yearly(plan: Plan) -> frozenset[tuple[str, str, str, str]]:
    return frozenset((rule.statement, rule.name, rule.attribute, rule.time) for rule in plan.yearly)


def _price(hit: Hit) -> tuple[Any, ...]:
    """What the worth of a rule's hits depends on."""
    at_most = hit.at_most and (hit.at_most.number, hit.at_most.per)
    return hit.tenths, hit.purpose, at_most, hit.halves, hit.lasts


def _kept(spec: Spec, old: Plan) -> bool:
    return old.kept.get(spec.key) == spec.window
