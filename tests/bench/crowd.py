"""A crowd of contacts as a shop has them, decided and committed as an engine does it, for the rows about scale.

Each has ten attributes, twenty events of three properties, two consents, three segments and two identities.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import msgspec

from rules.contact import Consent, Contact, Millis
from rules.decide import decide
from rules.decision import Decision
from rules.entry import ConsentRecorded, Entry, EventReceived
from rules.rulebook import Rulebook
from server.engine.batch import Batch
from server.engine.engine import Engine
from server.engine.packing import samples
from server.model.consent import ConsentRecord, ConsentSheet
from server.services.rulebooks import Rulebooks
from server.store import keys
from server.store.dictionaries import SAMPLES
from server.store.identities import Caller
from server.store.partition import Partitions
from server.store.store import Store
from tests.engines import engine_on, publish

__all__ = ["CONTACTS", "RULES", "contacts_wanted", "crowd", "decided", "fill"]

CONTACTS = 100_000
_STEP = 6400  # contacts committed together

RULES = """
attribute email: text, personal
attribute first_name: text, personal
attribute last_name: text, personal
attribute phone: text, personal
attribute birthday: date, personal
attribute country: text
attribute city: text
attribute plan: one of "free" | "pro" | "enterprise"
attribute orders: number
attribute vip: yes/no
purpose newsletter: "I want the newsletter."
purpose targeting: "I want offers that fit me.", profiling
team sales: slack "#hot-leads"

score viewed for targeting: +1 on "Product Viewed" halves every 30 days
score added for targeting: +5 on "Product Added" when event.price >= 50
score ordered for targeting: +20 on "Order Completed" at most 3 per day
score clicked: +2 on "Email Link Clicked" at most 5 per week
score core_market: +5 while contact.country in ["FR", "BE", "CH"]
score paying: +10 while contact.plan == "pro"
segment engaged for targeting: contact.score >= 5
segment adult: contact.birthday < d"2008-01-01"
segment active: count("Product Viewed", t"P365D") >= 1
segment buyer: count("Order Completed") >= 50
trigger hot: on enter buyer
  alert sales "{{ contact.first_name }} buys a lot"
"""

_WORDING = "J'accepte de recevoir des e-mails ciblés en fonction de ma navigation."
_BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
_NAMES = ("Product Viewed", "Product Viewed", "Product Viewed", "Product Added", "Email Link Clicked",
          "Order Completed")  # fmt: skip
_FIRST = ("Camille", "Louis", "Emma", "Jules", "Chloé", "Hugo", "Inès", "Paul", "Sarah", "Nadia", "Karim", "Anna")
_LAST = ("Martin", "Bernard", "Dubois", "Petit", "Laurent", "Moreau", "Garcia", "Nguyen", "Lefèvre", "Haddad")
_CITIES = ("Paris", "Lyon", "Marseille", "Lille", "Nantes", "Bruxelles", "Genève", "Lausanne", "Toulouse", "Liège")
_SHELVES = ("shoes", "coats", "hats", "books", "garden", "kitchen", "toys", "sport")


def contacts_wanted(default: int = CONTACTS) -> int:
    """How many contacts: RELANCE_BENCH_CONTACTS, or the row's own number."""
    return int(os.environ.get("RELANCE_BENCH_CONTACTS", default))


def crowd(number: int, now: Millis, seed: int = 1) -> Iterator[tuple[str, list[Entry]]]:
    """Contact ids and the entries of each, oldest first: what sites, shop and forms told of the last sixty days."""
    chance = random.Random(seed)
    for at in range(number):
        yield _id(chance, now), _entries(chance, at, now)


def _id(chance: random.Random, now: Millis) -> str:
    digits = "0123456789abcdefghjkmnpqrstvwxyz"
    made = now - chance.randrange(90 * 86_400_000)
    stamp = "".join(digits[made >> shift & 31] for shift in range(40, -1, -5))
    return "u" + stamp + "".join(chance.choices(digits, k=8))


def _entries(chance: random.Random, at: int, now: Millis) -> list[Entry]:
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    anonymous = f"{chance.getrandbits(128):032x}"
    traits = {
        "email": f"{first}.{last}{chance.randrange(10_000)}@mail{chance.randrange(40)}.example".lower(),
        "first_name": first,
        "last_name": last,
        "phone": f"+33 6 {chance.randrange(100):02} {chance.randrange(100):02} {chance.randrange(10_000):04}",
        "birthday": f"{chance.randrange(1950, 2007)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
        "country": chance.choice(("FR", "FR", "FR", "BE", "CH")),
        "city": chance.choice(_CITIES),
        "plan": chance.choice(("free", "free", "pro", "enterprise")),
        "orders": chance.randrange(40),
        "vip": chance.random() < 0.1,
    }
    times = sorted(now - chance.randrange(60 * 86_400_000) for _ in range(20))
    entries: list[Entry] = [
        EventReceived(
            name="", time=times[0], received=now, message_id=f"i{at}-{seed_text(chance)}", traits=traits, silent=True,
            identities=(("user", f"{at * 7919 + 100_000}"), ("anonymous", anonymous)), source="site",
        ),
        *(
            ConsentRecorded(
                time=times[0], purpose=purpose, status="granted", wording_version="1", channels=("email",),
                record=seed_text(chance),
            )
            for purpose in ("newsletter", "targeting")
        ),
    ]  # fmt: skip
    for place, time in enumerate(times):
        name = _NAMES[0] if not place else chance.choice(_NAMES)
        product = chance.randrange(5000)
        properties = {
            "url": f"https://shop.example/{chance.choice(_SHELVES)}/{product}",
            "category": chance.choice(_SHELVES),
            "price": chance.randrange(500, 30_000) / 100,
        }
        entries.append(
            EventReceived(
                name=name, time=time, received=now, message_id=f"m{at}-{seed_text(chance)}", properties=properties,
                source="site",
            )
        )  # fmt: skip
    return entries


