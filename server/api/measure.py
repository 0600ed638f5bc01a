"""How long answers take, by route and status."""

from __future__ import annotations

from time import perf_counter

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from server.metrics import Metrics

__all__ = ["measuring"]


def measuring(metrics: Metrics) -> type:
    """A middleware that notes the time of every request."""

    class Measured:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app
            self._seen = metrics.requests

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            start, status = perf_counter(), "500"

            async def noting(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = str(message["status"])
                await send(message)

            try:
                await self.app(scope, receive, noting)
            finally:
                route = str(scope.get("path_template", ""))  # never the path: it may name a person
                self._seen.labels(route, status).observe(perf_counter() - start)

    return Measured
