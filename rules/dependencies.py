"""What depends on itself: cycles among segments and `while` scores."""

from __future__ import annotations

from collections.abc import Mapping

from rules.rulebook import Condition, Score, Segment

__all__ = ["cycles"]

_SCORE = ("score", "")  # the sum of all points: it depends on every `while` score


def cycles(segments: Mapping[str, Segment], scores: Mapping[str, Score]) -> list[list[tuple[str, str]]]:
    """Cycles as lists of (kind, name); each begins with the statement that stands first in the text, where it can."""
    edges: dict[tuple[str, str], list[tuple[str, str]]] = {_SCORE: []}
    records: list[Segment | Score] = [*segments.values(), *scores.values()]
    for record in sorted(records, key=lambda one: one.line):
        if isinstance(record, Segment):
            edges["segment", record.name] = _reads(record.condition)
        elif record.event is None:
            edges["score", record.name] = _reads(record.when)
            edges[_SCORE].append(("score", record.name))
    found: list[list[tuple[str, str]]] = []
    done: set[tuple[str, str]] = set()
    for start in edges:
        if start not in done and start != _SCORE:
            found.extend(_walk(start, edges, done))
    return found


def _reads(condition: Condition | None) -> list[tuple[str, str]]:
    if condition is None or condition.expression is None:
        return []
    reads = condition.expression.reads
    return [*(("segment", name) for name in sorted(reads.segments)), *([_SCORE] if reads.reads_score else [])]


def _walk(
    start: tuple[str, str], edges: Mapping[tuple[str, str], list[tuple[str, str]]], done: set[tuple[str, str]]
) -> list[list[tuple[str, str]]]:
    """Depth first, without recursion: a node met again on its own path closes a cycle."""
    found: list[list[tuple[str, str]]] = []
    path: dict[tuple[str, str], None] = {start: None}
    stack = [iter(edges[start])]
    while stack:
        following = next(stack[-1], None)
        if following is None:
            stack.pop()
            done.add(path.popitem()[0])
        elif following in path:
            nodes = list(path)
            found.append([node for node in nodes[nodes.index(following) :] if node != _SCORE])
        elif following not in done and following in edges:
            path[following] = None
            stack.append(iter(edges[following]))
    return found
