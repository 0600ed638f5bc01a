"""Slack's own way of writing: what it escapes, and how it marks links, channels and people in a text."""

from __future__ import annotations

import html
import re

__all__ = ["escape", "unescape"]

# <mailto:a@b.fr|a@b.fr>, <https://x|x>, <#C1|name>, <@U1>
_MARKED = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")


def escape(text: str) -> str:
    """A text that shows as it is: Slack reads only these three characters as its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """What a person typed: `<mailto:a@b.fr|a@b.fr>` is `a@b.fr`, `<#C1|hot>` is `#hot`, `&lt;` is `<`."""

    def plain(match: re.Match[str]) -> str:
        target, label = match.group(1), match.group(2)
        if target.startswith("#"):
            return f"#{label}" if label else target
        return label or target.removeprefix("mailto:")

    return html.unescape(_MARKED.sub(plain, text))
