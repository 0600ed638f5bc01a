"""The messages of the ready-made scenarios, filled in for a contact of whom much is known, and of whom nothing is."""

from __future__ import annotations

import re
from importlib import resources
from typing import Any

import pytest

from rules import parse_rulebook
from rules.contact import Contact, Event
from rules.facts import EventFacts, facts_now
from rules.history import History
from rules.message import Words, compile_message, render_message
from rules.moment import zone
from rules.rulebook import Rulebook
from rules.sends import sends
from server.services.message_formats import formats_of
from tests.rules.story import DAY, HOUR, START

LIBRARY = resources.files("rules") / "library"
BOOKS = {
    file.name: parse_rulebook(file.read_text("utf-8")) for file in LIBRARY.iterdir() if file.name.endswith(".en.rules")
}
MESSAGES = [
    (book, message, purpose, locale)
    for book, rulebook in sorted(BOOKS.items())
    for (message, _), sent in sends(rulebook).items()
    for purpose in (sent[0].purpose,)
    for locale in ("en", "fr")
]
ENTRIES: dict[str, dict[str, Any]] = {
    "cart": {"cart_id": "c1"},
    "price": {"product_id": "p1", "name": "Wool blanket", "price": 79.9, "old_price": 99, "currency": "EUR",
              "url": "https://shop.example/p1"},
    "promotion": {"title": "Spring at last", "percent": 20, "code": "SPRING", "ends": "2026-03-09"},
    "feed": {"title": "On wool", "link": "https://shop.example/wool", "summary": "Where it comes from."},
}  # fmt: skip
LINES = [
    Event("Product Added", START - HOUR, {"cart_id": "c1", "name": "Lamp", "price": 49.5, "quantity": 2,
                                          "url": "https://shop.example/lamp"}),
    Event("Product Added", START - HOUR, {"cart_id": "other", "name": "Chair", "price": 120}),
    Event("Product Added", START - 20 * DAY, {"cart_id": "c1", "name": "Old lamp", "price": 10}),
]  # fmt: skip


def filled(book: Rulebook, message: str, purpose: str, locale: str, *, known: bool) -> Words:
    source = (LIBRARY / "messages" / f"{message}.email.{locale}.md").read_text("utf-8")
    contact = Contact(id="c1", tail=list(LINES) if known else [])
    if known:
        contact.attributes = {"first_name": "Zoé", "phone": "+32 2 123 45 67", "wishlist": ["p1"]}
    facts = facts_now(contact, book, START, History({}, {}, START, contact.tail))
    entry = next((entry for name, entry in ENTRIES.items() if name in message), {})
    facts["entry"] = EventFacts(Event("entry", START, entry if known else {}))
    return render_message(
        compile_message(message, "email", "markdown", source, book),
        facts,
        events=lambda name: [one for one in contact.tail if one.name == name],
        links={"unsubscribe": "https://relance.example/u/1"},
        purpose=book.purposes[purpose],
        locale=locale,
        formats=formats_of(locale, zone("Europe/Paris")),
    )


@pytest.mark.parametrize(("book", "message", "purpose", "locale"), MESSAGES)
def test_a_message_of_the_library_is_whole_whatever_is_known(
    book: str, message: str, purpose: str, locale: str
) -> None:
    for known in (True, False):
        words = filled(BOOKS[book], message, purpose, locale, known=known)
        assert 5 < len(words.subject) < 90
        for part in (words.subject, words.text, words.html):
            assert not re.search(r"\{\{|\{%|\bNone\b|zq7x|\bundefined\b", part)
        assert "https://relance.example/u/1" in words.text
        assert 'href="https://relance.example/u/1"' in words.html
        assert ("Zoé" in words.text) is known
        assert len(words.text) > 200
        assert 'href="#"' not in words.html
        assert '<a class="press"' in words.html or message in ("welcome_choose", "win_back_hello")


def test_a_reminder_shows_what_lies_in_its_cart() -> None:
    for locale, price in ("en", "€49.50"), ("fr", "49,50\xa0€"):
        text = filled(BOOKS["abandoned_cart.en.rules"], "cart_reminder_1", "targeting", locale, known=True).text
        assert f"- Lamp (https://shop.example/lamp) × 2, {price}" in text
        assert "Chair" not in text
        assert "Old lamp" not in text


def test_a_lower_price_is_told_with_the_former_one() -> None:
    words = filled(BOOKS["price_drop.en.rules"], "price_drop", "targeting", "en", known=True)
    assert words.subject == "Wool blanket costs less now"
    assert "it costs €79.90 instead of €99.00." in words.text
