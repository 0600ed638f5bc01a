"""Bodies of the API's requests: read by the guard, decoded strictly, described in OpenAPI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeVar

from litestar import Request
from litestar.openapi.spec import Example, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from server.api.guard import JSON, PLAIN, Limits, read_body
from server.errors import FieldError, Invalid
from server.services.strict import decode_object, decode_record

__all__ = ["described", "read_json", "read_object", "read_text"]

T = TypeVar("T")

_LARGEST_TEXT: Final = 1024 * 1024


async def read_json(request: Request[Any, Any, Any], kind: type[T], limits: Limits | None = None) -> T:
    """The record of this type in a request's body; raises `Refused`, `Invalid`."""
    body = await read_body(dict(request.scope["headers"]), request.receive, JSON, limits or Limits())
    return decode_record(body, kind)


async def read_object(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The JSON object in a request's body, whatever its fields; raises `Refused`, `Invalid`."""
    return decode_object(await read_body(dict(request.scope["headers"]), request.receive, JSON, Limits()))


async def read_text(request: Request[Any, Any, Any]) -> str:
    """The text in a request's body; raises `Refused`, `Invalid`."""
    head = dict(request.scope["headers"])
    body = await read_body(head, request.receive, PLAIN, Limits(_LARGEST_TEXT))
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Invalid("the body is not UTF-8", [FieldError("", "is not UTF-8")], code="malformed") from None
    if "\x00" in text:
        raise Invalid("the body holds a NUL", [FieldError("", "holds a NUL character")], code="malformed")
    return text


def described(example: Any, *, media_type: str = "application/json", required: bool = True) -> type[Operation]:
    """The class of an operation whose body is described by an example."""
    kind = OpenAPIType.STRING if media_type == "text/plain" else OpenAPIType.OBJECT
    content = OpenAPIMediaType(schema=Schema(type=kind), examples={"example": Example(value=example)})
    body = RequestBody(content={media_type: content}, required=required)

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            self.request_body = body

    return Described
