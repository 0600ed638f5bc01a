"""One line → a tree, by the grammar in a language; a mistake → a problem with what was expected there."""

from __future__ import annotations

import functools
import re
import unicodedata
from importlib import resources

import msgspec
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from rules.near import nearest
from rules.words import WORDS, Language, canonical, form, pattern, translations

__all__ = ["HEADS", "LINES", "LineError", "choices_of", "grammar_text", "head_of", "parse_line", "value_of"]

# The rules of the grammar that a statement's first line can have, by the keyword that begins it.
HEADS = {word: word.replace(" ", "_") for word in [one.en for one in WORDS[:12]]}
LINES = ("trigger_line", "digest_line", "scenario_line", "branch_line")

_LITERAL = re.compile(r'"([a-z][a-z/ -]*)"')
_NOUNS = {
    "NAME": "a name",
    "FIELD": "contact.ATTRIBUTE",
    "TEXT": "a text in double quotes",
    "POINTS": "points with their sign, such as +5",
    "AMOUNT": "a number",
    "INTEGER": "a whole number",
    "PERCENT": "a percentage",
    "TIME": "a time of day, such as 09:00",
    "LABEL": "a @label",
    "EXPR": "a condition",
    "$END": "the end of the line",
}
_SIGNS = {"COLON": ":", "COMMA": ",", "VBAR": "|", "EQUAL": "="}


class LineError(Exception):
    """A line does not fit the grammar: where, what was found, what was expected, what may have been meant."""

    def __init__(self, offset: int, length: int, found: str, expected: tuple[str, ...], suggestion: str | None) -> None:
        super().__init__(offset)
        self.offset, self.length, self.found = offset, length, found
        self.expected, self.suggestion = expected, suggestion

    @property
    def message(self) -> str:
        what = f"unexpected {self.found}" if self.found else "the line ends too early"
        return f"{what}: expected {_listed(self.expected)}" if self.expected else what


class _Grammar(msgspec.Struct, frozen=True):
    """The grammar in one language; `words` are the forms that each of its terminals stands for."""

    lark: Lark
    words: dict[str, tuple[str, ...]]


@functools.cache
def grammar_text() -> str:
    return (resources.files("rules") / "grammar.lark").read_text(encoding="utf-8")


def parse_line(text: str, rule: str, language: Language) -> Tree[Token]:
    """Parse one logical line as a rule of the grammar. Raises LineError."""
    grammar = _grammar(language)
    try:
        return grammar.lark.parse(text, start=rule)
    except UnexpectedInput as error:
        raise _line_error(text, error, grammar, language) from None


def head_of(text: str) -> dict[Language, str]:
    """The statement that a line begins, in each language whose keyword it begins with."""
    found: dict[Language, str] = {}
    for language in ("en", "fr"):
        for head in HEADS:
            if re.match(pattern(head, language), text):
                found[language] = head
    return found


def value_of(written: str, terminal: str, language: Language) -> str:
    """The English name of a keyword that a terminal of several words took."""
    return canonical(written, language, _choices()[terminal])


def choices_of(terminal: str) -> tuple[str, ...]:
    """The English names of the keywords that a terminal is one of."""
    return _choices()[terminal]


@functools.cache
def _choices() -> dict[str, tuple[str, ...]]:
    """Terminals that are one of several keywords → their English names."""
    found = re.findall(r"^([A-Z_]+): ((?:\"[a-z/ -]+\"(?: \| )?)+)$", grammar_text(), re.MULTILINE)
    return {name: tuple(_LITERAL.findall(body)) for name, body in found}


