"""Mistakes of a rulebook in the language of their writer.

The checker says what is wrong in English. What it says most is marked here, to be translated: a sentence is
recognised by its words, and what stands in it stays as it is. A sentence that is not marked is shown in English.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from rules.errors import Problem
from rules.words import WORDS, form
from server.i18n import Translator, mark

__all__ = ["SENTENCES", "sentence"]

# The longer ones first, where one fits what another does.
SENTENCES: Final = (
    mark("unexpected {found}: expected {expected}"),
    mark("the line ends too early: expected {expected}"),
    mark("the line ends too early"),
    mark("the expression ends too early"),
    mark("this text is not closed: its second quote is missing"),
    mark("unknown statement {name}"),
    mark("unknown attribute {name}"),
    mark("unknown operator {name}"),
    mark("unknown name {name}"),
    mark("unknown filter {name}"),
    mark("unknown {kind} {name}"),
    mark("unexpected {found}"),
    mark("there is no {channel} message {name}"),
    mark("{kind} {name} is already defined in line {line}"),
    mark("{kind} {name} depends on itself: {chain}"),
    mark("{what} are checked but not run by this version: take them out to publish"),
    mark("a {kind} has no lines under it; a line that ends in \\ goes on in the next"),
    mark("a {kind} needs at least one action, indented under it"),
    mark("a {kind} acts at once: this step belongs under a scenario"),
    mark("a digest is not claimed: take `claim within` out"),
    mark("this line belongs under a trigger or a scenario: indent it"),
    mark("an indented line belongs to a statement, and none is above it"),
    mark("indent a statement with spaces or with tabs, not with both"),
    mark("a control character has no place here"),
    mark("{left} cannot be compared with {right}"),
    mark("there is no event here: only what happens on an event can read it"),
    mark("points have at most one decimal"),
    mark("points either halve or last, not both"),
    mark("points for an event cannot depend on the score"),
    mark("points for an event cannot depend on a segment"),
    mark("this option stands twice"),
    mark("this clause stands twice"),
    mark("this text is empty"),
    mark("this text is not a valid template: {reason}"),
    mark("there is no such time of day"),
    mark("an expression has at most {number} parts"),
    mark("an expression is at most {number} levels deep"),
    mark("an expression has at most {number} characters"),
    mark("a line has at most {number} characters"),
    mark("shifts (<< and >>) are not allowed in an expression"),
    mark("powers (**) are not allowed in an expression"),
    mark("this is not allowed in an expression"),
    mark("a comprehension in a comprehension is not allowed"),
    mark("a regular expression must be a text in quotes"),
    mark("this number is too large or too small"),
    mark("{name} is not allowed: {reason}"),
)
_NOUNS: Final = (
    mark("a name"),
    mark("a text in double quotes"),
    mark("points with their sign, such as +5"),
    mark("a number"),
    mark("a whole number"),
    mark("a percentage"),
    mark("a time of day, such as 09:00"),
    mark("a condition"),
    mark("the end of the line"),
)
_KINDS: Final = frozenset(word.en for word in WORDS[:12])
_FIELD = re.compile(r"\\{(\w+)\\}")


def sentence(problem: Problem, t: Translator) -> str:
    """What is wrong, in a language."""
    for text in SENTENCES:
        found = _pattern(text).fullmatch(problem.message)
        if found is None or (found.groupdict().get("kind") or "attribute") not in _KINDS:
            continue
        fields = found.groupdict()
        if "expected" in fields and problem.expected:
            fields["expected"] = _listed(problem.expected, t)
        if "kind" in fields:
            fields["kind"] = form(fields["kind"], "fr" if t.language == "fr" else "en")
        return t(text, **fields)
    return problem.message


def _listed(parts: tuple[str, ...], t: Translator) -> str:
    said = [t(part) if part in _NOUNS else part for part in parts]
    if len(said) == 1:
        return said[0]
    return t("{some} or {last}", some=", ".join(said[:-1]), last=said[-1])


@functools.cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(_FIELD.sub(r"(?P<\1>.+?)", re.escape(text)), re.DOTALL)
