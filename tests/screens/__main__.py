"""`python -m tests.screens [DIRECTORY]`: plays the story in each language and draws its screens anew.

Those that the README and the guides show go to docs/screens; with a directory, all go there instead, to be looked at.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import pytest

from tests.chromium import chromium
from tests.screens.camera import taken
from tests.screens.shop import BOOKS, opened
from tests.screens.shown import SCREENS, named
from tests.screens.story import play


async def draw(directory: Path, names: frozenset[str] | None) -> None:
    """Draw the pictures of these names, or all, into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        async with chromium(Path(scratch, "profile")) as browser:
            for language in BOOKS:
                async with opened(language) as shop:
                    screens = await play(shop)
                for screen in screens:
                    file = directory / screen.file(language)
                    if names is None or file.name in names:
                        file.write_bytes(await taken(browser, screen, Path(scratch)))
                        print(f"{file.name}  {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    try:
        asyncio.run(draw(Path(sys.argv[1]), None) if sys.argv[1:] else draw(SCREENS, named()))
    except pytest.skip.Exception as missing:
        sys.exit(str(missing))
