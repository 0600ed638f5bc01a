"""With what numbers a condition compares the score: between two of them an ageing score changes nothing."""

from __future__ import annotations

import re

__all__ = ["thresholds"]

_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_COMPARED = re.compile(
    r"(?P<before>[-+*/%.\w]\s*)?\bcontact\.score\s*(?:==|!=|>=|<=|>|<)\s*(?P<number>-?\d+(?:\.\d+)?)(?!\s*[-+*/%]|[.\w])"
)


def thresholds(text: str) -> tuple[float, ...] | None:
    """The tenths of a point that a condition compares the score with; None where it uses the score otherwise."""
    bare = _QUOTED.sub('""', text)
    found = [match for match in _COMPARED.finditer(bare) if not _arithmetic(match["before"])]
    if len(found) != len(re.findall(r"\bscore\b", bare)):
        return None
    return tuple(sorted({float(match["number"]) * 10 for match in found}))


def _arithmetic(before: str | None) -> bool:
    return before is not None and before.strip() in {"-", "+", "*", "/", "%", "."}
