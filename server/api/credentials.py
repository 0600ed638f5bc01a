"""The key in an Authorization header."""

from __future__ import annotations

import base64
import binascii

__all__ = ["key_in"]


def key_in(header: bytes) -> str:
    """The key of `Bearer KEY` or of `Basic base64(KEY:)`; "" where there is none."""
    scheme, _, credentials = header.partition(b" ")
    match scheme.lower():
        case b"bearer":
            key = credentials.strip()
        case b"basic":
            try:
                key = base64.b64decode(credentials.strip(), validate=True).partition(b":")[0]
            except binascii.Error:
                key = b""
        case _:
            key = b""
    return key.decode("latin-1")
