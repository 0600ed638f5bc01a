"""The words of the language, English and French: one table that the grammar, the printer and the help read."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Literal, TypeAlias

import msgspec

__all__ = ["LANGUAGES", "WORDS", "Language", "Word", "canonical", "form", "pattern", "translations"]

Language: TypeAlias = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = ("en", "fr")


class Word(msgspec.Struct, frozen=True):
    """A keyword: its English form (its name in the grammar), its French one, and their plurals where they count."""

    en: str
    fr: str
    en_plural: str = ""
    fr_plural: str = ""

    def forms(self, language: Language) -> tuple[str, ...]:
        """All forms that a reader may write."""
        both = (self.en, self.en_plural) if language == "en" else (self.fr, self.fr_plural)
        return tuple(form for form in both if form)


# One French form each; where one French word serves twice (`par`, `à`, `de`), its place tells which is meant.
WORDS: tuple[Word, ...] = (
    # statements
    Word("attribute", "attribut"),
    Word("purpose", "finalité"),
    Word("team", "équipe"),
    Word("list", "liste"),
    Word("score", "score"),
    Word("segment", "segment"),
    Word("trigger", "déclencheur"),
    Word("scenario", "scénario"),
    Word("digest", "palmarès"),
    Word("limit", "limite"),
    Word("quiet hours", "heures calmes"),
    Word("goal", "objectif"),
    # types and options of attributes
    Word("text", "texte"),
    Word("number", "nombre"),
    Word("yes/no", "oui/non"),
    Word("date", "date"),
    Word("datetime", "horodatage"),
    Word("list of text", "liste de textes"),
    Word("one of", "parmi"),
    Word("personal", "personnel"),
    Word("shown in alerts", "visible dans les alertes"),
    Word("keep", "garder"),
    Word("from", "depuis"),
    # options of purposes
    Word("via", "via"),
    Word("and", "et"),
    Word("double opt-in", "double consentement"),
    Word("profiling", "profilage"),
    Word("open tracking", "suivi des ouvertures"),
    Word("renew after", "renouveler après"),
    Word("ask again", "redemander"),
    # channels and platforms
    Word("slack", "slack"),
    Word("telegram", "telegram"),
    Word("email", "email"),
    Word("sms", "sms"),
    Word("push", "push"),
    Word("inbox", "messagerie"),
    Word("print", "courrier"),
    Word("webhook", "webhook"),
    # clauses
    Word("for", "pour"),
    Word("on", "sur"),
    Word("while", "tant que"),
    Word("when", "quand"),
    Word("at most", "au plus"),
    Word("per", "par"),
    Word("ever", "en tout"),
    Word("halves every", "demi-vie"),
    Word("lasts", "dure"),
    # entries
    Word("enter", "entrée dans"),
    Word("leave", "sortie de"),
    Word("consent", "consentement"),
    Word("every", "chaque"),
    Word("at", "à"),
    Word("to", "à"),
    Word("broadcast", "diffusion"),
    Word("feed", "flux"),
    Word("top", "top"),
    Word("of", "de"),
    Word("by", "par"),
    # options and steps of scenarios
    Word("key", "clé"),
    Word("again after", "de nouveau après"),
    Word("restart", "reprendre"),
    Word("stop", "arrêter"),
    Word("stop scenario", "arrêter scénario"),
    Word("start scenario", "lancer scénario"),
    Word("wait", "attendre"),
    Word("wait until", "attendre jusque"),
    Word("wait for", "guetter"),
    Word("up to", "pendant"),
    Word("if", "si"),
    Word("else if", "sinon si"),
    Word("else", "sinon"),
    Word("split", "répartir"),
    # actions
    Word("send", "envoyer"),
    Word("valid", "valable"),
    Word("alert", "alerter"),
    Word("claim within", "à prendre sous"),
    Word("else alert", "sinon alerter"),
    Word("task", "tâche"),
    Word("add to list", "ajouter à la liste"),
    Word("remove from list", "retirer de la liste"),
    Word("add", "ajouter"),
    Word("point", "point", "points", "points"),
    Word("set", "définir"),
    Word("convert", "convertir"),
    Word("amount", "montant"),
    # lengths of time
    Word("minute", "minute", "minutes", "minutes"),
    Word("hour", "heure", "hours", "heures"),
    Word("day", "jour", "days", "jours"),
    Word("week", "semaine", "weeks", "semaines"),
    Word("month", "mois", "months", "mois"),
    Word("year", "année"),
    Word("monday", "lundi"),
    Word("tuesday", "mardi"),
    Word("wednesday", "mercredi"),
    Word("thursday", "jeudi"),
    Word("friday", "vendredi"),
    Word("saturday", "samedi"),
    Word("sunday", "dimanche"),
)

_BY_NAME = {word.en: word for word in WORDS}


def form(name: str, language: Language, number: int = 1) -> str:
    """A keyword as it is written in a language, in the plural where `number` asks for it."""
    word = _BY_NAME[name]
    singular, plural = (word.en, word.en_plural) if language == "en" else (word.fr, word.fr_plural)
    return plural if plural and abs(number) > 1 else singular


@functools.cache
def pattern(name: str, language: Language) -> str:
    """A regular expression for a keyword: any spaces between its words, accents composed or not, no letter after it."""
    alternatives = sorted(_BY_NAME[name].forms(language), key=len, reverse=True)
    body = "|".join(r"[ \t\u00a0\u202f]+".join(_accented(part) for part in one.split(" ")) for one in alternatives)
    return rf"(?:{body})(?![\w-])" if len(alternatives) > 1 else rf"{body}(?![\w-])"


def canonical(written: str, language: Language, among: tuple[str, ...]) -> str:
    """The English name of a keyword as written, looked for `among` some names. Raises KeyError."""
    plain = " ".join(unicodedata.normalize("NFC", written).split())
    for name in among:
        if plain in _BY_NAME[name].forms(language):
            return name
    raise KeyError(written)


@functools.cache
def translations(language: Language) -> dict[str, tuple[str, ...]]:
    """What a writer of the other language may have meant: each of its forms → the forms in this one."""
    found: dict[str, tuple[str, ...]] = {}
    for word in WORDS:
        other, mine = (word.fr, word.en) if language == "en" else (word.en, word.fr)
        found[other] = (*found.get(other, ()), mine)
    return found


def _accented(text: str) -> str:
    """The text as a pattern whose accented letters may also be written as letter and accent."""
    out = []
    for letter in text:
        apart = unicodedata.normalize("NFD", letter)
        out.append(re.escape(letter) if apart == letter else f"(?:{letter}|{apart})")
    return "".join(out)