def seed_text(chance: random.Random) -> str:
    """A text of sixteen digits, as a client makes message ids."""
    return f"{chance.getrandbits(64):016x}"


def decided(contact_id: str, entries: Sequence[Entry], book: Rulebook, now: Millis) -> tuple[Contact, list[Decision]]:
    """The contact that its entries make."""
    contact = Contact(id=contact_id, created=now, version=book.version)
    return contact, [
        decide(contact, entry, book, now, entry_id=f"{now}-{place}") for place, entry in enumerate(entries)
    ]


async def fill(store: Store, number: int, rules: str = RULES) -> Engine:
    """Publish the rules and commit so many contacts, as an engine does; return the engine, which has the partitions.

    A thousand contacts are decided; the others are as they are, under ids of their own.
    """
    await publish(store, rules)
    book = await Rulebooks(store).live()
    engine = engine_on(store, lease=600_000)
    while len(engine.owned) < store.partitions:
        await engine.rebalance()
    while any(own.recomputing or own.recomputed != book.version for own in engine.owned):
        await engine.turn()  # nobody is there yet: no recompute of the contacts is due when they are read
    now = store.clock.now()
    patterns = _patterns(book, now)
    partitions = Partitions(store.redis, store.seal, store.partitions)
    owned = {own.partition: own for own in engine.owned}
    for start, end in pairwise((0, *range(SAMPLES, number, _STEP), number)):
        callers = [Caller(user=f"{at * 7919 + 100_000}", anonymous=f"{at:08x}-anonymous") for at in range(start, end)]
        ids = [resolved.contact for resolved in await store.identities.resolve_many(callers)]
        batches = {own: Batch(owned[own], store.seal, store.partitions, book, store.clock.now, "UTC") for own in owned}
        for at, contact_id in enumerate(ids):
            pattern, decision = patterns[(start + at) % len(patterns)]
            contact = msgspec.msgpack.decode(msgspec.msgpack.encode(pattern), type=Contact)
            contact.id = contact_id
            batch = batches[store.partition(contact_id)]
            batch.touch(Contact(id=contact_id), False)
            batch.add(contact, decision)
        answers = await partitions.commit([batch.commit() for batch in batches.values()])
        assert set(answers) == {1}
        await engine.leases.keep()
        await _consent(store, ids, now)
        if not start:
            filled = [contact for contact in await store.contacts.load_many(ids) if contact is not None]
            await partitions.dictionaries.make(await samples(partitions, filled))
    return engine


def _patterns(book: Rulebook, now: Millis) -> list[tuple[Contact, Decision]]:
    found: list[tuple[Contact, Decision]] = []
    for contact_id, entries in crowd(2 * SAMPLES, now):
        contact, decisions = decided(contact_id, entries, book, now)
        if len(contact.segments) == 3:
            found.append((contact, decisions[-1]))
        if len(found) == SAMPLES:
            break
    return found


async def _consent(store: Store, ids: Sequence[str], now: Millis) -> None:
    """Give each contact the consents of one of a few that were written one by one."""
    written: list[bytes] = []
    for contact_id in ids[:20]:
        bucket = keys.consents(store.partition(contact_id), keys.bucket_of(contact_id, store.partitions))
        for purpose in ("newsletter", "targeting"):
            await store.consents.write(contact_id, _granting(purpose, now))
        written.append(await store.redis.hget(bucket, contact_id))
    async with store.redis.pipeline(transaction=False) as pipe:
        for at, contact_id in enumerate(ids):
            bucket = keys.consents(store.partition(contact_id), keys.bucket_of(contact_id, store.partitions))
            pipe.hset(bucket, contact_id, written[at % len(written)])
        for partition in range(store.partitions):
            pipe.delete(keys.log(partition))
        await pipe.execute()


def _granting(purpose: str, now: Millis) -> Callable[[ConsentSheet], tuple[ConsentRecord, ConsentSheet]]:
    def change(sheet: ConsentSheet) -> tuple[ConsentRecord, ConsentSheet]:
        record = ConsentRecord(
            id=secrets.token_hex(8), time=now, purpose=purpose, action="grant", status="granted", channels=("email",),
            source="form", by="api", wording=_WORDING, wording_version="3f2a9c1d", ip="203.0.113.77",
            user_agent=_BROWSER,
        )  # fmt: skip
        consent = Consent(status="granted", since=now, wording_version="3f2a9c1d", channels=("email",))
        return record, ConsentSheet(purposes={**sheet.purposes, purpose: consent})

    return change
