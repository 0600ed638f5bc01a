"""Regular expressions: Python's syntax, as rule-engine has it, run by RE2, which cannot blow up.

A pattern is parsed by Python's own parser and written again in RE2's syntax, so that classes such as `\\w` keep their
Unicode meaning. What RE2 cannot do (look-around, references back, `\\b` beyond ASCII) is refused.
"""

from __future__ import annotations

import functools
import importlib
import re
import warnings
from typing import Any

import re2

__all__ = ["BadPattern", "Pattern", "compile_pattern", "translate"]

_parser: Any = importlib.import_module("re._parser")
_code: Any = importlib.import_module("re._constants")

_MOST = 2_048
_REPEATS = 1_000


class BadPattern(ValueError):
    """A pattern is not valid, or not one that RE2 can run; the message is for people."""


class Pattern:
    """A compiled pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        options = re2.Options()
        options.log_errors = False
        options.max_mem = 8 << 20
        try:
            compiled = re2.compile(translate(pattern), options)
        except re2.error as error:
            raise BadPattern(f"this regular expression is too large or not supported ({_reason(error)})") from None
        self.match = compiled.match
        self.search = compiled.search


def _reason(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)


@functools.lru_cache(maxsize=2048)
def compile_pattern(pattern: str) -> Pattern:
    """The pattern, ready to run. Raises `BadPattern`."""
    return Pattern(pattern)


def translate(pattern: str) -> str:
    """Python's pattern in RE2's syntax. Raises `BadPattern`."""
    if len(pattern) > _MOST:
        raise BadPattern("this regular expression is too long")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = _parser.parse(pattern)
    except re.error as error:
        raise BadPattern(f"not a regular expression: {error.msg}") from None
    except (RecursionError, OverflowError, MemoryError):
        raise BadPattern("this regular expression is too large") from None
    try:
        written = _Writer(tree.state.flags).sequence(tree, last=True)
    except RecursionError:
        raise BadPattern("this regular expression is too large") from None
    return written


class _Writer:
    """Writes a parsed pattern in RE2's syntax."""

    def __init__(self, flags: int) -> None:
        self.flags = flags

    def sequence(self, items: Any, *, last: bool) -> str:
        """`last`: nothing is matched after these items."""
        items = list(items)
        return "".join(
            self.item(op, value, last and place == len(items) - 1) for place, (op, value) in enumerate(items)
        )

    def item(self, op: Any, value: Any, last: bool) -> str:
        match str(op):
            case "LITERAL":
                cased = self.cased([(value, value)])
                return f"[{_character(value)}{cased}]" if cased else _character(value)
            case "NOT_LITERAL":
                return f"[^{_character(value)}{self.cased([(value, value)])}]"
            case "ANY":
                return "(?s:.)" if self.flags & re.DOTALL else "[^\\n]"
            case "IN":
                return self.character_class(value)
            case "BRANCH":
                return "(?:" + "|".join(self.sequence(branch, last=last) for branch in value[1]) + ")"
            case "SUBPATTERN":
                return self.group(value, last)
            case "MAX_REPEAT":
                return self.repeat(value, "")
            case "MIN_REPEAT":
                return self.repeat(value, "?")
            case "AT":
                return self.position(value, last)
        raise BadPattern(_REFUSED.get(str(op), "this construct is not supported in a regular expression"))

    def cased(self, ranges: list[tuple[int, int]]) -> str:
        """The same characters in another case, where case is ignored."""
        return _cased(tuple(ranges), bool(self.flags & re.ASCII)) if self.flags & re.IGNORECASE and ranges else ""

    def group(self, value: Any, last: bool) -> str:
        number, added, removed, items = value
        outer = self.flags
        self.flags = (self.flags | added) & ~removed
        written = self.sequence(items, last=last)
        self.flags = outer
        return f"(?:{written})" if number is None else f"({written})"

    def repeat(self, value: Any, lazy: str) -> str:
        least, most, items = value
        unlimited = most is _code.MAXREPEAT
        if least > _REPEATS or (not unlimited and most > _REPEATS):
            raise BadPattern(f"a repetition of more than {_REPEATS} is not supported")
        counts = f"{{{least},{'' if unlimited else most}}}"
        return f"(?:{self.sequence(items, last=False)}){counts}{lazy}"

    def position(self, where: Any, last: bool) -> str:
        multiline = self.flags & re.MULTILINE
        match str(where):
            case "AT_BEGINNING":
                return "(?m:^)" if multiline else "\\A"
            case "AT_BEGINNING_STRING":
                return "\\A"
            case "AT_END_STRING":
                return "\\z"
            case "AT_END":
                if multiline:
                    return "(?m:$)"
                if last:
                    return "(?:\\n?\\z)"
                raise BadPattern("$ can only stand at the end of a regular expression")
            case "AT_BOUNDARY" | "AT_NON_BOUNDARY" if self.flags & re.ASCII:
                return "\\b" if str(where) == "AT_BOUNDARY" else "\\B"
        raise BadPattern("\\b is not supported in a regular expression: it would not know accented letters")

    def character_class(self, members: Any) -> str:
        members = list(members)
        negated = bool(members) and str(members[0][0]) == "NEGATE"
        if negated:
            members = members[1:]
        if len(members) == 1 and str(members[0][0]) == "CATEGORY":
            return self.category(str(members[0][1]), negated)
        written = "".join(self.member(str(op), value) for op, value in members)
        ranges = {"LITERAL": lambda value: (value, value), "RANGE": tuple}
        written += self.cased([ranges[str(op)](value) for op, value in members if str(op) in ranges])
        return f"[{'^' if negated else ''}{written}]"

    def category(self, name: str, negated: bool) -> str:
        if name in _NEGATIONS:
            name, negated = _NEGATIONS[name], not negated
        return f"[{'^' if negated else ''}{self.class_of(name)}]"

    def member(self, op: str, value: Any) -> str:
        if op == "LITERAL":
            return _character(value)
        if op == "RANGE":
            return f"{_character(value[0])}-{_character(value[1])}"
        name = str(value)
        if name == "CATEGORY_NOT_DIGIT":
            return "\\D" if self.flags & re.ASCII else "\\P{Nd}"
        if name in _NEGATIONS:
            raise BadPattern("\\W and \\S are not supported inside brackets")
        return self.class_of(name)

    def class_of(self, name: str) -> str:
        return (_ASCII if self.flags & re.ASCII else _UNICODE)[name]


