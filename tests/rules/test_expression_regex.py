"""Regular expressions mean to RE2 what they mean to Python, over all of Unicode."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
import re2

from rules.expression.regex import BadPattern, compile_pattern, translate

CHARACTERS = "".join(
    chr(code)
    for code in range(sys.maxunicode + 1)
    if not 0xD800 <= code <= 0xDFFF and unicodedata.category(chr(code)) != "Cn"  # what Python does not know RE2 may
)
LETTERS = "".join(one for one in CHARACTERS if one.lower() != one or one.upper() != one)
TEXTS = [
    "",
    "a",
    "ab",
    "abc",
    "ABC",
    "aab",
    "a\n",
    "a\nb",
    "\n",
    "é",
    "École 42",
    "x_1",
    "٣٤",
    "日本",
    "a b\tc",
    "FR",
    "2026-01-31",
]


@pytest.mark.parametrize(
    "name", ["\\w", "\\W", "\\d", "\\D", "\\s", "\\S", "[\\w-]", "[^\\s\\d]", "[\\Dx]", "(?a:\\w)", "(?a:\\s)"]
)
def test_a_class_holds_the_same_characters(name: str) -> None:
    theirs, mine = set(re.findall(name, CHARACTERS)), set(re2.findall(translate(name), CHARACTERS))
    assert sorted(map(ascii, theirs ^ mine))[:20] == []


@pytest.mark.parametrize(
    "pattern",
    [
        "", "a", "^a", "a$", "^a$", "^$", "a|b", "(a|b)+c?", "(?:ab)*", "a{2}", "a{1,2}b", "a+?b", ".", ".*", "(?s).*$",
        "(?i)fr", "(?i)É", "[a-c]+", "[^a-c]", "[]a]", "[a\\]]", "\\.", "\\d{4}-\\d{2}", "^\\w+ \\d+$", "(a)(b)?",
        "(?P<x>a)b", "\\Aa", "b\\Z", "(?m)^b$", "(?x) a b # c", "\\n", "a\\tb|\\x61", "\\u00e9", "(?:a|ab)(?:c|bcd)*",
        "é+", "$", "(a$|b)", "(?i:a)B", "x*",
    ],
)  # fmt: skip
def test_a_pattern_matches_the_same_texts_with_the_same_groups(pattern: str) -> None:
    theirs, mine = re.compile(pattern), compile_pattern(pattern)
    for text in TEXTS:
        for one, other in ((theirs.match(text), mine.match(text)), (theirs.search(text), mine.search(text))):
            assert (one is None) is (other is None), text
            if one is not None and "$" not in pattern:
                assert one.groups() == other.groups(), text


@pytest.mark.parametrize(
    "pattern",
    ["(?i)[^i]", "(?i)[a-z]", "(?i)[^a-zé]", "(?i)\\w", "(?i)[\\wk]", "(?i)[^\\wk]", "(?i)[Α-Ω]", "(?ai)k",
     "(?ai)[a-z]", "(?ai)[^s]", "(?ai)É", "(?i)[\U0001e900-\U0001e943]",
     *(f"(?i){letter}" for letter in "iIİıkK\u212asſßéΩμ\u0345")],
)  # fmt: skip
def test_without_regard_to_case_the_same_letters_match(pattern: str) -> None:
    assert re.findall(pattern, LETTERS) == re2.findall(translate(pattern), LETTERS)


@pytest.mark.parametrize(
    "pattern",
    ["(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", "(a)\\1", "(a)?(?(1)b|c)", "(?>a)", "a*+", "\\b", "\\B", "[\\Wx]", "a$b",
     "(", "a{1001}", "\\", "(?:a{1000}){1000}", "\\ud800", "x" * 2049],
)  # fmt: skip
def test_what_re2_cannot_do_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        compile_pattern(pattern)
