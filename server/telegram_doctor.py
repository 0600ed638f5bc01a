"""What `relance doctor` asks Telegram: the bot, how updates reach it, whether it is in the chats of the teams."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

from rules.rulebook import Rulebook
from server.bot_api import BotApi, BotRefused
from server.finding import Finding
from server.model.delivery import Place
from server.settings import Settings

__all__ = ["examine_teams", "examine_telegram"]

_PATIENCE = 10  # seconds for an answer


async def examine_telegram(settings: Settings) -> Finding:
    """Whether the bot's token works, and updates come in the way that the settings say."""
    if not settings.telegram_token:
        return Finding("Telegram", "note", "off: RELANCE_TELEGRAM_TOKEN, which @BotFather gives, turns it on")
    api = BotApi(settings, timeout=_PATIENCE)
    try:
        webhook = (await api.call("getWebhookInfo")).get("url")
    except httpx.HTTPError as problem:
        return Finding("Telegram", "wrong", f"cannot be reached ({type(problem).__name__})")
    except BotRefused:
        return Finding("Telegram", "wrong", "refuses the token: is RELANCE_TELEGRAM_TOKEN the one from @BotFather?")
    finally:
        await api.close()
    if not settings.telegram_secret:
        if webhook:
            return Finding("Telegram", "wrong", "a webhook is set: `relance telegram setup --polling` takes it away")
        return Finding("Telegram", "good", "the token works; updates are asked for")
    if webhook != f"{settings.url}/telegram":
        return Finding("Telegram", "wrong", f"its webhook is not {settings.url}/telegram: `relance telegram setup`")
    return Finding("Telegram", "good", "the token works and the webhook is set")


async def examine_teams(settings: Settings, book: Rulebook) -> AsyncIterator[Finding]:
    """Whether the bot knows each chat of Telegram in which a team is told; nothing where it is off or out of reach."""
    targets = [target for team in book.teams.values() for target in team.targets if target.platform == "telegram"]
    if not settings.telegram_token or not targets:
        return
    api = BotApi(settings, timeout=_PATIENCE)
    try:
        await api.call("getMe")
        for address in dict.fromkeys(target.address for target in targets):
            if wrong := await _why_not(api, address):
                yield Finding("Telegram", "wrong", f"{address}: {wrong}")
    except (BotRefused, httpx.HTTPError):
        return  # which was told already
    finally:
        await api.close()


async def _why_not(api: BotApi, address: str) -> str:
    """Why no card can come to an address; "" where none is known."""
    chat = Place("telegram", address).chat
    try:
        found = await api.call("getChat", chat_id=chat)
    except BotRefused:
        return "the bot is not in this chat: add it, or correct the rulebook; `/whoami` in the chat says its address"
    if chat != address and not found.get("is_forum"):
        return "this chat has no topics: switch them on, or take what stands behind the slash out of the rulebook"
    return ""
