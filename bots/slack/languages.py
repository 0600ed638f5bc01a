"""The language and the time zone of a person in Slack: those of their Slack, asked once a day."""

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
    """Remembers people's languages and zones. Where Slack does not tell (the scope `users:read` is missing), it is the
    default language, and no zone.
    """

    def __init__(self, client: SlackClient, clock: Clock, default: str) -> None:
        self._client = client
        self._clock = clock
        self._default = default
        self._known: dict[str, tuple[Millis, str, str]] = {}  # user → until when, language, zone

    async def soon(self, user: str, seconds: float) -> str:
        """The language to answer a person in; the default where Slack takes longer than this to tell."""
        try:
            return await asyncio.wait_for(self.of(user), seconds)
        except TimeoutError:
            return self._default

    async def of(self, user: str) -> str:
        """The language to answer a person in."""
        return (await self._about(user))[0]

    def known_zone(self, user: str) -> str:
        """The name of a person's time zone, where it was asked for already."""
        return self._known.get(user, (0, "", ""))[2]

    async def zone(self, user: str) -> str:
        """The name of a person's time zone; "" where it is not known."""
        return (await self._about(user))[1]

    async def _about(self, user: str) -> tuple[str, str]:
        now = self._clock.now()
        until, language, zone = self._known.get(user, (0, self._default, ""))
        if until > now:
            return language, zone
        lasts = DAY
        try:
            answer = await self._client.call("users.info", params={"user": user, "include_locale": "true"})
            found = answer.get("user") or {}
            language, zone = supported(found.get("locale"), self._default), str(found.get("tz") or "")
        except ChannelError:
            lasts = SOON
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[user] = (now + lasts, language, zone)
        return language, zone