_NEGATIONS = {
    "CATEGORY_NOT_DIGIT": "CATEGORY_DIGIT",
    "CATEGORY_NOT_SPACE": "CATEGORY_SPACE",
    "CATEGORY_NOT_WORD": "CATEGORY_WORD",
}
_UNICODE = {
    "CATEGORY_DIGIT": "\\p{Nd}",
    "CATEGORY_SPACE": "\\t-\\r\\x1c-\\x1f\\x{85}\\p{Z}",
    "CATEGORY_WORD": "\\p{L}\\p{N}_",
}
_ASCII = {"CATEGORY_DIGIT": "0-9", "CATEGORY_SPACE": "\\t-\\r ", "CATEGORY_WORD": "a-zA-Z0-9_"}
_REFUSED = {
    "ASSERT": "looking ahead or behind is not supported in a regular expression",
    "ASSERT_NOT": "looking ahead or behind is not supported in a regular expression",
    "GROUPREF": "a reference to a group is not supported in a regular expression",
    "GROUPREF_EXISTS": "a condition on a group is not supported in a regular expression",
    "ATOMIC_GROUP": "an atomic group is not supported in a regular expression",
    "POSSESSIVE_REPEAT": "a possessive repetition is not supported in a regular expression",
}


_LAST_CASED = 0x1E943
"""The last character of Unicode that has another case."""


@functools.cache
def _alphabet() -> str:
    every = map(chr, range(_LAST_CASED + 1))
    return "".join(one for one in every if one.lower() != one or one.upper() != one)


@functools.lru_cache(maxsize=2048)
def _cased(ranges: tuple[tuple[int, int], ...], only_ascii: bool) -> str:
    """What a class of characters holds more where case is ignored, as Python has it: RE2 knows no Turkish i."""
    members = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
    found = re.findall(f"(?{'ai' if only_ascii else 'i'})[{members}]", _alphabet())
    return "".join(map(_character, found))


def _character(code: int | str) -> str:
    """One character, safe inside and outside of brackets."""
    code = ord(code) if isinstance(code, str) else code
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise BadPattern("half a character (a lone surrogate) is not supported in a regular expression")
    return f"\\x{{{code:x}}}" if not (48 <= code <= 57 or 65 <= code <= 90 or 97 <= code <= 122) else chr(code)
