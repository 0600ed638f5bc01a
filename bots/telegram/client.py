"""Calls to Telegram's Bot API, with failures told apart by what they mean for what was to be sent."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, NetworkError, TelegramError
from telegram.request import HTTPXRequest

from server.ports import ChannelBusy, ChannelDown, ChannelRefused, ChannelUnsure

__all__ = ["API", "Flooded", "Request", "quiet", "told_apart"]

API: Final = "https://api.telegram.org"
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

# What Telegram says when it will never take a message. Other descriptions may quote the message: they are not shown.
_KNOWN: Final = (
    "chat not found",
    "message to edit not found",
    "message can't be edited",
    "not enough rights",
    "have no rights to send a message",
    "need administrator rights in the channel chat",
    "bot was kicked",
    "bot was blocked by the user",
    "bot is not a member",
    "user is deactivated",
    "message is too long",
    "group chat was upgraded",
)

_TOPICS: Final = {
    "message thread not found": "the topic does not exist, or was deleted",
    "topic_deleted": "the topic does not exist, or was deleted",
    "topic_closed": "the topic is closed: reopen it, or let the bot manage topics",
}


class Flooded(TelegramError):
    """Telegram asks to wait. The library's own `RetryAfter` warns of its future whenever it is made."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        super().__init__("too many requests")
        self.seconds = seconds


class Request(HTTPXRequest):
    """The library's connection, which raises `Flooded` for a 429."""

    async def do_request(self, *arguments: Any, **named: Any) -> tuple[int, bytes]:
        status, payload = await super().do_request(*arguments, **named)
        if status == 429:
            raise Flooded(_retry_after(payload))
        return status, payload


def quiet() -> None:
    """Keep the libraries from logging URLs, which hold the token, and whole messages."""
    for name, level in (("httpx", logging.WARNING), ("httpcore", logging.WARNING), ("telegram", logging.CRITICAL + 1)):
        logging.getLogger(name).setLevel(level)


@contextmanager
def told_apart() -> Iterator[None]:
    """Raise ChannelBusy, ChannelDown, ChannelRefused or ChannelUnsure for what the library raises.

    `ChatMigrated` passes: there the message has a new address.
    """
    try:
        yield
    except ChatMigrated:
        raise
    except Flooded as error:
        raise ChannelBusy("telegram: too many requests", error.seconds) from None
    except (BadRequest, Forbidden) as error:
        raise ChannelRefused(f"telegram: {_known(error.message)}") from None
    except InvalidToken:
        raise ChannelRefused("telegram: invalid token") from None
    except NetworkError as error:
        cause = error.__cause__
        name = type(cause or error).__name__
        if isinstance(cause, _NOT_SENT):
            raise ChannelDown(f"telegram: {name}") from None
        raise ChannelUnsure(f"telegram: {name}") from None
    except TelegramError as error:
        raise ChannelUnsure(f"telegram: {type(error).__name__}") from None


def _known(description: str) -> str:
    lower = description.lower()
    if said := next((said for known, said in _TOPICS.items() if known in lower), None):
        return said
    return next((known for known in _KNOWN if known in lower), "bad request")


def _retry_after(payload: bytes) -> float:
    try:
        return min(max(float(json.loads(payload)["parameters"]["retry_after"]), 0.1), 3600.0)
    except (ValueError, KeyError, TypeError):
        return 1.0
