"""The ready-made rulebooks: the same in both languages, and taken over without losing what is published."""

from __future__ import annotations

import msgspec
import pytest

from rules import parse_rulebook
from rules.printing import format_text
from rules.rulebook import Rulebook
from server.errors import NotFound
from server.model.actor import SYSTEM
from server.services.contacts import Contacts
from server.services.library import Library, ready_made, ready_text
from server.services.messages import Messages
from server.services.rulebooks import Rulebooks, check
from server.store.store import Store
from tests.engines import publish

NAMES = ["b2b", "publisher", "sample", "shop"]


def decisions(book: Rulebook) -> list[object]:
    """What a rulebook decides, apart from what people read in their own language."""
    scores = [
        (s.name, s.tenths, s.event, s.purpose, s.at_most, s.halves, s.lasts, s.when and s.when.text)
        for s in book.scores.values()
    ]
    segments = [(s.name, s.purpose, s.condition.text) for s in book.segments.values()]
    triggers = [
        (t.name, t.purpose, t.occasion, t.at_most, [type(action) for action in t.actions])
        for t in book.triggers.values()
    ]
    attributes = [(a.name, a.type, a.options, a.personal, a.trait) for a in book.attributes.values()]
    return [scores, segments, triggers, attributes, list(book.purposes), list(book.teams), list(book.lists)]


@pytest.mark.parametrize("name", NAMES)
def test_a_ready_made_rulebook_decides_the_same_in_both_languages_and_has_nothing_to_mend(name: str) -> None:
    english, french = (check(ready_text(name, language)) for language in ("en", "fr"))
    assert english.book is not None
    assert french.book is not None
    assert decisions(english.book) == decisions(french.book)
    assert [*english.warnings, *french.warnings] == []
    assert msgspec.structs.asdict(english.book)["languages"] != msgspec.structs.asdict(french.book)["languages"]


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("name", NAMES)
def test_a_ready_made_rulebook_stands_in_the_usual_form(name: str, language: str) -> None:
    text = ready_text(name, language)
    assert format_text(text) == text


def test_the_library_is_listed_with_what_each_is_for() -> None:
    assert [ready.name for ready in ready_made("fr")] == NAMES
    assert all(ready.about for ready in ready_made())
    with pytest.raises(NotFound):
        ready_text("../sample")


def library(store: Store) -> Library:
    rulebooks = Rulebooks(store)
    return Library(rulebooks, Messages(store, store.clock, rulebooks, Contacts(store, store.clock, rulebooks)))


async def test_using_one_adds_what_is_missing_and_keeps_what_is_published(store: Store) -> None:
    await publish(store, 'attribute email: text, personal\nscore cart: +1 on "Product Added"\n')
    used = await library(store).use(SYSTEM, "shop")
    assert used.version is not None
    assert used.version.version == 2
    assert used.kept == ["attribute email", "score cart"]
    book = parse_rulebook(used.version.text)
    assert book.scores["cart"].tenths == 10
    assert "ready_to_buy" in book.segments
    again = await library(store).use(SYSTEM, "shop")
    assert again.version is None


async def test_using_one_can_replace_the_whole_rulebook(store: Store) -> None:
    await publish(store, 'score cart: +1 on "Product Added"\n')
    used = await library(store).use(SYSTEM, "b2b", language="fr", replace=True)
    assert used.version is not None
    assert used.version.text == ready_text("b2b", "fr")
