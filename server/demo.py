"""A day at a shop and its trade show, as a site would send it: who comes, what they look at, what they buy.

A visitor is a list of steps, each at a moment of the day; all of it follows from a seed, so that a day can be played
again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

__all__ = ["DAY", "Step", "day"]

DAY: Final = 10 * 3600.0  # seconds for which the shop is open

_NAMES: Final = (
    "Ada", "Aline", "Amir", "Anna", "Basile", "Bea", "Camille", "Chloé", "David", "Elif", "Emma", "Farid", "Gaëlle",
    "Hugo", "Ines", "Jan", "Jeanne", "Karim", "Léa", "Lin", "Louis", "Maya", "Mehdi", "Nina", "Noé", "Olga", "Paul",
    "Rosa", "Sami", "Tom", "Yara", "Zoé",
)  # fmt: skip
_COUNTRIES: Final = ("FR", "FR", "FR", "BE", "CH", "DE", "IT", "US")
_COMPANIES: Final = ("", "", "", "Atelier Nord", "Mairie de Sèvres", "Bakker & Zoon", "Kelvin Ltd")
_PRODUCTS: Final = (
    ("boots", "Boots for any weather", 129), ("boots", "Summer sandals", 59), ("bags", "A bag that holds a week", 89),
    ("bags", "City rucksack", 75), ("lamps", "Lamp for long evenings", 49), ("lamps", "Reading lamp", 39),
)  # fmt: skip
_PAGES: Final = ("/", "/favourites", "/about", "/delivery", "/pricing")


class Step(NamedTuple):
    """What happens at a moment of the day, in seconds from its opening. `kind` is a call of the tracking API, or
    "consent" and "fair": then `body` names the purpose, or nothing. `user` is "" while nobody knows who it is."""

    at: float
    kind: str
    anonymous: str
    user: str
    body: dict[str, Any]


def day(visitors: int, seed: int = 1) -> list[Step]:
    """All steps of a day, in order."""
    chance = random.Random(seed)  # noqa: S311 - a story, not a secret
    steps = [step for number in range(visitors) for step in _visitor(chance, number)]
    return sorted(steps, key=lambda step: step.at)


def _visitor(chance: random.Random, number: int) -> Iterator[Step]:
    visitor, user = f"demo-visitor-{number}", ""
    at = chance.uniform(0, DAY * 0.8)
    if chance.random() < 0.15:  # met at the fair: known before they come to the site
        user = f"demo-{number}"
        yield from _known(chance, at, visitor, user, number)
        yield Step(at + 2, "fair", visitor, user, {})  # what they agreed to is known by then
        at += chance.uniform(600, 1800)
    for visit in range(chance.choice((1, 1, 1, 2, 3))):
        if visit:
            at += chance.uniform(1800, 7200)
        for _ in range(chance.randint(1, 5)):
            at += chance.expovariate(1 / 40)
            yield Step(at, "page", visitor, user, {"properties": {"path": chance.choice(_PAGES)}})
        if not user and chance.random() < 0.6:
            user = f"demo-{number}"
            at += 30
            yield from _known(chance, at, visitor, user, number)
        for step in _shopping(chance, at, visitor, user, f"cart-{number}-{visit}"):
            at = step.at
            yield step


def _known(chance: random.Random, at: float, visitor: str, user: str, number: int) -> Iterator[Step]:
    """Somebody says who they are, and what they agree to."""
    name = chance.choice(_NAMES)
    traits: dict[str, Any] = {
        "firstName": name,
        "email": f"{name.lower().encode('ascii', 'ignore').decode()}.{number}@demo.example",
        "address": {"country": chance.choice(_COUNTRIES)},
        "interest": chance.choice(("boots", "bags", "lamps")),
    }
    if company := chance.choice(_COMPANIES):
        traits["companyName"] = company
    yield Step(at, "identify", visitor, user, {"traits": traits})
    for purpose, share in (("newsletter", 0.6), ("offers", 0.8)):
        if chance.random() < share:
            yield Step(at + 1, "consent", visitor, user, {"purpose": purpose})


def _shopping(chance: random.Random, at: float, visitor: str, user: str, cart: str) -> Iterator[Step]:
    """Products looked at, some put into a cart, some of these bought."""
    total = 0

    def track(event: str, **properties: Any) -> Step:
        return Step(at, "track", visitor, user, {"event": event, "properties": properties})

    for _ in range(chance.randint(0, 4)):
        at += chance.expovariate(1 / 60)
        category, name, price = chance.choice(_PRODUCTS)
        yield track("Product Viewed", category=category, name_of_product=name, price=price)
        if user and chance.random() < 0.45:
            at += 20
            total += price
            yield track("Product Added", cart_id=cart, category=category, name_of_product=name, price=price, quantity=1)
    if total and chance.random() < 0.5:
        at += 60
        yield track("Checkout Started", cart_id=cart, value=total)
        if chance.random() < 0.8:
            at += 90
            yield track("Order Completed", cart_id=cart, revenue=total, currency="EUR")
