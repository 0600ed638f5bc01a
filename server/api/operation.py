"""Routes of operation: alive, ready, figures."""

from __future__ import annotations

import msgspec
from litestar import Response, get, head
from litestar.handlers import HTTPRouteHandler

from server.api.wiring import From
from server.metrics import CONTENT_TYPE, Metrics

__all__ = ["health", "health_head", "metrics_route", "ready", "ready_head"]


class _Recompute(msgspec.Struct, frozen=True):
    """How many contacts have been brought under a version of the rulebook, of how many."""

    version: int
    done: int
    of: int


class _Ready(msgspec.Struct, frozen=True):
    """Whether Redis answers and engines hold all partitions; how many entries wait; how the bots are.

    `recompute` is there while a new version of the rulebook has not reached all contacts.
    """

    ready: bool
    lag: int
    bots: dict[str, str]
    recompute: _Recompute | msgspec.UnsetType = msgspec.UNSET


@get("/health", summary="Alive", tags=["Operation"], security=[{}])
async def health() -> dict[str, str]:
    """That this process answers."""
    return {"status": "ok"}


@head("/health", summary="Alive, without a body", tags=["Operation"], security=[{}])
async def health_head() -> None:
    """The same for monitors that ask for no body."""


@get("/ready", summary="Ready to work", tags=["Operation"], security=[{}])
async def ready(services: From) -> Response[_Ready]:
    """200 or 503. `lag` 0 means that every acknowledged event has taken effect."""
    seen = await services.status.snapshot()
    now = seen.recompute
    under_way = msgspec.UNSET if now is None else _Recompute(now.version, now.done, now.of)
    return Response(_Ready(seen.ready, seen.lag, seen.bots, under_way), status_code=200 if seen.ready else 503)


@head("/ready", summary="Ready to work, without a body", tags=["Operation"], security=[{}])
async def ready_head(services: From) -> Response[None]:
    """The status alone, for monitors that ask for no body."""
    return Response(None, status_code=200 if (await services.status.snapshot()).ready else 503)


def metrics_route(metrics: Metrics) -> HTTPRouteHandler:
    """The route of a registry's figures."""

    @get(
        "/metrics",
        summary="Figures for Prometheus",
        tags=["Operation"],
        security=[{}],
        media_type="text/plain",
    )
    async def figures(services: From) -> Response[bytes]:
        # As a header: to a media type Litestar would add a second charset, for which Prometheus refuses the answer.
        return Response(metrics.text(await services.status.snapshot()), headers={"content-type": CONTENT_TYPE})

    return figures
