"""A message template: the words of one message, for one channel, in one locale."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from rules.contact import Millis

__all__ = ["MessageTemplate", "TemplateFormat"]

TemplateFormat: TypeAlias = Literal["markdown", "html", "text", "json"]


class MessageTemplate(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """`source` is what was written: a head of `name: value` lines between lines of `---` (subject, preheader, title,
    link, …), then the body, both Jinja2. `expires` 0: never; what is past it is told as stale."""

    name: str
    channel: str
    locale: str  # "fr", "fr-BE"; "" is the one for every language that has none of its own
    format: TemplateFormat
    source: str
    owner: str = ""
    expires: Millis = 0
    revision: int = 1
    by: str = ""
    updated: Millis = 0
