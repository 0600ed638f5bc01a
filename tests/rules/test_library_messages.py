"""What messages of the ready-made scenarios say of the events behind them; that all are whole is held elsewhere."""

from __future__ import annotations

from importlib import resources
from typing import Any

from rules import parse_rulebook
from rules.contact import Contact, Event
from rules.facts import EventFacts, facts_now
from rules.history import History
from rules.message import Words, compile_message, render_message
from rules.moment import zone
from server.services.message_formats import formats_of
from tests.rules.story import DAY, HOUR, START

LIBRARY = resources.files("rules") / "library"
LAMP = {"cart_id": "c1", "name": "Lamp", "price": 49.5, "quantity": 2, "url": "https://shop.example/lamp"}
ADDED = [
    Event("Product Added", START - HOUR, LAMP),
    Event("Product Added", START - HOUR, {"cart_id": "other", "name": "Chair", "price": 120}),
    Event("Product Added", START - 20 * DAY, {"cart_id": "c1", "name": "Old lamp", "price": 10}),
]


def filled(library: str, message: str, locale: str, entry: dict[str, Any]) -> Words:
    """A message of a ready-made rulebook, for somebody who has put things into carts."""
    book = parse_rulebook((LIBRARY / f"{library}.{locale}.rules").read_text("utf-8"))
    source = (LIBRARY / "messages" / f"{message}.email.{locale}.md").read_text("utf-8")
    contact = Contact(id="c1", attributes={"first_name": "Zoé"}, tail=list(ADDED))
    facts = facts_now(contact, book, START, History({}, {}, START, contact.tail))
    facts["entry"] = EventFacts(Event("entry", START, entry))
    return render_message(
        compile_message(message, "email", "markdown", source, book),
        facts,
        events=lambda name: [one for one in contact.tail if one.name == name],
        links={"unsubscribe": "https://relance.example/u/1"},
        locale=locale,
        formats=formats_of(locale, zone("Europe/Paris")),
    )


def test_a_reminder_shows_what_lies_in_its_cart() -> None:
    for locale, price in ("en", "€49.50"), ("fr", "49,50\xa0€"):
        text = filled("abandoned_cart", "cart_reminder_1", locale, {"cart_id": "c1"}).text
        assert f"- Lamp (https://shop.example/lamp) × 2, {price}" in text
        assert "Chair" not in text
        assert "Old lamp" not in text


def test_a_lower_price_is_told_with_the_former_one() -> None:
    drop = {"product_id": "p1", "name": "Wool blanket", "price": 79.9, "old_price": 99}
    words = filled("price_drop", "price_drop", "en", drop)
    assert words.subject == "Wool blanket costs less now"
    assert "it costs €79.90 instead of €99.00." in words.text


def test_a_promotion_says_until_when_and_by_which_code() -> None:
    words = filled("promotion", "promotion_start", "fr", {"title": "Printemps", "code": "AVRIL", "ends": "2026-03-09"})
    assert words.subject == "Printemps"
    assert "jusqu'au 9 mars 2026" in words.text
    assert "AVRIL" in words.text
