"""From a rulebook to its plan: hits, nodes in the order of what they read, indexes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from rules.entry import NOTE
from rules.expression.reads import ANY
from rules.history import Spec, index_key, token, total_key
from rules.plan import EventPlan, Hit, Node, Plan
from rules.planning_reactions import by_clock, plan_reactions
from rules.rulebook import Rulebook, Score
from rules.threshold import thresholds
from rules.walk import conditions_in

__all__ = ["plan_of", "stored_attributes"]

_PLANS_KEPT = 8
_plans: dict[int, Plan] = {}


def plan_of(book: Rulebook) -> Plan:
    """The plan of a rulebook, made at first use; those of the last few rulebooks are kept."""
    plan = _plans.get(id(book))
    if plan is None or plan.book is not book:
        while len(_plans) >= _PLANS_KEPT:
            del _plans[next(iter(_plans))]
        plan = _plans[id(book)] = _make(book)
    return plan


def _make(book: Rulebook) -> Plan:
    plan = Plan(book=book)
    plan.traits = {one.trait or name: name for name, one in book.attributes.items()}
    _plan_hits(plan)
    _plan_nodes(plan)
    plan_reactions(plan)
    _plan_ageing(plan)
    _plan_specs(plan)
    _plan_events(plan)
    return plan


def _plan_hits(plan: Plan) -> None:
    for name, score in plan.book.scores.items():
        if score.event is not None and score.event != NOTE:
            plan.hits[name] = _hit(score, score.event)
    plan.ageing = tuple(hit for hit in plan.hits.values() if hit.ages)
    plan.scored_purposes = frozenset(hit.purpose for hit in plan.hits.values() if hit.purpose)
    named: dict[str, list[Hit]] = defaultdict(list)
    for hit in plan.hits.values():
        named[hit.event].append(hit)
    plan.hits_by_event = {event: tuple(hits) for event, hits in named.items()}
    reading: dict[str, list[Hit]] = defaultdict(list)
    for hit in plan.hits.values():
        if hit.expression is not None:
            reads = hit.expression.reads
            read = stored_attributes(reads, plan.book)
            read |= {f"list:{name}" for name in reads.lists} | {f"consent:{name}" for name in reads.purposes}
            for name in read:
                reading[name].append(hit)
    plan.hits_reading = {name: tuple(hits) for name, hits in reading.items()}


def _hit(score: Score, event: str) -> Hit:
    expression = score.when.expression if score.when else None
    reads = expression.reads if expression is not None else None
    looks_back = reads is not None and bool(reads.functions)
    return Hit(
        name=score.name,
        tenths=score.tenths,
        event=event,
        purpose=score.purpose,
        at_most=score.at_most,
        halves=score.halves.milliseconds if score.halves else 0,
        lasts=score.lasts.milliseconds if score.lasts else 0,
        run=expression.run if expression is not None else None,
        expression=expression,
        plain=reads is None
        or not (looks_back or reads.attributes or reads.uses_now or reads.lists or reads.purposes or reads.segments),
        looks_back=looks_back,
        ages=bool(score.halves or score.lasts),
        simple=not (score.halves or score.lasts or score.at_most or score.purpose),
    )


def _plan_nodes(plan: Plan) -> None:
    conditions = _conditions(plan.book)
    order = _order(conditions)
    plan.score = order.index(("score", ""))
    readers: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, key in enumerate(order):
        if key[0] == "score":
            plan.nodes.append(Node(name="", kind="score", position=position))
            continue
        node = _node(plan, key, position, conditions[key])
        plan.nodes.append(node)
        if node.kind == "while":
            readers[key].append(plan.score)
        if node.reads_score:
            readers["score", ""].append(position)
        for segment in node.expression.reads.segments:
            readers["segment", segment].append(position)
    for node in plan.nodes:
        node.readers = tuple(readers[node.kind, node.name])
    _plan_changes(plan)


def _conditions(book: Rulebook) -> dict[tuple[str, str], tuple[Any, str | None, int]]:
    """Condition, purpose and tenths of each segment and `while` score."""
    found: dict[tuple[str, str], tuple[Any, str | None, int]] = {}
    for name, segment in book.segments.items():
        found["segment", name] = (segment.condition, segment.purpose, 0)
    for name, score in book.scores.items():
        if score.event is None and score.when is not None:
            found["while", name] = (score.when, score.purpose, score.tenths)
    return found


def _plan_changes(plan: Plan) -> None:
    """Which nodes an attribute, a list or a consent can change."""
    by_attribute: dict[str, list[int]] = defaultdict(list)
    by_list: dict[str, list[int]] = defaultdict(list)
    by_purpose: dict[str, list[int]] = defaultdict(list)
    for node in plan.nodes:
        if node.expression is None:
            continue
        reads = node.expression.reads
        for attribute in stored_attributes(reads, plan.book):
            by_attribute[attribute].append(node.position)
        for static in reads.lists:
            by_list[static].append(node.position)
        for purpose in {*reads.purposes, *((node.purpose,) if node.purpose else ())}:
            by_purpose[purpose].append(node.position)
    plan.by_attribute = {name: tuple(found) for name, found in by_attribute.items()}
    plan.by_list = {name: tuple(found) for name, found in by_list.items()}
    plan.by_purpose = {name: tuple(found) for name, found in by_purpose.items()}


def _plan_ageing(plan: Plan) -> None:
    """Which nodes time alone can change, and with what a score that ages is compared."""
    ageing = bool(plan.ageing)
    plan.timed = tuple(
        node.position
        for node in plan.nodes
        if node.windows or node.by_clock or (ageing and (node.kind == "score" or node.reads_score))
    )
    compared = [node.thresholds for node in plan.nodes if node.reads_score]
    for one in plan.scenarios.values():
        compared += [thresholds(stop.expression.text) for stop in one.stop_whens if stop.expression.reads.reads_score]
    plan.watched = ageing and bool(compared)
    known = [one for one in compared if one is not None]
    every = len(known) == len(compared)
    plan.thresholds = tuple(sorted({tenths for one in known for tenths in one})) if every else None


def stored_attributes(reads: Any, book: Rulebook) -> set[str]:
    """The stored attributes that an expression reads; all where only its evaluation tells which."""
    names = set(reads.attributes)
    if ANY in names:
        names |= {*book.attributes, "created", "last_seen", "locale", "timezone", "birthday"}
    if "age" in names:
        names.add("birthday")
    return names


def _order(conditions: dict[tuple[str, str], Any]) -> list[tuple[str, str]]:
    """The nodes, each after those that it reads (the checker has refused cycles)."""
    order: dict[tuple[str, str], None] = {}
    visiting: set[tuple[str, str]] = set()

    def visit(key: tuple[str, str]) -> None:
        if key in order or key in visiting:
            return
        visiting.add(key)
        if key[0] == "score":
            before = [other for other in conditions if other[0] == "while"]
        else:
            reads = conditions[key][0].expression.reads
            before = [("segment", name) for name in reads.segments if ("segment", name) in conditions]
            if reads.reads_score and key[0] == "segment":
                before.append(("score", ""))
        for other in before:
            visit(other)
        order[key] = None

    for key in [*conditions, ("score", "")]:
        visit(key)
    return list(order)


def _node(plan: Plan, key: tuple[Any, str], position: int, statement: tuple[Any, str | None, int]) -> Node:
    condition, purpose, tenths = statement
    expression = condition.expression
    reads = expression.reads
    return Node(
        name=key[1],
        kind=key[0],
        position=position,
        purpose=purpose,
        tenths=tenths,
        run=expression.run,
        expression=expression,
        windows=plan.windows_in(reads),
        by_clock=by_clock(reads),
        reads_score=reads.reads_score,
        thresholds=thresholds(condition.text) if reads.reads_score and plan.ageing else (),
    )


def _plan_specs(plan: Plan) -> None:
    wanted: dict[str, tuple[str, Spec]] = {}
    for use in [use for _, expression in _expressions(plan) for use in expression.reads.functions]:
        _want(wanted, use)
    for template in plan.templates.values():
        for use in template.uses:
            _want(wanted, use)
    named: dict[str, list[Spec]] = defaultdict(list)
    for event, spec in wanted.values():
        named[event].append(spec)
        plan.kept[spec.key] = spec.window
    plan.specs = {event: tuple(specs) for event, specs in named.items()}


def _expressions(plan: Plan) -> list[tuple[str, Any]]:
    book = plan.book
    found = [(name, hit.expression) for name, hit in plan.hits.items() if hit.expression is not None]
    found += [(node.name, node.expression) for node in plan.nodes if node.expression is not None]
    for table in (book.triggers, book.scenarios, book.digests):
        found += [(name, condition.expression) for name, one in table.items() for condition in conditions_in(one)]
    return found


def _want(wanted: dict[str, tuple[str, Spec]], use: Any) -> None:
    window = use.window_ms or 0
    if use.function == "total":
        spec = Spec(key=total_key(use.event, use.property), property=use.property, summed=True, window=window)
    elif use.has_value:
        key = index_key(use.event, use.property, use.value)
        spec = Spec(key=key, property=use.property, token=token(use.value), window=window)
    else:
        spec = Spec(key=use.event, window=window)
    known = wanted.get(spec.key)
    if known is None or known[1].window < spec.window:
        wanted[spec.key] = (use.event, spec)


def _plan_events(plan: Plan) -> None:
    nodes: dict[str, set[int]] = defaultdict(set)
    seen = set(plan.by_attribute.get("last_seen", ()))
    for node in plan.nodes:
        if node.expression is not None:
            for use in node.expression.reads.functions:
                nodes[use.event].add(node.position)
    reading: dict[str, list[Hit]] = defaultdict(list)  # event → hits whose `when` reads its history
    for hit in plan.hits.values():
        if hit.looks_back:
            for event in {hit.event, *(use.event for use in hit.expression.reads.functions)}:
                reading[event].append(hit)
    occasions = {name for kind, name in plan.reacting if kind == "event"} | plan.met
    for event in {*nodes, *plan.specs, *plan.hits_by_event, *reading, *occasions}:
        hits = plan.hits_by_event.get(event, ())
        plan.events[event] = EventPlan(
            specs=plan.specs.get(event, ()),
            hits=hits,
            conditional=any(not hit.plain for hit in hits),
            back=tuple(reading.get(event, ())),
            nodes=tuple(sorted(nodes[event] | seen)),
        )
    plan.other = EventPlan(nodes=tuple(sorted(seen)))
