"""Routes of the rulebook."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get, post, put
from litestar.params import FromPath, HeaderParameter, QueryParameter

from server.api.bodies import described, read_json, read_text
from server.api.problems import ProblemLine, Refused, problem_lines
from server.api.wiring import From, Limit, Who
from server.services.access import require
from server.services.views import moment
from server.store.rulebooks import RulebookVersion

__all__ = ["RulebookRoutes"]

_TEXT = described('segment loyal: count("Order Completed", t"P180D") >= 3\n', media_type="text/plain")
_ETAG = re.compile(r'(?:W/)?"?(\d{1,9})"?')


class _Version(msgspec.Struct, frozen=True, kw_only=True):
    """A published version."""

    version: int
    hash: str
    text: str
    author: str
    comment: str
    time: datetime


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """What `check` found."""

    ok: bool
    errors: list[ProblemLine]
    warnings: list[ProblemLine]


class _Rollback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which version's text is to be published again."""

    version: Annotated[int, msgspec.Meta(ge=1, le=999_999_999)]


class RulebookRoutes(Controller):
    path = "/v1/rulebook"
    tags = ("Rulebook",)

    @get(summary="The published rulebook")
    async def current(self, services: From, actor: Who) -> Response[_Version]:
        require(actor, "read", "viewer")
        record = await services.rulebooks.current()
        return Response(_version(record), headers={"etag": f'"{record.version}"'})

    @put(summary="Publish a text as the version after the one in If-Match", operation_class=_TEXT)
    async def publish(
        self,
        services: From,
        actor: Who,
        request: Request[Any, Any, Any],
        if_match: Annotated[str | None, HeaderParameter(name="If-Match", max_length=20)] = None,
        comment: Annotated[str, QueryParameter(max_length=500)] = "",
    ) -> Response[dict[str, int | str]]:
        base = _base(if_match, (await services.rulebooks.live()).version)
        made = await services.rulebooks.publish(actor, await read_text(request), base=base, comment=comment)
        return Response({"version": made.version, "hash": made.hash}, headers={"etag": f'"{made.version}"'})

    @post("/check", status_code=200, summary="All errors and warnings of a text", operation_class=_TEXT)
    async def check(self, services: From, actor: Who, request: Request[Any, Any, Any]) -> _Found:
        require(actor, "read", "viewer")
        checked = await services.rulebooks.check(await read_text(request))
        return _Found(ok=checked.ok, errors=problem_lines(checked.problems), warnings=problem_lines(checked.warnings))

    @post(
        "/rollback",
        status_code=200,
        summary="Publish the text of an earlier version again, as a new version",
        operation_class=described({"version": 3}),
    )
    async def rollback(
        self, services: From, actor: Who, request: Request[Any, Any, Any]
    ) -> Response[dict[str, int | str]]:
        asked = await read_json(request, _Rollback)
        made = await services.rulebooks.rollback(actor, asked.version)
        return Response({"version": made.version, "hash": made.hash}, headers={"etag": f'"{made.version}"'})

    @get("/versions", summary="The latest versions, newest first")
    async def versions(self, services: From, actor: Who, limit: Limit = 50) -> dict[str, list[_Version]]:
        require(actor, "read", "viewer")
        return {"versions": [_version(record) for record in await services.rulebooks.versions(limit)]}

    @get("/versions/{number:int}", summary="One version")
    async def version(self, services: From, actor: Who, number: FromPath[int]) -> _Version:
        require(actor, "read", "viewer")
        return _version(await services.rulebooks.version(number))


def _version(record: RulebookVersion) -> _Version:
    return _Version(
        version=record.version,
        hash=record.hash,
        text=record.text,
        author=record.author,
        comment=record.comment,
        time=moment(record.time),
    )


def _base(if_match: str | None, current: int) -> int:
    """The version that a text was made from. The first text of all needs none."""
    if if_match is None:
        if current:
            raise Refused(428, 'say which version this replaces: If-Match: "<version>"')
        return 0
    if if_match.strip() == "*":
        return current
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise Refused(400, 'If-Match holds a version, such as "3"')
    return int(found[1])
