"""Mistakes of a rulebook or a message in the language of their writer.

The checker says what is wrong in English; `bots.sentences` has each of its sentences. What stands in one stays as it is
written, but for keywords, nouns and reasons. What a library adds (Jinja2, say) is shown in English.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from bots.sentences import NOUNS, SENTENCES
from rules.errors import Problem
from rules.words import WORDS, Language, form
from server.i18n import Translator

__all__ = ["sentence", "told"]

_KINDS: Final = frozenset(word.en for word in WORDS[:12])
_FIELD = re.compile(r"\\{(\w+)\\}")


def sentence(problem: Problem, t: Translator) -> str:
    """What is wrong, in a language."""
    return _said(problem.message, problem.expected, t)


def told(problem: Problem, t: Translator) -> str:
    """`unknown attribute contact.contry — did you mean country?`, in a language."""
    meant = t("did you mean {suggestion}?", suggestion=problem.suggestion) if problem.suggestion else ""
    return f"{sentence(problem, t)} — {meant}" if meant else sentence(problem, t)


def _said(message: str, expected: tuple[str, ...], t: Translator) -> str:
    for text in SENTENCES:
        found = _pattern(text).fullmatch(message)
        if found is None or (found.groupdict().get("kind") or "attribute") not in _KINDS:
            continue
        fields = {name: _field(name, said, t) for name, said in found.groupdict().items()}
        if "expected" in fields and expected:
            fields["expected"] = _listed([_noun(part, t) for part in expected], t)
        return t(text, **fields)
    return message


def _field(name: str, said: str, t: Translator) -> str:
    """What stands in a sentence: a keyword, a noun, a reason, or something as it was written."""
    language: Language = "fr" if t.language == "fr" else "en"
    if name in ("kind", "what") and said in _KINDS:
        return form(said, language)
    if name == "what" and (kind := said.split(" ")[0]) in _KINDS:
        return f"{form(kind, language)} {said.removeprefix(kind).lstrip()}"
    if name == "reason":
        return _said(said, (), t)
    return _noun(said, t)


def _noun(said: str, t: Translator) -> str:
    return t(said) if said in NOUNS else said


def _listed(said: list[str], t: Translator) -> str:
    if len(said) == 1:
        return said[0]
    return t("{some} or {last}", some=", ".join(said[:-1]), last=said[-1])


@functools.cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(_FIELD.sub(r"(?P<\1>.+?)", re.escape(text)), re.DOTALL)
