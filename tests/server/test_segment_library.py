"""The Segment library for Python, with only host and write key changed."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from segment.analytics.client import Client

from tests.installation import Installation
from tests.visits import RULES, Visit, check

EVENTS, VISITORS = 10_000, 100


@pytest.mark.slow
def test_the_segment_library_delivers_ten_thousand_events_once_each_and_joins_visitors_to_users(tmp_path: Path) -> None:
    with Installation(tmp_path) as installation:
        installation.publish(RULES)
        failures: list[Any] = []
        library = Client(installation.source("shop"), host=installation.url, on_error=lambda e, _: failures.append(e))
        sent = visits(library)
        library.flush()
        library.shutdown()
        assert not failures
        check(installation, {who: Visit(counts, f"visitor-{who}") for who, counts in sent.items()})
        assert sum(counts.total() for counts in sent.values()) + VISITORS == EVENTS


def visits(library: Any) -> dict[int, Counter[str]]:
    """Ten thousand calls: visitors look at pages, sign up, fill carts; some before they are known, some after."""
    sent: dict[int, Counter[str]] = {visitor: Counter() for visitor in range(VISITORS)}

    def queued(call: Any, *words: Any, **named: Any) -> None:
        while not call(*words, **named)[0]:
            time.sleep(0.01)  # the library's queue is full

    for number in range(EVENTS - VISITORS):
        visitor, turn = number % VISITORS, number // VISITORS
        if turn == 40:
            traits = {"email": f"u{visitor}@example.org", "plan": "pro"}
            queued(library.identify, f"user-{visitor}", traits, anonymous_id=f"visitor-{visitor}")
        user = f"user-{visitor}" if turn > 60 else None
        who = {"user_id": user, "anonymous_id": f"visitor-{visitor}"}
        if turn % 3 == 0:
            queued(library.track, event="Product Added", properties={"price": number}, **who)
            sent[visitor]["Product Added"] += 1
        else:
            queued(library.page, name="Product", properties={"url": f"/p/{number}"}, **who)
            sent[visitor]["Page Viewed"] += 1
    return sent
