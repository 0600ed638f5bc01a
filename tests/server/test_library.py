"""The ready-made rulebooks: the same in both languages, and taken over without losing what is published."""

from __future__ import annotations

from importlib import resources

import msgspec
import pytest

from rules import parse_rulebook
from rules.printing import format_text
from rules.rulebook import Rulebook, Step, meaning
from rules.sends import sends
from server.errors import NotFound
from server.model.actor import SYSTEM
from server.services.contacts import Contacts
from server.services.library import Library, ready_made, ready_messages, ready_text
from server.services.messages import Messages
from server.services.rulebooks import Rulebooks, check
from server.store.store import Store
from tests.engines import publish

NAMES = [
    "abandoned_cart", "b2b", "birthday", "demo", "feed_letter", "first_order", "gift", "interests", "lead_handover",
    "price_drop", "promotion", "publisher", "sample", "shop", "trade_show", "welcome", "win_back",
]  # fmt: skip


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
    scenarios = [
        (
            s.name,
            s.purpose,
            meaning(s.occasion),
            meaning(s.stops),
            meaning(s.restarts),
            [_wordless(one) for one in s.steps],
        )
        for s in book.scenarios.values()
    ]
    digests = [(d.name, d.occasion, d.top, d.of, d.by.text) for d in book.digests.values()]
    attributes = [(a.name, a.type, a.options, a.personal, a.trait) for a in book.attributes.values()]
    return [
        scores,
        segments,
        triggers,
        scenarios,
        digests,
        attributes,
        list(book.purposes),
        list(book.teams),
        list(book.lists),
    ]


def _wordless(step: Step) -> object:
    """A step without what people read in their own language."""
    return _bare(meaning(step))


def _bare(value: object) -> object:
    if isinstance(value, tuple):
        if value[:1] in (("AlertTeam",), ("Task",)):
            return value[0]
        return tuple(_bare(each) for each in value)
    return value


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


@pytest.mark.parametrize("name", NAMES)
def test_each_message_of_a_ready_made_rulebook_is_there_in_both_languages(name: str) -> None:
    text = ready_text(name)
    there = ready_messages(text).keys()
    assert there == {
        (message, channel, locale) for message, channel in sends(parse_rulebook(text)) for locale in ("en", "fr")
    }


def test_no_message_lies_there_that_nothing_sends() -> None:
    sent = {place for name in NAMES for place in ready_messages(ready_text(name))}
    folder = resources.files("rules") / "library" / "messages"
    assert {".".join(place) for place in sent} == {file.name.removesuffix(".md") for file in folder.iterdir()}


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


@pytest.mark.parametrize("name", NAMES)
async def test_a_ready_made_rulebook_is_published_with_its_messages(name: str, store: Store) -> None:
    used = await library(store).use(SYSTEM, name)
    assert used.version is not None
    assert await store.messages.names() >= sends(parse_rulebook(used.version.text)).keys()
    assert used.messages == [".".join(place) for place in ready_messages(ready_text(name))]


def test_all_of_the_library_goes_together() -> None:
    pieces: dict[tuple[str, str], str] = {}
    for name in NAMES:
        pieces = {**parse_rulebook(ready_text(name)).sources, **pieces}
    checked = check("\n\n".join(pieces.values()))
    assert checked.problems == []
    assert checked.book is not None
    assert {"welcome", "birthday", "abandoned_cart", "lead_handover", "win_back"} <= checked.book.scenarios.keys()
