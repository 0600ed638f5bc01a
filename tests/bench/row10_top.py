"""Row 10: the top ten of a segment by score, of a million contacts whose scores age.

Each contact is as an engine left it when something last happened to it, up to ninety days ago: its place in the index
is what its score was then. So the ranking must find who is on top now among those who once were.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator

from rules.contact import Contact, Membership, Millis
from rules.moment import zone
from rules.planning import plan_of
from rules.rulebook import Rulebook
from rules.score import highest_score, score_at, static_tenths
from server.model.actor import SYSTEM
from server.services.rulebooks import Rulebooks
from server.services.segments import Segments
from server.store import keys
from server.store.store import Store
from server.store.wire import Word, exchange
from tests.bench.crowd import contacts_wanted
from tests.bench.stand import open_store, redis_server
from tests.bench.table import Measured, Row
from tests.engines import publish

_CONTACTS, _REPEATS, _MOST = 1_000_000, 25, 20.0  # milliseconds
_STEP = 5000
_DAY = 86_400_000

RULES = """
attribute country: text
score viewed: +1 on "Product Viewed" halves every 30 days at most 40 per day
score added: +5 on "Product Added" halves every 30 days
score ordered: +20 on "Order Completed" lasts 90 days
score complained: -15 on "Complaint Made" halves every 15 days
score signed: +3 on "Signed Up"
segment engaged: contact.score >= 0
"""
_HITS = ("viewed",) * 10 + ("added",) * 3 + ("ordered", "complained", "signed")


def run() -> list[Row]:
    """Milliseconds of one call, the contacts read and opened included."""
    with redis_server("everysec") as url:
        return asyncio.run(_run(url))


async def _run(url: str) -> list[Row]:
    number = contacts_wanted(_CONTACTS)
    store = await open_store(url)
    await publish(store, RULES)
    rulebooks = Rulebooks(store)
    best = await _fill(store, await rulebooks.live(), number)
    segments = Segments(store, rulebooks)
    ours = Measured()
    for repeat in range(_REPEATS + 1):
        begun = time.perf_counter()
        page = await segments.members(SYSTEM, "engaged", 10)
        if repeat:
            ours.values.append((time.perf_counter() - begun) * 1000)
    assert [one.score for one in page.members] == best, "not those on top"
    await store.redis.aclose()
    return [
        Row(
            10,
            f"top 10 of a segment by score, {number:,} contacts, scores that age",
            ours.text("ms", 1),
            f"a calculation over all gives the same: {best[0]} … {best[-1]}",
            "",
            f"< {_MOST:.0f} ms",
            ours.median < _MOST,
        )
    ]


async def _fill(store: Store, book: Rulebook, number: int) -> list[float]:
    """Write the contacts; return the ten highest scores."""
    now = store.clock.now()
    top: list[int] = []
    words: list[list[Word]] = []
    for contact, bound in _crowd(book, number, now):
        partition = store.partition(contact.id)
        bucket = keys.contacts(partition, keys.bucket_of(contact.id, store.partitions))
        words.append(["HSET", bucket, contact.id, store.seal.encode("contact", contact)])
        words.append(["ZADD", keys.segment(partition, "engaged"), bound, contact.id])
        top.append(score_at(contact, book, now))
        if len(words) >= _STEP:
            await exchange(store.redis, words)
            words, top = [], sorted(top, reverse=True)[:10]
    await exchange(store.redis, words)
    return [tenths / 10 for tenths in sorted(top, reverse=True)[:10]]


def _crowd(book: Rulebook, number: int, now: Millis) -> Iterator[tuple[Contact, int]]:
    """Contacts as they were left, and what the index then had of each."""
    chance = random.Random(1)
    plan = plan_of(book)
    for at in range(number):
        left = now - chance.randrange(90 * _DAY)
        hits: dict[str, list[Millis]] = {}
        for place in range(min(60, int(chance.expovariate(1 / 6)) + 1)):
            hits.setdefault(chance.choice(_HITS), []).append(left - place * chance.randrange(4 * _DAY))
        for times in hits.values():
            times.sort()
        entered = Membership(entered=left, entry="1-1", version=book.version)
        contact = Contact(
            id=f"u{at:017d}", created=left, version=book.version, hits=hits, segments={"engaged": entered}
        )
        contact.static = static_tenths(contact, plan, zone(None, "UTC"))
        contact.tenths = score_at(contact, book, left)
        yield contact, highest_score(contact, book, left)
