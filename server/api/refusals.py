"""OpenAPI: by which statuses a route refuses, worked out of what it takes.

A parameter that may not fit, a key that may be missing, a body that may be anything: each has its statuses, the same
on every route. What only some routes answer is named here by path.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from litestar.openapi.spec import OpenAPI, OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Parameter, Schema

from server.api.problems import MEDIA_TYPE

__all__ = ["PROBLEM", "describe_refusals"]

_TEXT: Final = Schema(type=OpenAPIType.STRING)
PROBLEM: Final = OpenAPIMediaType(
    schema=Schema(
        type=OpenAPIType.OBJECT,
        title="Problem",
        description="RFC 9457. Some kinds have further members.",
        required=["type", "title", "status", "detail"],
        properties={
            "type": _TEXT,
            "title": _TEXT,
            "status": Schema(type=OpenAPIType.INTEGER),
            "detail": _TEXT,
            "errors": Schema(
                type=OpenAPIType.ARRAY,
                description="What is wrong at which place: `path` of a field; of a text `line` and `column`.",
                items=Schema(type=OpenAPIType.OBJECT, required=["message"], properties={"message": _TEXT}),
            ),
        },
    )
)
_MEANINGS: Final = {
    "400": "A parameter or the body does not fit; `errors` says where.",
    "401": "The key is missing or not known.",
    "403": "The key may not do this.",
    "404": "There is none.",
    "408": "The body came too slowly.",
    "409": "Something else has happened meanwhile; `current` says what.",
    "413": "The body is over its limit.",
    "415": "The body is of another type than wanted, or its text not UTF-8.",
    "422": "What was asked for cannot be done; `errors` says why.",
    "428": "Say in If-Match what this replaces.",
    "503": "The store does not answer now; see Retry-After.",
}
_READS_NO_STORE: Final = ("/health", "/metrics")
_PAGES: Final = ("/l/", "/o/", "/unsubscribe/")  # which answer people, in HTML
_CHATS: Final = ("/slack", "/telegram")
_WAITED_FOR: Final = ("/v1/contacts/{ref}", "/v1/lists/{name}/members/{ref}")
_PENDING: Final = "It is stored and has not taken effect yet: `pending` is true."
_OWN_TOKEN: Final = ("/v1/visitor", "/v1/devices", "/v1/inbox")  # of a click, of a source, of a contact
_CONFLICTS: Final = ("/v1/alerts/{alert}/", "/v1/deliveries/{delivery}/", "/v1/rulebook/rollback")


def describe_refusals(document: OpenAPI) -> None:
    """Add to every operation of a document the statuses by which it may refuse, or say that it is not done yet."""
    for path, item in (document.paths or {}).items():
        item.options = None  # what browsers ask before they ask is theirs
        for operation in (item.get, item.put, item.post, item.delete, item.patch, item.head):
            if operation is not None:
                _describe(path, operation)
        waiting = (item.patch,) if path == "/v1/contacts/{ref}" else (item.put, item.delete)
        if path in _WAITED_FOR:
            for operation in filter(None, waiting):
                done = (operation.responses or {})["200"]
                content = done.content if isinstance(done, OpenAPIResponse) else None
                operation.responses = {**(operation.responses or {}), "202": OpenAPIResponse(_PENDING, content=content)}


def _describe(path: str, operation: Operation) -> None:
    responses = operation.responses = dict(operation.responses or {})
    done = responses.get("200")
    if path == "/ready" and isinstance(done, OpenAPIResponse):
        responses["503"] = OpenAPIResponse(description="Not ready.", content=done.content)
        return
    for status in sorted(set(_statuses(path, operation))):
        media = {"text/html": OpenAPIMediaType(schema=_TEXT)} if path.startswith(_PAGES) else {}
        if path in _CHATS:
            media = {"text/plain": OpenAPIMediaType(schema=_TEXT)}
        responses[status] = OpenAPIResponse(description=_MEANINGS[status], content={MEDIA_TYPE: PROBLEM, **media})


def _statuses(path: str, operation: Operation) -> Iterator[str]:
    parameters = [each for each in operation.parameters or [] if isinstance(each, Parameter)]
    asked = {each.name for each in parameters if each.param_in == "query"}
    if asked or "If-Match" in {each.name for each in parameters}:
        yield "400"
    if operation.security is None or {} not in operation.security:
        yield from ("401", "403")
    if path.startswith(_OWN_TOKEN):
        yield "401"
    if any(each.param_in == "path" for each in parameters) or asked & {"contact", "segment", "list", "name"}:
        yield "404"
    if path == "/v1/rulebook":  # before the first is published
        yield "404"
    if operation.request_body is not None or path in _CHATS or path.startswith("/unsubscribe/"):
        yield from ("400", "404", "408", "413", "415", "422")
    if path in _CHATS:
        yield "401"
    if asked & {"cursor", "order"} or "/members/" in path or path.startswith("/v1/messages/"):
        yield "422"
    if any(each.name == "If-Match" for each in parameters):
        yield from ("409", "428")
    if path.startswith(_CONFLICTS) or (operation.request_body is not None and "{ref}" in path):
        yield "409"
    if path not in _READS_NO_STORE:
        yield "503"
