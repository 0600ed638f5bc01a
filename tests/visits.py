"""What every client of the matrix must have brought about: nothing lost, nothing double, one contact per person."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import httpx

from tests.installation import Installation

__all__ = ["RULES", "Visit", "check", "expect"]

_OF_BROWSERS = ("locale", "timezone")  # which they tell unasked

RULES = """
attribute email: text, personal
attribute plan: text
team sales: slack "#hot-leads"
score page: +1 on "Page Viewed"
score cart: +5 on "Product Added"
score pro: +50 while contact.plan == "pro"
"""


class Visit(NamedTuple):
    """What a visitor did, by the names of events, under which anonymous id."""

    did: Mapping[str, int]
    anonymous: str


def check(installation: Installation, visits: Mapping[int, Visit]) -> None:
    """Every visitor is one contact by both ids, with exactly what it did; there is nobody else.

    Visitor N signed up as `user-N`, with the address `uN@example.org` and the plan `pro`.
    """
    installation.wait_quiet(300)
    with api_of(installation) as api:
        for visitor, visit in visits.items():
            contact = api.get(f"/v1/contacts/user:user-{visitor}").json()
            assert contact["id"] == api.get(f"/v1/contacts/anonymous:{visit.anonymous}").json()["id"]
            told = {name: value for name, value in contact["attributes"].items() if name not in _OF_BROWSERS}
            assert told == {"email": f"u{visitor}@example.org", "plan": "pro"}
            assert timeline(api, contact["id"]) == Counter(visit.did)
            assert contact["score"] == visit.did["Page Viewed"] + 5 * visit.did["Product Added"] + 50
    assert len(installation.relance("export", "contacts", "--jsonl").splitlines()) == len(visits)


def expect(installation: Installation, visits: Mapping[int, Visit], seconds: float = 300) -> None:
    """Wait until as much has come as was done: a browser sends again, by and by, what it could not send."""
    deadline = time.monotonic() + seconds
    with api_of(installation) as api:
        for visitor, visit in visits.items():
            while timeline(api, f"user:user-{visitor}").total() < sum(visit.did.values()):
                assert time.monotonic() < deadline, f"visitor {visitor}: not within {seconds} s"
                time.sleep(0.5)


def api_of(installation: Installation) -> httpx.Client:
    """A client that may read."""
    key = json.loads(installation.relance("key", "add", f"test-{time.monotonic_ns()}", "--scopes", "read", "--json"))
    return httpx.Client(base_url=installation.url, headers={"Authorization": f"Bearer {key['key']}"}, timeout=60)


def timeline(api: httpx.Client, contact: str) -> Counter[str]:
    """How often each event is in a contact's timeline; empty where there is no such contact."""
    names: Counter[str] = Counter()
    cursor: str | None = ""
    while cursor is not None:
        words = {"limit": 100, **({"cursor": cursor} if cursor else {})}
        page = api.get(f"/v1/contacts/{contact}/timeline", params=words)
        if page.status_code == 404:
            return names
        names.update(entry["name"] for entry in page.json()["entries"] if entry["kind"] == "event")
        cursor = page.json()["next"]
    return names
