"""The reference of the language, made from its grammar and its words: what `help rules` and docs/reference show."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

import msgspec

from rules.parsing import choices_of, grammar_text
from rules.words import Language, form

__all__ = ["Form", "forms", "reference"]

_TOKEN = re.compile(r'\s*("[^"]+"|[A-Z_]+|[a-z_]+|[()|?*])')
_WORD = re.compile('"([a-z][a-z/ -]*)"')
_STANDS_FOR = {  # a rule or a terminal → how the reference writes it
    "duration": ("DURATION", "DURÉE"),
    "at_most": ("at most N …", "au plus N …"),
    "purpose_clause": ("for PURPOSE", "pour FINALITÉ"),
    "type": ("TYPE", "TYPE"),
    "CHANNEL": ("CHANNEL", "CANAL"),
    "PLATFORM": ("PLATFORM", "PLATEFORME"),
    "DAY": ("DAY", "JOUR"),
    "PERCENT": ("N%", "N%"),
    "occasion": ("ENTRY", "ENTRÉE"),
    "appointment": ("ENTRY", "ENTRÉE"),
    "NAME": ("NAME", "NOM"),
    "FIELD": ("contact.ATTRIBUTE", "contact.ATTRIBUT"),
    "TEXT": ('"text"', '"texte"'),
    "POINTS": ("±N", "±N"),
    "AMOUNT": ("N", "N"),
    "INTEGER": ("N", "N"),
    "TIME": ("HH:MM", "HH:MM"),
    "LABEL": ("@label", "@label"),
    "EXPR": ("CONDITION", "CONDITION"),
}
_SECTIONS = {
    "statements": ("Statements", "Instructions"),
    "entries": ("Entries", "Entrées"),
    "steps": ("Options and steps of a scenario", "Options et étapes d'un scénario"),
    "actions": ("Actions", "Actions"),
}
_NOTES = {
    "en": (
        "A statement starts at the left margin; the indented lines under it belong to it. # starts a comment; a line "
        "that ends in \\ goes on in the next.",
        "Names are of a-z, 0-9 and _. Texts and names of events stand in double quotes.",
        "A CONDITION is a rule-engine expression and ends its line.",
        "DURATION: 30 minutes, 3 hours, 2 days, 1 week, 36 months.",
        "at most N: per day, per week or per month (by the calendar), per DURATION (rolling), or ever.",
        "A step of a scenario may end with @label, by which waiting contacts find it again in a changed text.",
    ),
    "fr": (
        "Une instruction commence à la marge ; les lignes en retrait lui appartiennent. # ouvre un commentaire ; une "
        "ligne qui finit par \\ se poursuit.",
        "Les noms sont faits de a-z, 0-9 et _. Les textes et les noms d'événements sont entre guillemets droits.",
        "Une CONDITION est une expression rule-engine et termine sa ligne.",
        "DURÉE : 30 minutes, 3 heures, 2 jours, 1 semaine, 36 mois.",
        "au plus N : par jour, par semaine ou par mois (du calendrier), par DURÉE (glissante), ou en tout.",
        "Une étape d'un scénario peut finir par @label : les contacts en attente l'y retrouvent dans un texte modifié.",
    ),
}


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One form of the language: its section, the rule of the grammar, how it is written, what it means."""

    section: str
    rule: str
    written: str
    meaning: str


def reference(language: Language, topic: str = "") -> str:
    """The statement table as plain text; of a `topic`, the forms that its word begins (a statement, an action)."""
    found = forms(language)
    if topic:
        found = tuple(one for one in found if topic in (one.rule, one.written.split(" ")[0]))
    out: list[str] = []
    section = ""
    for at, one in enumerate(found):
        if one.section != section:
            section = one.section
            out += ["", _SECTIONS[section][language == "fr"]]
        out.append(f"  {one.written}")
        last = at + 1 == len(found) or found[at + 1].meaning != one.meaning
        out += [f"      {one.meaning}"] if one.meaning and last else []
    return "\n".join([*out, "", *_NOTES[language], *_choices(language)]).strip()


