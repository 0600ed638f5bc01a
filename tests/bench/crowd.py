"""A crowd of contacts as a shop has them, decided and committed as an engine does it, for the rows about scale.

Each has ten attributes, twenty events of three properties, two consents, three segments and two identities.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence

from rules.contact import Contact, Millis
from rules.decide import decide
from rules.decision import Decision
from rules.entry import ConsentRecorded, Entry, EventReceived
from rules.rulebook import Rulebook

__all__ = ["CONTACTS", "RULES", "contacts_wanted", "crowd", "decided"]

CONTACTS = 100_000
_TOGETHER = 400  # contacts of one partition in a commit

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
