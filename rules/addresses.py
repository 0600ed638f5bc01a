"""Addresses of teams: what can be one, and what was probably meant instead.

A Telegram chat is a number, negative for a group, or `@name`; behind a slash stands a topic of a group:
`-1001234567890/42`. https://core.telegram.org/bots/api#sendmessage
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from rules.rulebook import Target

__all__ = ["Odd", "oddity"]

_E_MAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
_SLACK: Final = re.compile(r"([TE][A-Z0-9]+/)?(#[^\s#]+|[CDG][A-Z0-9]+)")
_BARE_SLACK: Final = re.compile(r"([TE][A-Z0-9]+/)?([\w-]+)")
_TELEGRAM: Final = re.compile(r"\d{1,20}|(?:-\d{1,20}|@\w{1,64})(?:/[1-9]\d{0,9})?", re.ASCII)
_LINK: Final = re.compile(
    r"(?:https?://)?t\.me/(?:c/(?P<number>\d{1,20})|(?P<name>\w{1,64}))(?:/(?P<topic>\d+))?.*", re.ASCII
)
_SUPERGROUP: Final = re.compile(r"100\d{10}", re.ASCII)


class Odd(NamedTuple):
    """What is odd about an address; `near` is what was probably meant; `sure`: it cannot be one."""

    message: str
    near: str | None
    sure: bool


def oddity(target: Target) -> Odd | None:
    """What is wrong or odd about an address, if anything is."""
    address = target.address
    match target.platform:
        case "email" if not _E_MAIL.fullmatch(address):
            return Odd("expected an e-mail address", None, sure=True)
        case "slack" if not _SLACK.fullmatch(address):
            bare = _BARE_SLACK.fullmatch(address)
            near = f'"{bare[1] or ""}#{bare[2]}"' if bare else None
            message = 'a Slack channel is written as "#hot-leads" or "T0123/#hot-leads", or by its id'
            return Odd(message, near, sure=False)
        case "telegram" if not _TELEGRAM.fullmatch(address):
            message = (
                'a Telegram chat is written as "-1001234567890" or "@channel", a topic of it as "-1001234567890/42"'
            )
            return Odd(message, _telegram_meant(address), sure=True)
        case "telegram" if _SUPERGROUP.fullmatch(address):
            return Odd("the number of a group in Telegram begins with a minus sign", f'"-{address}"', sure=False)
    return None


def _telegram_meant(address: str) -> str | None:
    """What stands for a chat in a link, in the address of Telegram's web page, or without its sign."""
    if link := _LINK.fullmatch(address):
        chat = f"-100{link['number']}" if link["number"] else f"@{link['name']}"
        near = f"{chat}/{link['topic']}" if link["topic"] else chat
    else:
        near = re.sub(r"[\s:#_]+(?=\d+$)", "/", address)
        near = f"-{near}" if _SUPERGROUP.match(near) else near
        near = f"@{near}" if re.match(r"[A-Za-z]", near) else near
    return f'"{near}"' if near != address and _TELEGRAM.fullmatch(near) else None
