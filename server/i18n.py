"""What people read, in their language.

English is in the code, other languages in `locale/<language>/LC_MESSAGES/relance.po`.
A text is written `t("{count} leads", count=3)` where `t` is a `Translator`; one that is declared before its language
is known is marked `mark("…")` and translated where it is shown, `t(marked)`. A text without a translation is shown in
English. The catalogues are read from their text form: nothing to compile.
"""

from __future__ import annotations

import datetime
import functools
import gettext
from collections.abc import Callable
from pathlib import Path
from typing import Any

from babel.dates import format_datetime, format_timedelta
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

from rules.contact import Millis
from rules.moment import zone

__all__ = ["DOMAIN", "LANGUAGES", "LOCALES", "Translator", "mark", "supported", "translator"]

DOMAIN = "relance"
LANGUAGES = ("en", "fr")
LOCALES = Path(__file__).with_name("locale")


def mark(text: str) -> str:
    """Mark a text for the catalogue without translating it yet."""
    return text


def supported(tag: str | None, default: str = "en") -> str:
    """The language of ours that a tag such as `fr-CA` or `fr_FR.UTF-8` asks for, else the default."""
    language = (tag or "").replace("_", "-").split("-")[0].split(".")[0].lower()
    return language if language in LANGUAGES else default


_JUST_NOW = mark("just now")


class Translator:
    """Says a text, a number, a time in one language."""

    def __init__(
        self, language: str, texts: dict[str, str], plurals: dict[str, tuple[str, ...]], form: Callable[[int], int]
    ) -> None:
        self.language = language
        self._texts = texts
        self._plurals = plurals
        self._form = form

    def __call__(self, text: str, /, **values: object) -> str:
        """The text in this language, with its `{names}` filled in."""
        said = self._texts.get(text) or text
        return said.format(**values) if values else said

    def count(self, one: str, many: str, number: int, /, **values: object) -> str:
        """The text that fits a number, which is `{number}` in it."""
        forms = self._plurals.get(one)
        said = forms[self._form(number)] if forms else (one if number == 1 else many)
        return said.format(number=self.number(number), **values)

    def number(self, value: float) -> str:
        """A number with at most one decimal."""
        return format_decimal(round(value, 1), format="#,##0.#", locale=self.language)

    def share(self, part: float, whole: float) -> str:
        """A part of a whole: `75%`, `75 %`."""
        return format_percent(part / whole, locale=self.language)

    def points(self, value: float) -> str:
        """A number of points with its sign: `+10`, `−2.5`."""
        sign = "−" if value < 0 else "+"
        return sign + self.number(abs(value))

    def ago(self, then: Millis, now: Millis) -> str:
        """How long ago a moment was, roughly: `3 minutes ago`."""
        apart = datetime.timedelta(milliseconds=min(then - now, 0))
        if apart > -datetime.timedelta(minutes=1):
            return self(_JUST_NOW)
        return format_timedelta(apart, add_direction=True, locale=self.language)

    def local(self, time: Millis, timezone: str) -> str:
        """A moment as a clock in a zone shows it: `Tue 3 Mar 09:00`."""
        moment = datetime.datetime.fromtimestamp(time / 1000, zone(timezone))
        return format_datetime(moment, "EEE d MMM HH:mm", locale=self.language)

    def moment(self, time: Millis, timezone: str) -> str:
        """A moment of any year as a clock in a zone shows it: `3 Mar 2026 09:00`."""
        moment = datetime.datetime.fromtimestamp(time / 1000, zone(timezone))
        return format_datetime(moment, "d MMM y HH:mm", locale=self.language)


@functools.cache
def translator(language: str) -> Translator:
    """The translator of a language; of English where we do not speak it."""
    language = supported(language)
    path = LOCALES / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    if not path.exists():
        return Translator("en", {}, {}, lambda number: int(number != 1))
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    texts: dict[str, str] = {}
    plurals: dict[str, tuple[str, ...]] = {}
    for message in catalogue:
        said: Any = message.string
        if isinstance(message.id, tuple):
            if all(said):
                plurals[message.id[0]] = tuple(said)
        elif message.id and said:
            texts[str(message.id)] = str(said)
    return Translator(language, texts, plurals, gettext.c2py(catalogue.plural_expr))
