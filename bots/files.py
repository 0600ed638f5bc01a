"""Files with texts of rules, as people send them in a chat."""

from __future__ import annotations

import re
from typing import Final

from server.i18n import mark

__all__ = ["LARGEST", "UNFETCHED", "NoText", "base_of", "named_rules", "text_of"]

LARGEST: Final = 1_000_000  # bytes
UNFETCHED: Final = mark("The file could not be fetched. Send it again.")
_NAMES: Final = (".rules", ".txt")
_OURS: Final = re.compile(r"rulebook-(\d{1,9})\D")


class NoText(Exception):
    """A file holds no text of ours; `why` says so to its sender, and is to be translated."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def named_rules(name: str, size: int) -> None:
    """Raise `NoText` for a file that is not worth fetching, by its name or its size in bytes."""
    if not name.lower().endswith(_NAMES):
        raise NoText(mark("I take texts of rules: files with a name that ends in .rules or .txt."))
    if size > LARGEST:
        raise NoText(mark("This file is too long for a rulebook."))


def text_of(content: bytes) -> str:
    """The text in a file. Raises `NoText`."""
    if len(content) > LARGEST:
        raise NoText(mark("This file is too long for a rulebook."))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NoText(mark("This file is not UTF-8 text.")) from None


def base_of(name: str) -> int | None:
    """The version that a file of ours was made from, which its name tells."""
    found = _OURS.match(name)
    return int(found[1]) if found else None
