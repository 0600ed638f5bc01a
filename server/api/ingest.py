"""The Segment tracking API: events in, over routes that are plain ASGI because they are the busy ones."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar.handlers import ASGIRouteHandler, asgi
from litestar.types import Receive, Scope, Send

from server.api.guard import BATCH_LIMIT, EVENT_LIMIT, JSON, PLAIN, Head, Limits, read_body
from server.api.problems import MEDIA_TYPE, Refused, problem_of
from server.errors import Unauthorized
from server.metrics import Metrics
from server.model.source import Source
from server.services.ingest import Ingest, Rejection
from server.services.sources import Sources
from server.services.strict import Item, decode_batch, decode_object

__all__ = ["BATCH_PATHS", "EVENT_PATHS", "IngestRoutes"]

EVENT_PATHS: Final = {
    **{f"/v1/{kind}": kind for kind in ("track", "identify", "page", "screen", "group", "alias")},
    **{f"/v1/{kind[0]}": kind for kind in ("track", "identify", "page", "screen", "group", "alias")},
}
BATCH_PATHS: Final = ("/v1/batch", "/v1/b", "/v1/import")

_SHORT: Final = 5  # length of a short path: /v1/t
_TAKEN: Final = b'{"success":true}'
_JSON_HEADER: Final = (b"content-type", b"application/json")
_CORS: Final = ((b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"retry-after"))
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"POST, GET, OPTIONS"),
    (b"access-control-allow-headers", b"authorization, content-type, content-encoding, anonymousid"),
    (b"access-control-max-age", b"86400"),
)


class _Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    success: bool
    rejected: list[Rejection] = msgspec.field(default_factory=list)


class IngestRoutes:
    """The routes that take events. `seconds` is how long a body may take."""

    def __init__(self, ingest: Ingest, sources: Sources, metrics: Metrics, *, seconds: float = 10.0) -> None:
        self._ingest = ingest
        self._sources = sources
        self._metrics = metrics
        self._event = Limits(EVENT_LIMIT, seconds)
        self._batch = Limits(BATCH_LIMIT, seconds)

    def handler(self) -> ASGIRouteHandler:
        """All of them, for the application."""

        @asgi([*EVENT_PATHS, *BATCH_PATHS], copy_scope=False)
        async def events(scope: Scope, receive: Receive, send: Send) -> None:
            await self._serve(scope, receive, send)

        return events

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        head: Head = dict(scope["headers"])
        try:
            method = scope["method"]  # type: ignore[typeddict-item]
            if method == "OPTIONS":
                await _respond(send, 204, b"", [*_CORS, *_PREFLIGHT])
                return
            if method != "POST":
                raise Refused(405, "use POST here", headers={"allow": "POST, OPTIONS"})
            body = await self._take(scope["path"].rstrip("/"), head, receive)
        except Exception as error:
            await _respond_problem(send, error)
            return
        await _respond(send, 200, body, [_JSON_HEADER, *_CORS])

    async def _take(self, path: str, head: Head, receive: Receive) -> bytes:
        kind = EVENT_PATHS.get(path)
        source = await self._by_header(head)
        types = JSON | PLAIN if len(path) == _SHORT else JSON
        body = await read_body(head, receive, types, self._event if kind else self._batch)
        if kind:
            event = decode_object(body)
            source = source or await self._by_body(event)
            await self._ingest.one(source, kind, Item(body, event))
            self._count(source, 1, 0)
            return _TAKEN
        envelope, items = decode_batch(body)
        source = source or await self._by_body(envelope)
        rejected = await self._ingest.batch(source, items, envelope, history_only=path == "/v1/import")
        self._count(source, len(items) - len(rejected), len(rejected))
        return msgspec.json.encode(_Answer(True, rejected)) if rejected else _TAKEN

    def _count(self, source: Source, taken: int, rejected: int) -> None:
        self._metrics.events.labels(source.name, "taken").inc(taken)
        if rejected:
            self._metrics.events.labels(source.name, "rejected").inc(rejected)

    async def _by_header(self, head: Head) -> Source | None:
        """The source that the Authorization header names; None where there is no such header."""
        header = head.get(b"authorization")
        if header is None:
            return None
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
        return await self._known(key.decode("latin-1"))

    async def _by_body(self, body: Mapping[str, Any]) -> Source:
        key = body.get("writeKey")
        return await self._known(key if isinstance(key, str) else "")

    async def _known(self, key: str) -> Source:
        source = await self._sources.authenticate(key) if key else None
        if source is None:
            raise Unauthorized("no source has this write key; `relance source add` makes one", code="unknown_key")
        return source


async def _respond_problem(send: Send, error: Exception) -> None:
    problem = problem_of(error, body=True)
    headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    await _respond(send, problem.status, problem.encode(), [(b"content-type", MEDIA_TYPE.encode()), *_CORS, *headers])


async def _respond(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
