"""The language of a person in Slack: that of their Slack, asked once a day."""

from __future__ import annotations

import asyncio
from typing import Final

from bots.slack.client import SlackClient
from rules.contact import Millis
from server.i18n import supported
from server.ports import ChannelError, Clock

__all__ = ["Languages"]

DAY: Final[Millis] = 24 * 3600 * 1000
SOON: Final[Millis] = 10 * 60 * 1000
MOST: Final = 10_000


class Languages:
    """Remembers people's languages. Where Slack does not tell (the scope `users:read` is missing), the default."""

    def __init__(self, client: SlackClient, clock: Clock, default: str) -> None:
        self._client = client
        self._clock = clock
        self._default = default
        self._known: dict[str, tuple[Millis, str]] = {}  # user → until when, language

    async def soon(self, user: str, seconds: float) -> str:
        """The language to answer a person in; the default where Slack takes longer than this to tell."""
        try:
            return await asyncio.wait_for(self.of(user), seconds)
        except TimeoutError:
            return self._default

    async def of(self, user: str) -> str:
        """The language to answer a person in."""
        now = self._clock.now()
        until, language = self._known.get(user, (0, self._default))
        if until > now:
            return language
        lasts = DAY
        try:
            answer = await self._client.call("users.info", params={"user": user, "include_locale": "true"})
            language = supported((answer.get("user") or {}).get("locale"), self._default)
        except ChannelError:
            lasts = SOON
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[user] = (now + lasts, language)
        return language
