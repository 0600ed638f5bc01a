"""Routes of the chat platforms: raw requests, handed to the bots, which check who sent them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler

from server.api.guard import ANY, Limits, read_body
from server.api.wiring import Bot
from server.errors import NotFound

__all__ = ["chat_routes"]

_LIMITS = Limits(1024 * 1024)


def chat_routes(bots: Mapping[str, Bot]) -> list[HTTPRouteHandler]:
    """`POST /slack` and `POST /telegram`."""

    async def hand_over(platform: str, request: Request[Any, Any, Any]) -> Response[bytes]:
        bot = bots.get(platform)
        if bot is None:
            raise NotFound(f"there is no {platform} bot here", code="no_bot")
        body = await read_body(dict(request.scope["headers"]), request.receive, ANY, _LIMITS)
        status, headers, answer = await bot.dispatch(dict(request.headers), body)
        return Response(answer, status_code=status, headers={**_others(headers), "content-type": _media_type(headers)})

    @post("/slack", status_code=200, summary="Events, commands and interactions of Slack", tags=["Chat"], security=[{}])
    async def slack(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await hand_over("slack", request)

    @post("/telegram", status_code=200, summary="Updates of Telegram", tags=["Chat"], security=[{}])
    async def telegram(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await hand_over("telegram", request)

    return [slack, telegram]


def _others(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in ("content-type", "content-length")}


def _media_type(headers: Mapping[str, str]) -> str:
    found = (value for name, value in headers.items() if name.lower() == "content-type")
    return next(found, "text/plain; charset=utf-8")
