"""`POST /v1/visitor`: the site tells whose browser followed a link of a message."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request, Response, route
from litestar.enums import HttpMethod
from litestar.openapi import ResponseSpec

from server.api.bodies import described
from server.api.guard import JSON, PLAIN, Limits, read_body
from server.api.problems import MEDIA_TYPE, problem_of
from server.api.wiring import From
from server.services.strict import decode_record

__all__ = ["visitor"]

_CORS: Final = {"access-control-allow-origin": "*"}
_PREFLIGHT: Final = {
    "access-control-allow-methods": "POST, OPTIONS",
    "access-control-allow-headers": "content-type",
    "access-control-max-age": "86400",
}
_EXAMPLE: Final = {"token": "of the parameter `relance`", "anonymousId": "507f191e810c19729de860ea"}


class _Visitor(msgspec.Struct, frozen=True, rename="camel"):
    token: str
    anonymous_id: str


class _Joined(msgspec.Struct, frozen=True):
    """`joined`: the visitor and the contact of the message are one. Not where the browser belongs to another."""

    success: bool
    joined: bool


@route(
    "/v1/visitor",
    http_method=[HttpMethod.POST, HttpMethod.OPTIONS],
    status_code=200,
    summary="Join a visitor who followed a link to the contact of the message",
    tags=["Events"],
    security=[{}],
    operation_class=described(_EXAMPLE),
    responses={200: ResponseSpec(data_container=_Joined, description="Whether the two are one now.")},
)
async def visitor(services: From, request: Request[Any, Any, Any]) -> Response[bytes]:
    """The token of a click is the proof, so no key is needed: scripts of the site and its server may call it."""
    if request.method == HttpMethod.OPTIONS:
        return Response(b"", status_code=204, headers=_CORS | _PREFLIGHT)
    try:
        body = await read_body(dict(request.scope["headers"]), request.receive, JSON | PLAIN, Limits(8 * 1024))
        asked = decode_record(body, _Visitor)
        joined = await services.visitors.join(asked.token, asked.anonymous_id)
    except Exception as error:
        problem = problem_of(error, body=True)
        headers = {**problem.headers, **_CORS}
        return Response(problem.encode(), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)
    return Response(msgspec.json.encode(_Joined(True, joined)), media_type="application/json", headers=_CORS)
