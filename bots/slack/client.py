"""Calls to Slack's Web API, with failures told apart by what they mean for what was to be sent."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from server.ports import ChannelBusy, ChannelDown, ChannelError, ChannelRefused, ChannelUnsure

__all__ = ["SlackClient", "quiet_logger"]

API: Final = "https://slack.com/api/"
FILES: Final = "https://files.slack.com/"
TIMEOUT: Final = 10.0

# Answers of Slack that say nothing about the message itself: it may come back to it.
_PASSING: Final = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
_BUSY: Final = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})


def quiet_logger() -> logging.Logger:
    """A logger for Slack's libraries, which write whole requests, tokens and names, into their warnings."""
    logger = logging.getLogger("relance.slack.sdk")
    logger.setLevel(logging.CRITICAL + 1)
    return logger


class SlackClient:
    """A bot's connection to Slack. It never repeats a call by itself: who calls knows whether that is safe."""

    def __init__(self, token: str, api_url: str = "", *, timeout: float = TIMEOUT) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=min(5.0, timeout))
        self._session: aiohttp.ClientSession | None = None
        self.web = AsyncWebClient(token, base_url=api_url or API, logger=quiet_logger(), retry_handlers=[])
        self.web.proxy = None  # the session reads the environment itself, NO_PROXY included

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method of the Web API; arguments go as JSON, or as a query where `params` is given.

        Raises ChannelBusy, ChannelDown, ChannelRefused, ChannelUnsure.
        """
        params = arguments.pop("params", None)
        self.web.session = self._open()
        try:
            if params is not None:
                answer = await self.web.api_call(method, http_verb="GET", params=params)
            else:
                answer = await self.web.api_call(method, json=arguments)
        except SlackApiError as error:
            raise _api_failure(error) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _failure(error) from None
        if not isinstance(answer.data, dict):
            raise ChannelUnsure("slack: unreadable answer")
        return answer.data

    async def respond(self, url: str, payload: dict[str, Any]) -> None:
        """Answer through a `response_url`. Raises as `call` does."""
        try:
            async with self._open().post(url, json=payload) as answer:
                if answer.status == 429:
                    raise ChannelBusy("slack: ratelimited", _seconds(answer.headers.get("Retry-After")))
                if answer.status >= 500:
                    raise ChannelUnsure(f"slack: HTTP {answer.status}")
                if answer.status >= 400:
                    raise ChannelRefused(f"slack: response_url HTTP {answer.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _failure(error) from None

    async def fetch(self, url: str, most: int) -> bytes:
        """The content of a file of the workspace, cut after `most` bytes and one. Raises as `call` does."""
        if not url.startswith((FILES, _origin(self.web.base_url))):  # nobody else is to see the token
            raise ChannelRefused("slack: a file that is not at Slack")
        headers = {"Authorization": f"Bearer {self.web.token}"}
        try:
            async with self._open().get(url, headers=headers, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise ChannelDown(f"slack: HTTP {answer.status}")
                content = bytearray()
                async for part in answer.content.iter_chunked(1 << 16):
                    content += part
                    if len(content) > most:
                        break
                return bytes(content[: most + 1])
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _failure(error) from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # lets aiohttp's transports end
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(timeout=self._timeout, trust_env=True)
        return self._session


def _api_failure(error: SlackApiError) -> ChannelError:
    response: Any = error.response
    status: int = getattr(response, "status_code", 0) or getattr(response, "status", 0)
    answered: Any = getattr(response, "data", None)
    code = str(answered.get("error") or "") if isinstance(answered, dict) else ""
    if status == 429 or code in _BUSY:
        headers = getattr(response, "headers", None) or {}
        return ChannelBusy("slack: ratelimited", _seconds(headers.get("Retry-After")))
    if status >= 500 or code in _PASSING or not code:
        return ChannelUnsure(f"slack: {code or f'HTTP {status}'}")
    return ChannelRefused(f"slack: {code}")


def _failure(error: Exception) -> ChannelError:
    # without a connection nothing was sent; a time-out or a cut afterwards leaves it open
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return ChannelDown(f"slack: {type(error).__name__}")
    return ChannelUnsure(f"slack: {type(error).__name__}")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"


def _seconds(header: str | None) -> float:
    try:
        return min(max(float(header or ""), 0.1), 3600.0)
    except ValueError:
        return 1.0
