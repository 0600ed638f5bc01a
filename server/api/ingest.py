"""The Segment tracking API: events in, over routes that are plain ASGI because they are the busy ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from time import perf_counter
from typing import Any, Final, NamedTuple

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from server.api.credentials import key_in
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

_TAKEN: Final = b'{"success":true}'
_PROBLEM_HEADER: Final = (b"content-type", MEDIA_TYPE.encode())
_JSON_HEADER: Final = (b"content-type", b"application/json")
_CORS: Final = ((b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"retry-after"))
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"POST, GET, OPTIONS"),
    (b"access-control-allow-headers", b"authorization, content-type, content-encoding, anonymousid, x-retry-count, *"),
    (b"access-control-max-age", b"86400"),
)


class _Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    success: bool
    rejected: list[Rejection] = msgspec.field(default_factory=list)


class _Route(NamedTuple):
    """What a path takes: calls of one kind ("": a batch), in bodies of these types, within these limits."""

    kind: str
    types: frozenset[bytes]
    limits: Limits
    history_only: bool = False


class IngestRoutes:
    """The routes that take events. `seconds` is how long a body may take."""

    def __init__(self, ingest: Ingest, sources: Sources, metrics: Metrics, *, seconds: float = 10.0) -> None:
        self._ingest = ingest
        self._sources = sources
        self._counted = _Counted(metrics)
        event, batch = Limits(EVENT_LIMIT, seconds), Limits(BATCH_LIMIT, seconds)
        routes = {path: _Route(kind, _types(path), event) for path, kind in EVENT_PATHS.items()}
        routes |= {path: _Route("", _types(path), batch, path == "/v1/import") for path in BATCH_PATHS}
        self.routes = routes | {path + "/": route for path, route in routes.items()}

    def before(self, others: ASGIApp) -> ASGIApp:
        """An application that serves `routes` itself and leaves all else to another."""
        routes = self.routes

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == ScopeType.HTTP and scope["path"] in routes:
                await self._serve(scope, receive, send)
            else:
                await others(scope, receive, send)

        return app

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        start, status = perf_counter(), 200
        try:
            answer = await self._answer(scope, receive)
        except Exception as error:
            problem = problem_of(error, body=True).for_libraries()
            status = problem.status
            headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
            await _respond(send, status, problem.encode(), [_PROBLEM_HEADER, *_CORS, *headers])
        else:
            if answer is None:
                status = 204
                await _respond(send, status, b"", [*_CORS, *_PREFLIGHT])
            else:
                await _respond(send, status, answer, [_JSON_HEADER, *_CORS])
        self._counted.request(scope["path"], status, perf_counter() - start)

    async def _answer(self, scope: HTTPScope, receive: Receive) -> bytes | None:
        """The body of a good answer; None for a question whether one may ask (a preflight)."""
        method: str = scope["method"]
        if method == "OPTIONS":
            return None
        if method != "POST":
            raise Refused(405, "use POST here", headers={"allow": "POST, OPTIONS"})
        route = self.routes[scope["path"]]
        head: Head = dict(scope["headers"])
        source = await self._by_header(head)
        body = await read_body(head, receive, route.types, route.limits)
        if route.kind:
            event = decode_object(body)
            source = source or await self._by_body(event)
            await self._ingest.one(source, route.kind, Item(body, event))
            self._counted.events(source.name, 1, 0)
            return _TAKEN
        envelope, items = decode_batch(body)
        source = source or await self._by_body(envelope)
        rejected = await self._ingest.batch(source, items, envelope, history_only=route.history_only)
        self._counted.events(source.name, len(items) - len(rejected), len(rejected))
        return msgspec.json.encode(_Answer(True, rejected)) if rejected else _TAKEN

    async def _by_header(self, head: Head) -> Source | None:
        """The source that the Authorization header names; None where there is no such header."""
        header = head.get(b"authorization")
        if header is None:
            return None
        return await self._known(key_in(header))

    async def _by_body(self, body: Mapping[str, Any]) -> Source:
        key = body.get("writeKey")
        return await self._known(key if isinstance(key, str) else "")

    async def _known(self, key: str) -> Source:
        source = await self._sources.authenticate(key) if key else None
        if source is None:
            raise Unauthorized("no source has this write key; `relance source add` makes one", code="unknown_key")
        return source


class _Counted:
    """This module's metrics, their children remembered: looking one up costs more than counting."""

    def __init__(self, metrics: Metrics) -> None:
        self._event = cache(metrics.events.labels)
        self._request = cache(metrics.requests.labels)

    def events(self, source: str, taken: int, rejected: int) -> None:
        self._event(source, "taken").inc(taken)
        if rejected:
            self._event(source, "rejected").inc(rejected)

    def request(self, path: str, status: int, seconds: float) -> None:
        self._request(path, str(status)).observe(seconds)


def _types(path: str) -> frozenset[bytes]:
    """Browsers send plain text to the short routes, so that they need not ask first."""
    return JSON | PLAIN if len(path) == len("/v1/t") else JSON


async def _respond(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
