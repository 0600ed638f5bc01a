"""Routes of rejected events."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Request, get, post
from litestar.params import FromPath

from server.api.bodies import described
from server.api.guard import EVENT_LIMIT, JSON, Limits, read_body
from server.api.wiring import Cursor, From, Limit, Who
from server.services.rejected import RejectedPage

__all__ = ["RejectedRoutes"]


class RejectedRoutes(Controller):
    path = "/v1/rejected"
    tags = ("Events",)

    @get(summary="Events that were rejected, newest first, with the reason")
    async def rejected(self, services: From, actor: Who, cursor: Cursor = None, limit: Limit = 50) -> RejectedPage:
        return await services.rejected.listing(actor, cursor, limit)

    @post(
        "/{event:str}/replay",
        status_code=200,
        summary="Take a rejected event after all: as it came, or as corrected in the body",
        operation_class=described({"type": "track", "userId": "42", "event": "Order Completed"}, required=False),
    )
    async def replay(
        self, services: From, actor: Who, request: Request[Any, Any, Any], event: FromPath[str]
    ) -> dict[str, bool]:
        head = dict(request.scope["headers"])
        sent = head.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in head
        body = await read_body(head, request.receive, JSON, Limits(EVENT_LIMIT)) if sent else b""
        await services.rejected.replay(actor, event, body)
        return {"success": True}
