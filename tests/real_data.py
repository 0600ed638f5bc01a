"""Where the real data of the tests lie, if they do."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

__all__ = ["rows"]

_DIRECTORY = Path(os.environ.get("RELANCE_TEST_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a CSV file; skips the test, and says so, where the folder is missing."""
    path = _DIRECTORY / name
    if not path.exists():
        pytest.skip(f"{name} is not here: set RELANCE_TEST_DATA to the folder that holds it")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
