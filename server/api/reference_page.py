"""`/docs` as one page of HTML: no script, nothing fetched from anywhere else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment
from litestar.openapi.plugins import OpenAPIRenderPlugin

if TYPE_CHECKING:
    from litestar.connection import Request

__all__ = ["ReferencePage"]

_METHODS = ("get", "post", "put", "patch", "delete")


class ReferencePage(OpenAPIRenderPlugin):
    """Renders the OpenAPI schema for a person; programs read `/docs/openapi.json`."""

    def __init__(self) -> None:
        super().__init__(path="/", favicon="", style="")
        text = (Path(__file__).parent / "pages" / "reference.html").read_text("utf-8")
        self._template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(text)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        groups: dict[str, list[dict[str, Any]]] = {}
        for path, item in sorted(openapi_schema["paths"].items()):
            for method in _METHODS:
                if method in item:
                    route = _route(path, method, item[method], item.get("parameters") or [])
                    groups.setdefault(route["group"], []).append(route)
        ordered = {name: groups[name] for name in sorted(groups, key=lambda name: (name != "events", name))}
        return self._template.render(info=openapi_schema["info"], groups=ordered).encode()


def _route(path: str, method: str, operation: dict[str, Any], shared: list[dict[str, Any]]) -> dict[str, Any]:
    """What the page shows of a route."""
    return {
        "path": path,
        "method": method.upper(),
        "group": _group(path, operation),
        "summary": operation.get("summary", ""),
        "description": operation.get("description") or "",
        "parameters": [*shared, *(operation.get("parameters") or [])],
        "responses": operation.get("responses") or {},
        "body": list((operation.get("requestBody") or {}).get("content", {})),
    }


def _group(path: str, operation: dict[str, Any]) -> str:
    """Under which heading a route stands: what it is about."""
    words = path.strip("/").split("/")
    if words[0] == "v1":
        by_write_key = any("writeKey" in way for way in operation.get("security") or [])
        return "events" if by_write_key or words[1] == "projects" else words[1]
    return "chat" if words[0] in ("slack", "telegram") else "operation"