@functools.cache
def _grammar(language: Language) -> _Grammar:
    """Load the grammar with the keywords of a language."""
    words: dict[str, tuple[str, ...]] = {}
    terminals: dict[str, str] = {}

    def keyword(found: re.Match[str]) -> str:
        written = form(found[1], language)
        plain = unicodedata.normalize("NFD", written).encode("ascii", "ignore").decode()
        name = "_W_" + re.sub("[^A-Z]+", "_", plain.upper())
        words[name] = (written,)
        terminals[name] = (
            f"{name}.{written.count(' ') + 1}: /{pattern(found[1], language).replace('/', chr(92) + '/')}/"
        )
        return name

    lines = [
        line if line.lstrip().startswith("//") else _LITERAL.sub(keyword, line) for line in grammar_text().split("\n")
    ]
    for name, choices in _choices().items():
        words[name] = tuple(form(choice, language) for choice in choices)
    text = "\n".join([*lines, *sorted(terminals.values())])
    text = text.replace("\nEXPR:", "\nEXPR.-1:")
    lark = Lark(
        text, parser="lalr", start=[*HEADS.values(), *LINES], propagate_positions=True, maybe_placeholders=False
    )
    return _Grammar(lark, words)


def _line_error(text: str, error: UnexpectedInput, grammar: _Grammar, language: Language) -> LineError:
    """What the parser stumbled over, in words."""
    offset, names = len(text), set[str]()
    if isinstance(error, UnexpectedToken):
        names = set(error.accepts or error.expected)
        offset = len(text) if error.token.type == "$END" else error.token.start_pos or 0
    elif isinstance(error, UnexpectedCharacters):
        names = set(error.allowed or ())
        offset = error.pos_in_stream or 0
    keywords = sorted({word for name in names for word in grammar.words.get(name, ())})
    nouns = [_NOUNS.get(name) or f"`{_SIGNS[name]}`" for name in sorted(names) if name in _NOUNS or name in _SIGNS]
    found = _word_at(text, offset)
    suggestion = _meant(found, text[offset:], keywords, "NAME" in names, language)
    if "POINTS" in names and found[:1].isdigit():
        suggestion = f"+{found}"
    if suggestion is None and (misspelt := _misspelt_phrase(text, offset, grammar)):
        start, said, meant = misspelt
        return LineError(start, len(said), said, (), meant)
    return LineError(offset, max(len(found), 1), found, (*keywords, *nouns), suggestion)


def _misspelt_phrase(text: str, offset: int, grammar: _Grammar) -> tuple[int, str, str] | None:
    """A keyword of several words that was misspelt around an offset: where, what is written, what was meant."""
    words = list(re.finditer(r"[^\W\d_]+(?:[-/][^\W\d_]+)*", text[: offset + 100]))
    here = next((at for at, word in enumerate(words) if word.end() > offset), None)
    if here is None:
        return None
    phrases = {form for forms in grammar.words.values() for form in forms if " " in form}
    for start in range(max(here - 3, 0), here + 1):
        for length in range(max(here - start + 1, 2), 5):
            said = " ".join(text[words[start].start() : words[min(start + length, len(words)) - 1].end()].split())
            if any(letter.isdigit() for letter in said):
                continue
            meant = nearest(said, [phrase for phrase in phrases if phrase.count(" ") == length - 1])
            if meant is not None and meant != said:
                return words[start].start(), said, meant
    return None


def _word_at(text: str, offset: int) -> str:
    """The word, the quoted text or the sign that stands at an offset."""
    found = re.compile(r'"(?:[^"\\]|\\.)*+"|[\w.]+|\S').match(text, offset)
    return found[0][:60] if found else ""


def _meant(found: str, rest: str, keywords: list[str], name: bool, language: Language) -> str | None:
    """The keyword that may have been meant by what was found instead."""
    if not found:
        return None
    for written, mine in translations(language).items():
        if re.match(re.escape(written) + r"(?!\w)", rest) and (fitting := [word for word in mine if word in keywords]):
            return fitting[0]
    if found[0] in "“”«»„‘’'":
        return '"'
    lowered = found.lower()
    if name and lowered != found and re.fullmatch("[a-z][a-z0-9_]*", lowered):
        return lowered
    phrases = {" ".join(rest.split()[: word.count(" ") + 1]): word for word in keywords}
    return next((near for said in phrases if (near := nearest(said, keywords))), None) or nearest(found, keywords)


def _listed(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
