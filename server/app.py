"""The Litestar application: routes, errors and documentation around the services it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from litestar import Litestar
from litestar.openapi.config import OpenAPIConfig

from server.api.ingest import IngestRoutes
from server.api.problems import EXCEPTION_HANDLERS
from server.api.wiring import Services

__all__ = ["create_app"]

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def create_app(
    services: Services, *, public_url: str = "", body_seconds: float = 10.0, lifespan: Sequence[Lifespan] = ()
) -> Litestar:
    """The application on these services.

    `public_url` is where browsers reach it; `body_seconds` is how long a request's body may take.
    """
    ingest = IngestRoutes(services.ingest, services.sources, public_url=public_url, seconds=body_seconds)
    return Litestar(
        route_handlers=[*ingest.handlers()],
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=list(lifespan),
        openapi_config=OpenAPIConfig(title="Relance", version="1", path="/docs"),
    )
