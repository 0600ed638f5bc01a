"""Routes of operation: alive, ready, figures."""

from __future__ import annotations

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from server.api.wiring import From
from server.metrics import CONTENT_TYPE, Metrics

__all__ = ["health", "metrics_route", "ready"]


class _Ready(msgspec.Struct, frozen=True):
    """Whether Redis answers and engines hold all partitions; how many entries wait; how the bots are."""

    ready: bool
    lag: int
    bots: dict[str, str]


@get("/health", summary="Alive", tags=["Operation"])
async def health() -> dict[str, str]:
    """That this process answers."""
    return {"status": "ok"}


@get("/ready", summary="Ready to work", tags=["Operation"])
async def ready(services: From) -> Response[_Ready]:
    """200 or 503. `lag` 0 means that every acknowledged event has taken effect."""
    seen = await services.status.snapshot()
    return Response(_Ready(seen.ready, seen.lag, seen.bots), status_code=200 if seen.ready else 503)


def metrics_route(metrics: Metrics) -> HTTPRouteHandler:
    """The route of a registry's figures."""

    @get("/metrics", summary="Figures for Prometheus", tags=["Operation"])
    async def figures(services: From) -> Response[bytes]:
        return Response(metrics.text(await services.status.snapshot()), media_type=CONTENT_TYPE)

    return figures
