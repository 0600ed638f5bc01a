"""Row 3: `decide` for one event with 100 rules that all concern it; the reference is the same rules by hand.

By hand is one Python function a rule, with its numbers written into it, that tests the event and keeps what follows:
the times of hits, the points, the segments. It does nothing else that `decide` does (duplicates, history, late events).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from time import perf_counter
from typing import Any

from rules import parse_rulebook
from rules.decide import decide
from tests.bench.row02_decide import CONTACTS, first_visits, stream
from tests.bench.table import Row, alternate

Rule = Callable[[dict[str, Any], dict[str, Any], int], None]  # facts, state, the time of the event


def rulebook() -> str:
    """Forty `on` scores, forty segments, ten capped scores and ten triggers, all on "Product Viewed"."""
    lines = ["attribute country: text", 'list seen: "Seen"']
    for place in range(40):
        shoes = 'event.category == "shoes"'
        lines.append(f'score s{place}: +1 on "Product Viewed" when event.price >= {place * 4} and {shoes}')
        french = 'contact.country == "FR"'
        lines.append(f'segment g{place}: count("Product Viewed", t"PT2H") >= {place * 3 + 1} and {french}')
    for place in range(10):
        lines.append(f'score c{place}: +1 on "Product Viewed" at most {place + 1} per day')
        lines += [f'trigger t{place}: on "Product Viewed" when event.price > {1000 + place}', "  add to list seen"]
    return "\n".join(lines) + "\n"


_SCORE = """
def rule(facts, state, now):
    properties = facts["event"]["properties"]
    if properties["price"] >= {limit} and properties["category"] == "shoes":
        state["hits"].setdefault({name!r}, []).append(now)
        state["points"] += 10
"""
_SEGMENT = """
def rule(facts, state, now):
    times = facts["history"]["Product Viewed"]
    count = len(times) - bisect_right(times, now - 7_200_000)
    if count >= {limit} and facts["contact"]["country"] == "FR":
        state["segments"].add({name!r})
    else:
        state["segments"].discard({name!r})
"""
_CAPPED = """
def rule(facts, state, now):
    times = state["hits"].setdefault({name!r}, [])
    times.append(now)
    if len(times) <= {limit} or times[-{limit} - 1] // 86_400_000 < now // 86_400_000:
        state["points"] += 10
"""
_TRIGGER = """
def rule(facts, state, now):
    if facts["event"]["properties"]["price"] > {limit}:
        state["lists"].add("seen")
"""


def by_hand() -> list[Rule]:
    """The same hundred rules, each as its own function."""
    wanted = [(_SCORE, f"s{place}", place * 4) for place in range(40)]
    wanted += [(_SEGMENT, f"g{place}", place * 3 + 1) for place in range(40)]
    wanted += [(_CAPPED, f"c{place}", place + 1) for place in range(10)]
    wanted += [(_TRIGGER, f"t{place}", 1000 + place) for place in range(10)]
    rules = []
    for source, name, limit in wanted:
        space: dict[str, Any] = {"bisect_right": bisect_right}
        exec(source.format(name=name, limit=limit), space)
        rules.append(space["rule"])
    return rules


def _ours() -> float:
    book = parse_rulebook(rulebook())
    contacts = first_visits(book)
    for contact in contacts:
        contact.attributes["country"] = "FR"
    events = stream()
    begun = perf_counter()
    for place, event in events:
        decide(contacts[place], event, book, event.received, entry_id="1-0")
    return (perf_counter() - begun) / len(events) * 1e6


def _reference() -> float:
    rules, events = by_hand(), stream()
    states = [{"hits": {}, "points": 0, "segments": set(), "lists": set()} for _ in range(CONTACTS)]
    histories: list[dict[str, list[int]]] = [{"Product Viewed": []} for _ in range(CONTACTS)]
    begun = perf_counter()
    for place, event in events:
        state, history, now = states[place], histories[place], event.time
        history["Product Viewed"].append(now)
        facts = {
            "event": {"name": event.name, "properties": event.properties},
            "contact": {"country": "FR"},
            "history": history,
        }
        for rule in rules:
            rule(facts, state, now)
    return (perf_counter() - begun) / len(events) * 1e6


def run() -> Row:
    """Ours against the hand-written rules."""
    ours, reference = alternate([_ours, _reference])
    ratio = ours.median / reference.median
    return Row(
        row=3,
        what="decide, one event, 100 rules that all concern it",
        figure=ours.text("µs", 1),
        reference=f"by hand: {reference.text('µs', 1)}",
        ratio=f"{ratio:.2f} ×",
        target="≤ 3 ×",
        met=ratio <= 3,
    )
