"""What may have been meant: the nearest of some names to the one that was written."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

__all__ = ["nearest"]

MAXIMUM_CANDIDATES = 500


def nearest(written: str, names: Iterable[str]) -> str | None:
    """The name that is nearest to what was written, or None where none is near. Case and accents count little."""
    if not 0 < len(written) <= 100:
        return None
    plain = _plain(written)
    candidates: dict[str, str] = {}
    for name in names:
        if abs(len(name) - len(written)) <= 4 or plain in name:
            candidates.setdefault(_plain(name), name)
        if len(candidates) >= MAXIMUM_CANDIDATES:
            break
    found = difflib.get_close_matches(plain, candidates, n=1, cutoff=0.65)
    return candidates[found[0]] if found else None


def _plain(text: str) -> str:
    apart = unicodedata.normalize("NFD", text.lower())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
