"""Row 2: `decide` for one event under 10, 100 and 1,000 rules, of which 5 concern it."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from rules import parse_rulebook
from rules.contact import Contact
from rules.decide import decide
from rules.entry import EventReceived
from rules.rulebook import Rulebook
from tests.bench.table import Row, alternate

START = 1_760_000_000_000
_EVENTS = 4_000
CONTACTS = 100


def rulebook(number: int) -> str:
    """A rulebook of so many rules; five concern "Product Viewed", the others fifty other events and attributes."""
    lines = [
        "attribute country: text",
        "attribute plan: text",
        'score viewed: +1 on "Product Viewed" at most 5 per day',
        'score dear: +5 on "Product Viewed" when event.price >= 100',
        'segment looking: count("Product Viewed", t"PT2H") >= 3',
        'segment in_love: count("Product Viewed", t"P14D", "category", "shoes") >= 5',
        'segment keen: in_segment("looking") and contact.country == "FR"',
    ]
    for place in range(number - 5):
        event = f"Event {place % 50}"
        lines.append(
            (
                f'score s{place}: +2 on "{event}" when event.amount > {place}',
                f'segment g{place}: count("{event}", t"P7D") >= {place % 7 + 1}',
                f'segment c{place}: contact.plan == "plan {place}"',
            )[place % 3]
        )
    return "\n".join(lines) + "\n"


def stream() -> list[tuple[int, EventReceived]]:
    """Events of many contacts, in time order."""
    return [
        (
            place % CONTACTS,
            EventReceived(
                name="Product Viewed",
                time=START + place * 1000,
                received=START + place * 1000,
                message_id=f"m{place}",
                properties={"category": "shoes" if place % 3 else "hats", "price": place % 150, "sku": f"S{place}"},
            ),
        )
        for place in range(_EVENTS)
    ]


def first_visits(book: Rulebook) -> list[Contact]:
    """Contacts that have been seen once: a first event settles every rule, which is not what is measured."""
    contacts = [Contact(id=str(place)) for place in range(CONTACTS)]
    for contact in contacts:
        first = EventReceived(name="Page Viewed", time=START, received=START, message_id="first")
        decide(contact, first, book, START, entry_id="0-0")
    return contacts


def _run(number: int) -> Callable[[], float]:
    book = parse_rulebook(rulebook(number))
    events = stream()

    def run() -> float:
        contacts = first_visits(book)
        begun = perf_counter()
        for place, event in events:
            decide(contacts[place], event, book, event.received, entry_id="1-0")
        return (perf_counter() - begun) / len(events) * 1e6

    return run


def run() -> list[Row]:
    """10 rules are the reference of 100 and 1,000."""
    ten, hundred, thousand = alternate([_run(10), _run(100), _run(1000)])
    rows = []
    for number, measured in ((100, hundred), (1000, thousand)):
        ratio = measured.median / ten.median
        rows.append(
            Row(
                row=2,
                what=f"decide, one event, {number:,} rules of which 5 concern it",
                figure=measured.text("µs", 1),
                reference=f"10 rules: {ten.text('µs', 1)}",
                ratio=f"{ratio:.2f} ×",
                target="≤ 2 ×",
                met=ratio <= 2,
            )
        )
    return rows
