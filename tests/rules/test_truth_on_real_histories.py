"""Ten thousand real customers: what is true of them by increments is what a plain calculation says, at any moment."""

from __future__ import annotations

import heapq
import random
from bisect import bisect_right
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

import pytest

from rules import parse_rulebook
from rules.contact import Contact
from rules.decide import advance, decide
from rules.entry import EventReceived
from rules.rulebook import Rulebook
from tests.real_data import rows

DAY = 86_400_000
CUSTOMERS, MOMENTS = 10_000, 200
RULES = """
score order: +8 on "Order Completed" halves every 30 days
score big: +5 on "Order Completed" lasts 90 days when event.amount >= 50
score back: -3 on "Order Completed" halves every 10 days when event.quantity >= 5
segment active: count("Order Completed", t"P60D") >= 2
segment spender: total("Order Completed", "amount", t"P120D") >= 100
segment lapsed: count("Order Completed") >= 2 and count("Order Completed", t"P180D") == 0
segment warm: contact.score >= 10
segment hot: in_segment("warm") and in_segment("active")
"""


class Customer:
    """A customer's purchases, for the plain calculation; `seen` of them have happened."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.amounts: list[Decimal] = []
        self.quantities: list[int] = []

    def segments(self, now: int) -> set[str]:
        """The definitions of the rulebook, written out by hand."""
        seen = bisect_right(self.times, now)

        def recent(days: int) -> int:
            return seen - bisect_right(self.times, now - days * DAY)

        true = set()
        if recent(60) >= 2:
            true.add("active")
        if sum(self.amounts[seen - recent(120) : seen]) >= 100:
            true.add("spender")
        if seen >= 2 and recent(180) == 0:
            true.add("lapsed")
        if self.score(now, seen) >= 10:
            true.add("warm")
        if {"warm", "active"} <= true:
            true.add("hot")
        return true

    def score(self, now: int, seen: int) -> Decimal:
        points = 0.0
        for time, amount, quantity in zip(self.times[:seen], self.amounts, self.quantities, strict=False):
            age = (now - time) / DAY
            points += 8 * 2 ** (-age / 30)
            points += 5 if amount >= 50 and age < 90 else 0
            points -= 3 * 2 ** (-age / 10) if quantity >= 5 else 0
        return Decimal(points).quantize(Decimal("0.1"), ROUND_HALF_EVEN)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_segments_by_increments_equal_a_plain_calculation_at_two_hundred_moments() -> None:
    book = parse_rulebook(RULES)
    customers: dict[str, Customer] = {}
    entries: list[tuple[int, str, EventReceived]] = []
    for number, row in enumerate(rows("cdnow.csv")):
        name = row["customer_id"]
        if name not in customers and len(customers) == CUSTOMERS:
            continue
        # purchases of one day are told apart, and lie at odd hours
        time = int(datetime.strptime(row["date"] + "+0000", "%Y%m%d%z").timestamp() * 1000) + number * 7_919 % DAY
        properties = {"amount": float(row["amount"]), "quantity": int(row["quantity"])}
        event = EventReceived(
            name="Order Completed", time=time, received=time, message_id=str(number), properties=properties
        )
        entries.append((time, name, event))
        customers.setdefault(name, Customer())
    entries.sort(key=lambda each: each[0])
    for time, name, event in entries:
        customers[name].times.append(time)
        customers[name].amounts.append(Decimal(str(event.properties["amount"])))
        customers[name].quantities.append(event.properties["quantity"])
    assert len(customers) == CUSTOMERS
    compare(book, customers, entries)


def compare(book: Rulebook, customers: dict[str, Customer], entries: list[tuple[int, str, EventReceived]]) -> None:
    """Play all entries and what time brings, and look at everybody at each of the moments."""
    chance = random.Random(1998)
    begin, end = int(datetime(1997, 1, 2, tzinfo=UTC).timestamp() * 1000), entries[-1][0] + 400 * DAY
    moments = sorted(chance.randrange(begin, end) for _ in range(MOMENTS))
    states = {name: Contact(id=name, version=book.version) for name in customers}
    timers: list[tuple[int, str]] = []
    following = 0
    entered: set[str] = set()
    for moment in moments:
        while True:
            due = timers[0][0] if timers else moment + 1
            if following < len(entries) and entries[following][0] <= min(due, moment):
                now, name, entry = entries[following]
                following += 1
                decide(states[name], entry, book, now, entry_id=f"{now}-0")
            elif due <= moment:
                now, name = heapq.heappop(timers)
                if states[name].changes_at != now:
                    continue  # it was set anew since
                advance(states[name], book, now, entry_id=f"time {now}")
            else:
                break
            at = states[name].changes_at
            if at is not None:
                heapq.heappush(timers, (at, name))
        for name, customer in customers.items():
            expected = customer.segments(moment)
            assert set(states[name].segments) == expected, (name, moment)
            entered |= expected
    assert entered == set(book.segments)
