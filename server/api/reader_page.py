"""The pages that contacts see: plain HTML in their language, no script, nothing fetched from anywhere."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Environment, Template
from litestar import Response

__all__ = ["ReaderPage"]

_PAGES: Final = Path(__file__).parent / "pages"


class ReaderPage(msgspec.Struct, frozen=True, kw_only=True):
    """What a page says. A `button` sends `fields` to `action`, which is "" for the page itself; `quiet`: it is not the
    thing to do."""

    language: str
    title: str
    texts: tuple[str, ...] = ()
    quoted: str = ""
    hint: str = ""
    button: str = ""
    action: str = ""
    fields: dict[str, str] = {}
    quiet: bool = False

    def response(self, status: int = 200) -> Response[bytes]:
        """The page with the headers that keep it to itself."""
        template, style, policy = _parts()
        html = template.render(msgspec.structs.asdict(self) | {"style": style})
        headers = {
            "content-security-policy": policy,
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "x-robots-tag": "noindex, nofollow",
            "content-language": self.language,
        }
        return Response(html.encode(), status_code=status, media_type="text/html", headers=headers)


@cache
def _parts() -> tuple[Template, str, str]:
    """The template, its style, and the policy that lets in that style and nothing else."""
    style = (_PAGES / "page.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((_PAGES / "page.html").read_text("utf-8"))
    return template, style, policy
