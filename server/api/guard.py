"""What stands in front of every route that takes a body: its type, its size, its pace.

A body is read to its end or to its limit, whatever its Content-Length says; gzip is inflated to the same limit. What
is over the limit is read on for a while and thrown away, so that a sender gets the answer and not a reset connection.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from litestar.types import Receive

from server.api.problems import Refused

__all__ = ["ANY", "BATCH_LIMIT", "EVENT_LIMIT", "JSON", "PLAIN", "Head", "Limits", "read_body"]

EVENT_LIMIT: Final = 32 * 1024
BATCH_LIMIT: Final = 500 * 1024

JSON: Final = frozenset({b"application/json"})
PLAIN: Final = frozenset({b"text/plain"})
ANY: Final[frozenset[bytes]] = frozenset()

_DRAIN: Final = 8 * 1024 * 1024
_UTF8: Final = frozenset({b"utf-8", b"utf8", b"us-ascii"})
_SEEN_TYPES: dict[tuple[bytes, frozenset[bytes]], str] = {}  # what was found of a content-type header


class Limits(NamedTuple):
    """How long a body may be, in bytes, before and after inflating, and how long it may take, in seconds."""

    size: int = EVENT_LIMIT
    seconds: float = 10.0


Head = Mapping[bytes, bytes]


async def read_body(head: Head, receive: Receive, types: frozenset[bytes], limits: Limits) -> bytes:
    """The whole body, inflated; of any type where `types` is empty. Raises `Refused`: 400, 408, 413 or 415."""
    if types:
        _check_type(head.get(b"content-type", b""), types)
    coding = head.get(b"content-encoding", b"identity").strip().lower()
    if coding not in (b"identity", b"gzip", b"x-gzip", b""):
        raise Refused(415, "this content encoding is not known; send gzip or none", headers={"accept-encoding": "gzip"})
    try:
        async with asyncio.timeout(limits.seconds):
            body = await _read(receive, limits.size)
    except TimeoutError:
        raise Refused(408, "the body came too slowly", headers={"connection": "close"}) from None
    declared = head.get(b"content-length")
    if declared is not None and declared != b"%d" % len(body) and int(declared) != len(body):
        raise Refused(400, "the body is not as long as Content-Length says", headers={"connection": "close"})
    return _inflate(body, limits.size) if coding.endswith(b"gzip") else body


async def _read(receive: Receive, limit: int) -> bytes:
    message = await receive()
    if message["type"] != "http.request":
        raise Refused(400, "the sender went away")
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False) and len(body) <= limit:
        return body
    parts, size = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(400, "the sender went away")
        part = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        elif size > limit + _DRAIN:
            raise Refused(413, _over(limit), headers={"connection": "close"})
    if size > limit:
        raise Refused(413, _over(limit))
    return b"".join(parts)


def _over(limit: int) -> str:
    return f"the body is over its limit of {limit // 1024} KB"


def _inflate(body: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(body, limit + 1)
    except zlib.error:
        raise Refused(400, "the body is not valid gzip") from None
    if len(plain) > limit:
        raise Refused(413, _over(limit))
    if not stream.eof or stream.unused_data:
        raise Refused(400, "the body is not one whole gzip stream")
    return plain


def _check_type(header: bytes, types: frozenset[bytes]) -> None:
    """Refuse a content type that is not wanted, or a charset other than UTF-8; answers are remembered."""
    found = _SEEN_TYPES.get((header, types))
    if found is None:
        found = _type_fault(header, types)
        if len(_SEEN_TYPES) < 100:
            _SEEN_TYPES[header, types] = found
    if found:
        raise Refused(415, found, headers={"accept": ", ".join(sorted(kind.decode() for kind in types))})


def _type_fault(header: bytes, types: frozenset[bytes]) -> str:
    kind, _, rest = header.lower().partition(b";")
    if kind.strip() not in types:
        wanted = " or ".join(sorted(each.decode() for each in types))
        return f"send the body as {wanted}" if header else f"say what the body is: Content-Type: {wanted}"
    for parameter in rest.split(b";"):
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"charset" and value.strip().strip(b'"') not in _UTF8:
            return "send the body in UTF-8"
    return ""
