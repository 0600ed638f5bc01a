"""Dynamic segments and `while` scores: settled in one pass, each after those that it reads."""

from __future__ import annotations

from bisect import insort

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
    dirty.sort()
    contact, facts, windows = course.contact, course.known_facts, course.windows
    segments, read, last = contact.segments, None, -1
    for place, position in enumerate(dirty, start=1):  # it grows behind the place
        if position == last:
            continue
        last = position
        node = nodes[position]
        kind, name = node.kind, node.name
        if kind == "score":
            if not rescore(course):
                continue
        else:
            if facts is None:
                facts = course.facts
            try:
                true = (node.purpose is None or consented(contact, node.purpose)) and node.run(facts)
            except EVALUATION_FAULTS as problem:
                course.mishap(name, problem, "segment" if kind == "segment" else "score")
                true = False
            if node.by_clock:
                _ask_clock(course, node)
            elif node.windows is not read:
                read = node.windows
                windows |= read
            if kind == "segment":
                if (name in segments) is (True if true else False):  # noqa: SIM210 - a call takes three times as long
                    continue
                _move(course, name, bool(true))
            elif (name in contact.holds) is bool(true):
                continue
            else:
                _hold(course, node, bool(true))
        for reader in node.readers:
            insort(dirty, reader, lo=place)
    dirty.clear()


def _ask_clock(course: Course, node: Node) -> None:
    facts = course.facts
    moment = node.expression.changes_at(facts, facts["now"])
    if moment is not None:
        course.moments.append(millis(moment))


def _hold(course: Course, node: Node, true: bool) -> None:
    contact = course.contact
    if true:
        contact.holds.append(node.name)
    else:
        contact.holds.remove(node.name)
    contact.static += node.tenths if true else -node.tenths


def _move(course: Course, name: str, true: bool) -> None:
    contact, decision = course.contact, course.decision
    if true:
        contact.segments[name] = Membership(entered=course.now, entry=course.entry_id, version=course.plan.book.version)
        note_move(name, decision.entered, decision.left)
    else:
        del contact.segments[name]
        note_move(name, decision.left, decision.entered)
    if not course.muted:
        course.happen("enter" if true else "leave", name)


def note_move(name: str, moves: list[str], opposite: list[str]) -> None:
    """Note a move; one that takes back a move of the same decision cancels it."""
    if name in opposite:
        opposite.remove(name)
    else:
        moves.append(name)


def next_moment(course: Course, held: Millis | None) -> Millis | None:
    """The next moment before which nothing can change without an entry.

    `held` is the one known for what this decision did not evaluate, or None where all was evaluated.
    """
    moments = course.moments if held is None else [*course.moments, held]
    if course.windows:
        history = course.facts["history"]
        for place in course.windows:
            use = course.plan.windows[place]
            expiry = history.next_expiry(use.event, use.window_ms, use.property, use.value, use.has_value)
            if expiry is not None:
                moments.append(expiry)
    if course.rescored and course.plan.watched:
        ageing = score_moment(course)
        if ageing is not None:
            moments = [*moments, ageing]
    if not moments:
        return None
    return max(min(moments), course.now + 1)
