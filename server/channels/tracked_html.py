"""The HTML of a mail, with its links counted and, where that is allowed, its opening."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape, unescape
from typing import Final

__all__ = ["rewritten", "with_picture"]

_HREF: Final = re.compile(
    r"""(<a\s(?:[^<>"']|"[^"<>]*"|'[^'<>]*')*?(?<![\w-])href\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE
)
_BODY_END: Final = re.compile(r"</body\s*>", re.IGNORECASE)


def rewritten(html: str, click: Callable[[str, int], str]) -> str:
    """The HTML with each web link of an `<a>` replaced by what `click` makes of it; that is given the link and how
    many different ones there are. Other links (`mailto:`, `#top`) stay."""
    found = {_address(match) for match in _HREF.finditer(html)}
    links = sorted(url for url in found if url.lower().startswith(("http://", "https://")))
    made = {url: click(url, len(links)) for url in links}

    def put(match: re.Match[str]) -> str:
        url = made.get(_address(match))
        return match.group(0) if url is None else f'{match.group(1)}"{escape(url)}"'

    return _HREF.sub(put, html)


def with_picture(html: str, url: str) -> str:
    """The HTML with an invisible picture at its end."""
    picture = f'<img src="{escape(url)}" width="1" height="1" alt="" style="display:block;width:1px;height:1px">'
    ends = list(_BODY_END.finditer(html))
    at = ends[-1].start() if ends else len(html)
    return html[:at] + picture + html[at:]


def _address(match: re.Match[str]) -> str:
    return unescape(match.group(2).strip("\"'")).strip()
