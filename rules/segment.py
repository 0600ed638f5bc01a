"""Dynamic segments and `while` scores: settled in one pass, each after those that it reads."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from rules.consent import consented
from rules.contact import Membership, Millis
from rules.course import EVALUATION_FAULTS, Course
from rules.moment import millis
from rules.plan import Node
from rules.score import rescore, score_moment

__all__ = ["next_moment", "note_move", "settle"]


def settle(course: Course) -> None:
    """Evaluate the nodes that may have changed, and those that read what did change."""
    dirty, nodes = course.dirty, course.plan.nodes
    if len(dirty) > 1:
        heapify(dirty)
    last = -1
    while dirty:
        position = heappop(dirty)
        if position == last:
            continue
        last = position
        node = nodes[position]
        if node.kind == "score":
            changed = rescore(course)
        else:
            changed = _move(course, node, _true(course, node))
        if changed:
            for reader in node.readers:
                heappush(dirty, reader)


def _true(course: Course, node: Node) -> bool:
    if node.purpose is not None and not consented(course.contact, node.purpose):
        return False
    try:
        true = bool(node.run(course.facts))
    except EVALUATION_FAULTS as problem:
        course.mishap(node.name, problem)
        true = False
    if node.timed:
        moment = _node_moment(course, node)
        if moment is not None:
            course.moments.append(moment)
    return true


def _move(course: Course, node: Node, true: bool) -> bool:
    contact = course.contact
    if node.kind == "while":
        if true == (node.name in contact.holds):
            return False
        if true:
            contact.holds.append(node.name)
        else:
            contact.holds.remove(node.name)
        contact.static += node.tenths if true else -node.tenths
        return True
    if true == (node.name in contact.segments):
        return False
    decision = course.decision
    if true:
        contact.segments[node.name] = Membership(
            entered=course.now, entry=course.entry_id, version=course.plan.book.version
        )
        note_move(node.name, decision.entered, decision.left)
    else:
        del contact.segments[node.name]
        note_move(node.name, decision.left, decision.entered)
    if not course.muted:
        course.occasions.append(("enter" if true else "leave", node.name))
    return True


def note_move(name: str, moves: list[str], opposite: list[str]) -> None:
    """Note a move; one that takes back a move of the same decision cancels it."""
    if name in opposite:
        opposite.remove(name)
    else:
        moves.append(name)


def _node_moment(course: Course, node: Node) -> Millis | None:
    facts = course.facts
    if node.by_clock:
        moment = node.expression.changes_at(facts, facts["now"])
        return None if moment is None else millis(moment)
    history = facts["history"]
    found = [
        history.next_expiry(use.event, use.window_ms, use.property, use.value, use.has_value) for use in node.windows
    ]
    return min((moment for moment in found if moment is not None), default=None)


def next_moment(course: Course, held: Millis | None) -> Millis | None:
    """The next moment before which nothing can change without an entry.

    `held` is the one known for what this decision did not evaluate, or None where all was evaluated.
    """
    moments = course.moments if held is None else [*course.moments, held]
    if course.rescored and course.plan.watched:
        ageing = score_moment(course)
        if ageing is not None:
            moments = [*moments, ageing]
    if not moments:
        return None
    return max(min(moments), course.now + 1)
