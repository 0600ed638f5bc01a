"""Telegram's updates by long polling, for installations without a public address.

https://core.telegram.org/bots/api#getupdates. Asking for what comes behind an update is what acknowledges it, so that
is done when it was stored. One process asks at a time: Telegram ends the question of any other.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import structlog
from telegram import Bot, Update
from telegram.error import ChatMigrated, Conflict

from bots.telegram.client import told_apart
from server.errors import Unavailable
from server.ports import ChannelBusy, ChannelDown, ChannelError

if TYPE_CHECKING:
    from server.store.inbox import Inbox

__all__ = ["UPDATES", "Polling"]

log = structlog.get_logger(__name__)

UPDATES: Final = ("message", "callback_query")  # the kinds that we ask for

_WAIT: Final = 20  # seconds for which Telegram holds a question
_TURN: Final = 60_000  # milliseconds for which a process is the one that asks, unless it says so again
_PAUSE: Final = 2.0  # seconds
_LONGEST_PAUSE: Final = 30.0
_WEBHOOK: Final = "a webhook is set: `relance telegram setup --polling` takes it away"

Take: TypeAlias = Callable[[Update], Awaitable[None]]


class Polling:
    """Asks for updates and hands each to `take`, which stores it or raises `Unavailable`. `state` is "ok" or a reason.

    `wait`: seconds for which Telegram may hold a question; `pause`: between attempts.
    """

    def __init__(self, bot: Bot, inbox: Inbox, take: Take, *, wait: int = _WAIT, pause: float = _PAUSE) -> None:
        self._bot = bot
        self._inbox = inbox
        self._take = take
        self._wait = wait
        self._pause = pause
        self._name = secrets.token_hex(8)
        self.state = "starting"

    async def run(self) -> None:
        """Ask until cancelled."""
        behind: int | None = None
        pause = self._pause
        try:
            while True:
                try:
                    if not await self._inbox.turn(self._name, _TURN):
                        self._tell("ok")  # another process of ours asks
                        behind = None
                        await asyncio.sleep(self._pause)
                        continue
                    updates = await self._ask(behind)
                    self._tell("ok")
                    for update in updates:
                        await self._take(update)
                        behind = update.update_id + 1
                    pause = self._pause
                    continue
                except ChannelBusy as error:
                    pause = error.retry_after
                except (ChannelError, Unavailable) as error:
                    self._tell(getattr(error, "reason", "Redis is out of reach").removeprefix("telegram: "))
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        finally:
            await asyncio.shield(self._give_up())

    async def _ask(self, behind: int | None) -> Sequence[Update]:
        try:
            with told_apart():
                try:
                    return await self._bot.get_updates(offset=behind, timeout=self._wait, allowed_updates=list(UPDATES))
                except Conflict as error:
                    webhook = "webhook" in error.message.lower()
        except ChatMigrated:
            return ()
        raise ChannelDown(_WEBHOOK if webhook else "another program asks with this token")

    async def _give_up(self) -> None:
        try:
            await self._inbox.end_turn(self._name)
        except Unavailable:
            return  # it ends by itself

    def _tell(self, state: str) -> None:
        if state != self.state:
            log.info("telegram polling", state=state)
        self.state = state
