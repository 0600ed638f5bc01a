"""What analytics.js asks for before it sends."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from server.api.problems import MEDIA_TYPE, problem_of
from server.errors import NotFound
from server.services.sources import Sources

__all__ = ["settings_route"]

_CORS: Final = {"access-control-allow-origin": "*"}


def settings_route(sources: Sources, public_url: str) -> HTTPRouteHandler:
    """The route of the settings. `public_url` is where browsers reach us; "": where the request was sent to."""

    @get("/v1/projects/{write_key:str}/settings", summary="Settings of analytics.js", tags=["Events"], security=[{}])
    async def analytics_settings(request: Request[Any, Any, Any], write_key: FromPath[str]) -> Response[bytes]:
        """What analytics.js 2 reads at its start: one destination, which is this server."""
        if await sources.authenticate(write_key) is None:
            problem = problem_of(NotFound("no source has this write key", code="unknown_key"))
            return Response(problem.encode(), status_code=problem.status, media_type=MEDIA_TYPE, headers=_CORS)
        url = public_url or str(request.base_url).rstrip("/")
        body = msgspec.json.encode(_settings(write_key, *url.split("://", 1)))
        headers = _CORS | {"cache-control": "public, max-age=300"}
        return Response(body, media_type="application/json", headers=headers)

    return analytics_settings


def _settings(key: str, protocol: str, host: str) -> dict[str, Any]:
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": key,
                "apiHost": f"{host}/v1",
                "protocol": protocol,
                "addBundledMetadata": False,
                "unbundledIntegrations": [],
                "bundledConfigIds": [],
                "unbundledConfigIds": [],
                "maybeBundledConfigIds": {},
            }
        },
        "plan": {
            "track": {"__default": {"enabled": True, "integrations": {}}},
            "identify": {"__default": {"enabled": True}},
            "group": {"__default": {"enabled": True}},
        },
        "edgeFunction": {},
        "enabledMiddleware": {},
        "middlewareSettings": {},
        "remotePlugins": [],
        "metrics": {"sampleRate": 0},
        "analyticsNextEnabled": True,
        "legacyVideoPluginsEnabled": False,
    }
