"""Which of the pictures the README and the guides show."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["SCREENS", "named"]

ROOT = Path(__file__).parents[2]
SCREENS = ROOT / "docs" / "screens"


def named() -> frozenset[str]:
    """The names of their files."""
    pages = (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
    return frozenset(name for page in pages for name in re.findall(r"screens/([\w-]+\.png)", page.read_text()))
