"""OpenAPI: what is said of the whole, and of the routes that are plain ASGI."""

from __future__ import annotations

from typing import Any, Final

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import (
    Components,
    Example,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    PathItem,
    RequestBody,
    Schema,
    SecurityScheme,
)
from litestar.types import ASGIApp, Receive, Scope, Send

from server.api.ingest import BATCH_PATHS, EVENT_PATHS
from server.api.problems import MEDIA_TYPE
from server.api.reference_page import ReferencePage
from server.api.refusals import PROBLEM, describe_refusals

__all__ = ["OPENAPI", "describing"]

OPENAPI: Final = OpenAPIConfig(
    title="Relance",
    version="1",
    path="/docs",
    description="Events come in by the Segment HTTP tracking API; contacts, segments, rulebook and alerts are read "
    "and changed with an API key. Errors are RFC 9457 problem+json. Times are RFC 3339 UTC.",
    components=Components(
        security_schemes={
            "apiKey": SecurityScheme(type="http", scheme="bearer", description="`relance key add` makes one."),
            "writeKey": SecurityScheme(
                type="http", scheme="basic", description="A source's write key as user name, no password."
            ),
        }
    ),
    security=[{"apiKey": []}],
    use_handler_docstrings=True,
    render_plugins=[ReferencePage()],
)

_ME: Final = {"userId": "42", "anonymousId": "507f191e810c19729de860ea"}
_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "track": {**_ME, "event": "Order Completed", "properties": {"amount": 59.9}, "timestamp": "2026-01-31T09:30:00Z"},
    "identify": {**_ME, "traits": {"email": "zoe@shop.example", "firstName": "Zoe"}},
    "page": {**_ME, "name": "Shoes", "properties": {"url": "https://shop.example/shoes"}},
    "screen": {**_ME, "name": "Basket"},
    "group": {"userId": "42", "groupId": "acme", "traits": {"name": "Acme"}},
    "alias": {"userId": "42", "previousId": "507f191e810c19729de860ea"},
}
_REFUSALS: Final = {
    "400": "The body is not valid; `errors` says where.",
    "401": "No source has this write key.",
    "403": "A browser source may not do this.",
    "408": "The body came too slowly.",
    "413": "The body is over its limit: 32 KB an event, 500 KB a batch.",
    "415": "The body is not JSON in UTF-8.",
    "429": "The source is over its rate; see Retry-After.",
    "503": "It cannot be stored now; see Retry-After.",
}


def describing(app: Litestar, others: ASGIApp) -> ASGIApp:
    """An application that has the routes that take events in its OpenAPI document.

    It is put together when somebody first asks for it: that takes longer than everything else of a start.
    """
    described = False

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal described
        if not described and scope["type"] == ScopeType.HTTP and scope["path"].startswith("/docs"):
            describe_refusals(app.openapi_schema)
            _describe_events(app)
            described = True
        await others(scope, receive, send)

    return asgi


def _describe_events(app: Litestar) -> None:
    paths = app.openapi_schema.paths
    assert paths is not None
    for path, kind in EVENT_PATHS.items():
        paths[path] = _item(path, f"Take one {kind} call", _EXAMPLES[kind])
    for path in BATCH_PATHS:
        what = "Import history: it starts nothing" if path == "/v1/import" else "Take a batch of calls"
        batch = [{"type": kind, **_EXAMPLES[kind]} for kind in ("identify", "track")]
        paths[path] = _item(path, what, {"batch": batch, "sentAt": "2026-01-31T09:30:01Z"})


def _item(path: str, summary: str, example: dict[str, Any]) -> PathItem:
    schema = Schema(type=OpenAPIType.OBJECT)
    content = OpenAPIMediaType(schema=schema, examples={"example": Example(value=example)})
    taken = OpenAPIMediaType(schema=schema, examples={"taken": Example(value={"success": True})})
    types = ("application/json", "text/plain") if len(path) == len("/v1/t") else ("application/json",)
    responses = {"200": OpenAPIResponse(description="Stored.", content={"application/json": taken})}
    for status, text in _REFUSALS.items():
        responses[status] = OpenAPIResponse(description=text, content={MEDIA_TYPE: PROBLEM})
    operation = Operation(
        tags=["Events"],
        summary=summary,
        operation_id="Take" + path.title().replace("/", ""),
        request_body=RequestBody(content=dict.fromkeys(types, content), required=True),
        responses=dict(responses),
        security=[{"writeKey": []}, {}],
    )
    return PathItem(post=operation)