def _choices(language: Language) -> Iterator[str]:
    """What the reference abbreviates: the words that may stand there."""
    for terminal, more in (("TYPE", ', {} "a" | "b"'), ("CHANNEL", ""), ("PLATFORM", ""), ("DAY", "")):
        name = _STANDS_FOR.get(terminal, (terminal, terminal))[language == "fr"]
        words = ", ".join(form(choice, language) for choice in choices_of(terminal))
        yield f"{name}{' ' if language == 'fr' else ''}: {words}{more.format(form('one of', language))}"


@functools.cache
def forms(language: Language) -> tuple[Form, ...]:
    """All forms in the order of the grammar."""
    found: list[Form] = []
    for rule, alternatives, meanings in _documented():
        section = _section(rule)
        if section:
            for body in alternatives:
                written = _Shown(body, language).text()
                found.append(Form(section=section, rule=rule, written=written, meaning=meanings.get(language, "")))
    return tuple(found)


def _section(rule: str) -> str:
    if rule in ("occasion", "appointment"):
        return "entries"
    if rule in ("option", "step"):
        return "steps"
    documented = [name for name, _, meanings in _documented() if meanings]
    if rule not in documented:
        return ""
    return "statements" if documented.index(rule) < documented.index("option") else "actions"


@functools.cache
def _documented() -> tuple[tuple[str, tuple[str, ...], dict[str, str]], ...]:
    """The grammar's rules as (rule, alternatives, meanings); one with comments inside is cut at them."""
    found: list[tuple[str, list[str], dict[str, str]]] = []
    meanings: dict[str, str] = {}
    for line in grammar_text().split("\n"):
        if comment := re.match(r"// (en|fr): (.*)", line):
            meanings[comment[1]] = comment[2]
        elif begun := re.match(r"\??([a-z_]+): (.*)", line):
            found.append((begun[1], [begun[2]], meanings))
            meanings = {}
        elif another := re.match(r"\s+\| (.*)", line):
            if meanings:
                found.append((found[-1][0], [], meanings))
                meanings = {}
            found[-1][1].append(another[1])
    return tuple((rule, tuple(body.split(" -> ")[0] for body in bodies), said) for rule, bodies, said in found)


class _Shown:
    """The body of a rule in the manner of a reference: [optional], alternatives with a bar, helper rules spelt out."""

    def __init__(self, body: str, language: Language) -> None:
        self.tokens: list[str] = _TOKEN.findall(body)
        self.language = language

    def text(self) -> str:
        written = " ".join(self._alternatives())
        return re.sub(r" (?=[:,])", "", written).replace("[ ", "[").replace(" ]", "]").replace("[,", "[,").strip()

    def _alternatives(self) -> Iterator[str]:
        """Until a closing parenthesis or the end."""
        while self.tokens and self.tokens[0] != ")":
            sign = self.tokens.pop(0)
            if sign == "|":
                yield "|"
                continue
            inner = self._one(sign)
            if self.tokens and self.tokens[0] in "?*":
                repeated = self.tokens.pop(0) == "*"
                yield self._optional(inner, repeated)
            else:
                yield f"({inner})" if sign == "(" else inner

    def _optional(self, inner: str, repeated: bool) -> str:
        if repeated and inner.startswith(", ") and " | " in inner:
            return " ".join(f"[, {part.removeprefix(', ')}]" for part in inner.split(" | "))
        if repeated and " | " in inner and not inner.startswith("|"):
            return " ".join(f"[{part}]" for part in inner.split(" | "))
        return f"[{inner}{' …' if repeated else ''}]"

    def _one(self, sign: str) -> str:
        if sign == "(":
            inner = " ".join(self._alternatives())
            self.tokens.pop(0)
            return inner
        if sign in _STANDS_FOR:
            return _STANDS_FOR[sign][self.language == "fr"]
        if word := _WORD.fullmatch(sign):
            return form(word[1], self.language, 2 if word[1] == "point" else 1)
        if sign.startswith('"'):
            return sign[1:-1]
        if sign.isupper():
            return "|".join(form(choice, self.language) for choice in choices_of(sign))
        bodies = [body for rule, bodies, _ in _documented() if rule == sign for body in bodies]
        return " | ".join(_Shown(body, self.language).text() for body in bodies)
