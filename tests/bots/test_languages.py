"""Every text has its French, and nothing is translated that nobody says."""

from __future__ import annotations

import string

from server.i18n import DOMAIN, LOCALES, mark, supported, translator
from tests.translations import catalogue, template


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_text_has_a_french_translation_and_none_is_unused() -> None:
    said = {message.id for message in template() if message.id}
    french = {message.id: message.string for message in catalogue("fr") if message.id}
    assert said - french.keys() == set(), "run `python -m tests.translations` and translate"
    assert french.keys() - said == set(), "run `python -m tests.translations`"
    empty = [text for text, translated in french.items() if not translated or not all(translated)]
    assert empty == []


def test_every_translation_has_the_fields_of_its_text() -> None:
    for message in catalogue("fr"):
        if not message.id:
            continue
        texts = message.id if isinstance(message.id, (list, tuple)) else [message.id]
        for translated in message.string if isinstance(message.string, (list, tuple)) else [message.string]:
            assert fields(translated) <= fields(texts[-1]), texts
            assert fields(translated) >= fields(texts[0]), texts


def test_the_template_is_in_step_with_the_code() -> None:
    from babel.messages.pofile import read_po

    with (LOCALES / f"{DOMAIN}.pot").open("rb") as file:
        kept = {message.id for message in read_po(file) if message.id}
    assert kept == {message.id for message in template() if message.id}, "run `python -m tests.translations`"


def test_numbers_and_times_are_written_as_the_language_does() -> None:
    english, french = translator("en"), translator("fr")
    assert (english.number(1234.56), french.number(85.5)) == ("1,234.6", "85,5")
    assert (english.points(10), french.points(-2.5)) == ("+10", "−2,5")
    assert english.count("once", "{number} times", 1) == "once"
    times = [french.count("once", "{number} times", number) for number in (0, 1, 2)]
    assert times == ["une fois", "une fois", "2 fois"]
    now = 1_800_000_000_000
    assert english.ago(now - 3 * 60_000, now) == "3 minutes ago"
    assert french.ago(now - 3 * 60_000, now) == "il y a 3 minutes"
    assert english.ago(now + 5_000, now) == "just now"
    assert english.moment(now, "Europe/Paris") == "15 Jan 2027 09:00"
    assert french.moment(now, "UTC") == "15 janv. 2027 08:00"


def test_a_language_we_do_not_speak_is_answered_in_the_default() -> None:
    assert [supported(tag) for tag in ("fr-CA", "FR_fr.UTF-8", "de", "", None)] == ["fr", "fr", "en", "en", "en"]
    assert translator("de").language == "en"
    assert translator("fr")("a text that nobody translated {x}", x=1) == "a text that nobody translated 1"
    assert mark("as it is") == "as it is"
