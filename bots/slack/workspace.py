"""One Slack workspace: the token by which we work there, what Slack says whose it is, and whether it works."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from slack_bolt.authorization import AuthorizeResult

from bots.slack.cards import SlackCards
from bots.slack.client import SlackClient
from server.ports import ChannelError, ChannelRefused

__all__ = ["TEAM", "Workspace"]

TEAM: Final = re.compile(r"[TE][A-Z0-9]+")


class Workspace:
    """A workspace. `team`, its id, and `domain`, its name at Slack, are "" until Slack has told whose the token is.

    `number` is the token's place among those of the settings, from 1 on. `state` is "starting", "ok", or why the token
    does not work; `refused`: Slack does not take it.
    """

    def __init__(self, number: int, token: str, api_url: str = "", *, language: str = "en") -> None:
        self.number = number
        self.client = SlackClient(token, api_url)
        self.cards = SlackCards(self.client, language=language)
        self.team = ""
        self.domain = ""
        self.state = "starting"
        self.refused = False
        self.identity = AuthorizeResult(enterprise_id=None, team_id=None, bot_token=token)
        self._token = token

    @property
    def name(self) -> str:
        """`shop (T0123)`, or which token it is, where that is all that is known."""
        return f"{self.domain} ({self.team})" if self.team else f"token {self.number}"

    @property
    def pending(self) -> bool:
        """Whether Slack has neither told whose the token is nor refused it."""
        return not self.team and not self.refused

    async def sign_in(self) -> None:
        """Ask Slack whose the token is; what stands in the way of that is the `state`."""
        try:
            who = await self.client.call("auth.test")
        except ChannelError as error:
            self.state, self.refused = error.reason.removeprefix("slack: "), isinstance(error, ChannelRefused)
            return
        self.team, self.domain = str(who.get("team_id") or ""), _domain(who.get("url"))
        self.identity = AuthorizeResult(
            enterprise_id=None, team_id=self.team or None, bot_user_id=who.get("user_id"), bot_id=who.get("bot_id"),
            bot_token=self._token,
        )  # fmt: skip
        self.state, self.refused = "ok", False

    def addresses(self, chat: tuple[str, ...]) -> tuple[str, ...]:
        """The addresses of a channel as a rulebook may have them: only those of the first workspace do without its id.

        `chat` are the channel's id and its name.
        """
        plain = chat if self.number == 1 else ()
        return plain + (tuple(f"{self.team}/{one}" for one in chat) if self.team else ())


def _domain(url: object) -> str:
    """`shop` of `https://shop.slack.com/`."""
    return (urlsplit(url).hostname or "").partition(".")[0] if isinstance(url, str) else ""
