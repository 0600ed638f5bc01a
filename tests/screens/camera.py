"""Pictures of pages, taken by Chromium and kept small: PNG of at most 256 colours."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path

from tests.chromium import Browser
from tests.screens.page import WIDTHS, page
from tests.screens.story import Screen

__all__ = ["png", "taken"]

_PALETTE = Path(__file__).with_name("palette.js").read_text().split("\n", 1)[1]  # without its comment


async def taken(browser: Browser, screen: Screen, directory: Path) -> bytes:
    """A picture of a screen. Its page lies in the directory meanwhile."""
    path = directory / "page.html"
    path.write_text(page(screen.body, screen.name))
    window = await browser.visitor()
    try:
        await window.open(path.as_uri(), "document.readyState == 'complete'")
        whole = await window.picture(WIDTHS[screen.manner])
        found = await window.run(f"({_PALETTE})({json.dumps(base64.b64encode(whole).decode())})")
    finally:
        await window.leave()
    return png(found["width"], found["height"], found["palette"], base64.b64decode(found["pixels"]))


def png(width: int, height: int, palette: list[list[int]], pixels: bytes) -> bytes:
    """A picture of indexed colours: https://www.w3.org/TR/png-3/."""
    rows = b"".join(b"\0" + pixels[at : at + width] for at in range(0, len(pixels), width))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(part for colour in palette for part in colour)),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
