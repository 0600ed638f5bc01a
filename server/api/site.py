"""What the site's pages and apps ask: where pushes go, what lies in a contact's inbox."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import FromPath

from server.api.bodies import described
from server.api.credentials import key_in
from server.api.guard import JSON, PLAIN, Limits, read_body
from server.api.problems import MEDIA_TYPE, problem_of
from server.api.wiring import From, Who
from server.errors import Unauthorized
from server.model.device import DevicePlatform
from server.services.site_inbox import Inbox, InboxToken
from server.services.strict import decode_record
from server.store.identities import Caller

__all__ = ["SITE_ROUTES"]

_CORS: Final = {"access-control-allow-origin": "*"}
_PREFLIGHT: Final = {
    "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
    "access-control-allow-headers": "authorization, content-type",
    "access-control-max-age": "86400",
}
_DONE: Final = {200: ResponseSpec(data_container=dict[str, bool], description="It is done.")}
_EXAMPLE: Final = {"userId": "42", "platform": "android", "token": "fcm-token"}


class _Keys(msgspec.Struct, frozen=True):
    p256dh: str = ""
    auth: str = ""


class _Subscription(msgspec.Struct, frozen=True):
    endpoint: str = ""
    keys: _Keys = _Keys()


class _Device(msgspec.Struct, frozen=True, rename="camel"):
    write_key: str = ""
    user_id: str = ""
    anonymous_id: str = ""
    platform: DevicePlatform = "web"
    token: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    subscription: _Subscription = _Subscription()


async def _answered(request: Request[Any, Any, Any], work: Any) -> Response[bytes]:
    """What a page of another origin may read, errors included."""
    if request.method == HttpMethod.OPTIONS:
        return Response(b"", status_code=204, headers=_CORS | _PREFLIGHT)
    try:
        said = msgspec.json.encode(await work())
    except Exception as error:
        problem = problem_of(error, body=True)
        headers = {**problem.headers, **_CORS}
        return Response(problem.encode(), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)
    return Response(said, media_type="application/json", headers=_CORS)


@route(
    "/v1/devices",
    http_method=[HttpMethod.POST, HttpMethod.DELETE, HttpMethod.OPTIONS],
    status_code=200,
    summary="Register a device for pushes, or forget it; with the write key of a source",
    tags=["Site"],
    security=[{"writeKey": []}, {}],
    operation_class=described(_EXAMPLE),
    responses=_DONE,
)
async def devices(services: From, request: Request[Any, Any, Any]) -> Response[bytes]:
    """A phone has `platform` and `token`; a browser sends `subscription`, as `PushSubscription.toJSON()` gives it."""

    async def work() -> dict[str, bool]:
        body = await read_body(dict(request.scope["headers"]), request.receive, JSON | PLAIN, Limits(16 * 1024))
        asked = decode_record(body, _Device)
        key = key_in(request.headers.get("authorization", "").encode("latin-1")) or asked.write_key
        if await services.sources.authenticate(key) is None:
            raise Unauthorized("no source has this write key; `relance source add` makes one", code="unknown_key")
        caller = Caller(asked.user_id.strip()[:256], asked.anonymous_id.strip()[:256])
        token, keys = asked.subscription.endpoint or asked.token, asked.subscription.keys
        platform = "web" if asked.subscription.endpoint else asked.platform
        if request.method == HttpMethod.DELETE:
            return {"success": await services.devices.remove(caller, token)}
        await services.devices.add(caller, platform, token, p256dh=keys.p256dh, auth=keys.auth)
        return {"success": True}

    return await _answered(request, work)


@get("/v1/push/key", summary="The public key that a browser subscribes with", tags=["Site"], security=[{}])
async def push_key(services: From) -> Response[dict[str, str]]:
    """What `pushManager.subscribe` wants as `applicationServerKey`."""
    return Response({"key": await services.devices.public_key()}, headers=_CORS)


@route(
    "/v1/inbox",
    http_method=[HttpMethod.GET, HttpMethod.OPTIONS],
    status_code=200,
    summary="What lies in a contact's inbox on the site; `Authorization: Bearer <the contact's token>`",
    tags=["Site"],
    security=[{}],
    responses={200: ResponseSpec(data_container=Inbox, description="What lies there.")},
)
async def inbox(services: From, request: Request[Any, Any, Any]) -> Response[bytes]:
    """The newest first, with how many are not read."""
    return await _answered(request, lambda: services.site_inbox.open(_token(request)))


@route(
    "/v1/inbox/{message:str}/read",
    http_method=[HttpMethod.POST, HttpMethod.OPTIONS],
    status_code=200,
    summary="Note that a message of the inbox was read",
    tags=["Site"],
    security=[{}],
    responses=_DONE,
)
async def read(services: From, request: Request[Any, Any, Any], message: FromPath[str]) -> Response[bytes]:
    """With the contact's token."""

    async def work() -> dict[str, bool]:
        await services.site_inbox.read(_token(request), message)
        return {"success": True}

    return await _answered(request, work)


@post(
    "/v1/contacts/{ref:str}/inbox-token",
    status_code=200,
    summary="A token with which the site's pages open a contact's inbox, for a day",
    tags=["Site"],
)
async def inbox_token(services: From, actor: Who, ref: FromPath[str]) -> InboxToken:
    """The site's server asks for it, for whom it has logged in."""
    return await services.site_inbox.token(actor, ref)


def _token(request: Request[Any, Any, Any]) -> str:
    return key_in(request.headers.get("authorization", "").encode("latin-1"))


SITE_ROUTES: Final[list[HTTPRouteHandler]] = [devices, push_key, inbox, read, inbox_token]
