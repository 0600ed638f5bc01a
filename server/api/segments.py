"""Routes of segments and static lists."""

from __future__ import annotations

from typing import Literal

from litestar import Controller, Response, delete, get, put
from litestar.params import FromPath, FromQuery

from server.api.wiring import Cursor, From, Limit, Who
from server.services.segments import Members, SegmentView

__all__ = ["ListRoutes", "SegmentRoutes"]


class SegmentRoutes(Controller):
    path = "/v1/segments"
    tags = ("Segments",)

    @get(summary="All segments")
    async def segments(self, services: From, actor: Who) -> dict[str, list[SegmentView]]:
        return {"segments": await services.segments.list(actor)}

    @get("/{name:str}", summary="A segment's text and size")
    async def segment(self, services: From, actor: Who, name: FromPath[str]) -> SegmentView:
        return await services.segments.get(actor, name)

    @get("/{name:str}/members", summary="Who is in a segment, the highest score first")
    async def members(
        self,
        services: From,
        actor: Who,
        name: FromPath[str],
        cursor: Cursor = None,
        limit: Limit = 10,
        order: FromQuery[Literal["score"]] = "score",
    ) -> Members:
        return await services.segments.members(actor, name, limit, cursor)


class ListRoutes(Controller):
    path = "/v1/lists"
    tags = ("Lists",)

    @get(summary="All static lists")
    async def lists(self, services: From, actor: Who) -> dict[str, list[SegmentView]]:
        return {"lists": await services.lists.list(actor)}

    @get("/{name:str}", summary="A list's text and size")
    async def one(self, services: From, actor: Who, name: FromPath[str]) -> SegmentView:
        return await services.lists.get(actor, name)

    @get("/{name:str}/members", summary="Who is on a list, the highest score first")
    async def members(
        self,
        services: From,
        actor: Who,
        name: FromPath[str],
        cursor: Cursor = None,
        limit: Limit = 10,
        order: FromQuery[Literal["score"]] = "score",
    ) -> Members:
        return await services.lists.members(actor, name, limit, cursor)

    @put("/{name:str}/members/{ref:str}", summary="Put a contact on a list")
    async def add(
        self, services: From, actor: Who, name: FromPath[str], ref: FromPath[str]
    ) -> Response[dict[str, bool]]:
        contact = await services.contacts.locate(actor, ref)
        return _changed(await services.lists.put(actor, name, contact, member=True))

    @delete("/{name:str}/members/{ref:str}", status_code=200, summary="Take a contact off a list")
    async def remove(
        self, services: From, actor: Who, name: FromPath[str], ref: FromPath[str]
    ) -> Response[dict[str, bool]]:
        contact = await services.contacts.locate(actor, ref)
        return _changed(await services.lists.put(actor, name, contact, member=False))


def _changed(applied: bool) -> Response[dict[str, bool]]:
    if applied:
        return Response({"success": True})
    return Response({"success": True, "pending": True}, status_code=202)
