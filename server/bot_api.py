"""Telegram's Bot API as the command line calls it: https://core.telegram.org/bots/api#making-requests."""

from __future__ import annotations

import logging
from typing import Any

import httpx

from server.settings import Settings

__all__ = ["BotApi", "BotRefused", "bot_name"]


class BotRefused(Exception):
    """Telegram does not take a call; the text says why."""


class BotApi:
    """Calls for the bot whose token the settings have; `timeout` in seconds."""

    def __init__(self, settings: Settings, *, timeout: float) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs URLs, and these hold the token
        self._base = f"{settings.telegram_api_url or 'https://api.telegram.org'}/bot{settings.telegram_token}"
        self._client = httpx.AsyncClient(timeout=timeout)

    async def call(self, method: str, **arguments: Any) -> Any:
        """What a method answers. Raises `BotRefused`, or `httpx.HTTPError` where Telegram cannot be reached."""
        answer = await self._client.post(f"{self._base}/{method}", json=arguments)
        try:
            said = answer.json()
        except ValueError:
            raise BotRefused(f"it answers {answer.status_code} and no JSON") from None
        if not said.get("ok"):
            raise BotRefused(str(said.get("description", "it refuses")))
        return said["result"]

    async def close(self) -> None:
        """End the connection."""
        await self._client.aclose()


async def bot_name(settings: Settings) -> str:
    """What the bot is called; "" where no bot is set up, or Telegram does not say so within seconds."""
    if not settings.telegram_token:
        return ""
    api = BotApi(settings, timeout=5)
    try:
        return str((await api.call("getMe"))["username"])
    except (BotRefused, httpx.HTTPError):
        return ""
    finally:
        await api.close()
