"""The Slack workspaces of one installation: which one a card goes to, and which one a request may speak for.

A channel's address in a rulebook is `#hot-leads` in the first workspace, `T0123/#hot-leads` in another. A request
speaks for the workspaces of the app whose secret signed it, and for no others: who can sign for one workspace is
nobody in another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from bots.slack.workspace import TEAM, Workspace
from server.model.card import Card
from server.ports import ChannelDown, ChannelError, ChannelRefused

__all__ = ["App", "Workspaces"]

_PATIENCE: Final = 2.0  # seconds in which Slack may say whose a token is: a courier waits
_PAUSE: Final = 1.0  # seconds between two such questions
_REFUSED: Final = 60.0  # and where the token was refused
_UNTOLD: Final = "slack: it is not known yet of which workspace each token is"

App: TypeAlias = tuple[Workspace, ...]  # the workspaces that one app may speak for


class Workspaces:
    """The workspaces, in the order of the settings."""

    def __init__(self, tokens: Sequence[str], api_url: str = "", *, language: str = "en") -> None:
        self.all = tuple(
            Workspace(number, token, api_url, language=language) for number, token in enumerate(tokens, start=1)
        )
        self._asking = asyncio.Lock()
        self._again: dict[int, float] = {}  # token → when it may be asked about again

    @property
    def pending(self) -> bool:
        """Whether it is not known yet of a token whose it is, and Slack has not refused it."""
        return any(one.pending for one in self.all)

    def apps(self, values: Sequence[str]) -> dict[str, App]:
        """The workspaces that each secret (or app token) stands for: one for all, or one beside each bot token."""
        if len(values) <= 1:
            return dict.fromkeys(values, self.all)
        beside = list(zip(values, self.all, strict=True))
        return {value: tuple(one for other, one in beside if other == value) for value in values}

    def meant(self, app: App, team: str) -> Workspace | None:
        """The workspace that a request of an app is about. A single one is meant whatever the request says."""
        if len(self.all) == 1:
            return self.all[0]
        return next((one for one in app if one.team and one.team == team), None)

    def believed(self, app: App, team: str) -> bool:
        """Whether a request of an app may speak for a person of this workspace.

        An app that serves all of ours may also bring guests, from anywhere, of channels that are shared.
        """
        return len(app) == len(self.all) or any(one.team == team for one in app)

    def of(self, team: str) -> Workspace | None:
        """The workspace in which a person of this one is written to; None where no token is of it."""
        return self.meant(self.all, team)

    def reach(self, team: str) -> Workspace:
        """As `of`; raises ChannelRefused where no token is of it, ChannelDown where that cannot be told yet."""
        if (found := self.of(team)) is None:
            raise self._unknown(team)
        return found

    async def sign_in(self) -> None:
        """Ask Slack whose each token is, and whether it still works."""
        await asyncio.gather(*(one.sign_in() for one in self.all))

    def state(self, workspace: Workspace) -> str:
        """Why a workspace's token does not work, else "starting" or "ok"."""
        first = self._named(workspace.team) if workspace.team else None
        if first is not None and first is not workspace:
            return f"token {workspace.number} is of this workspace as well as token {first.number}"
        return workspace.state

    def trouble(self, state_of: Callable[[Workspace], str]) -> str:
        """What does not work, workspace by workspace, else "starting" or "ok"; `state_of` says how each is."""
        states = [(one, state_of(one)) for one in self.all]
        if len(states) == 1:
            return states[0][1]
        wrong = [f"{one.name}: {state}" for one, state in states if state not in ("ok", "starting")]
        if wrong:
            return "; ".join(wrong)
        return "starting" if any(state == "starting" for _, state in states) else "ok"

    async def close(self) -> None:
        """Close the connections."""
        for one in self.all:
            await one.client.close()

    # --- cards ------------------------------------------------------------------------------------------------

    async def post(self, address: str, card: Card, *, repeated: bool = False) -> str:
        """Post a card; see `server.ports.CardChannel`."""
        workspace, channel = await self._at(address)
        return await workspace.cards.post(channel, card, repeated=repeated)

    async def edit(self, address: str, reference: str, card: Card) -> None:
        """Bring a card up to date; see `server.ports.CardChannel`."""
        workspace, channel = await self._at(address)
        await workspace.cards.edit(channel, reference, card)

    async def find(self, address: str, alert: str) -> str | None:
        """Look for a card; see `server.ports.CardChannel`."""
        workspace, channel = await self._at(address)
        return await workspace.cards.find(channel, alert)

    async def _at(self, address: str) -> tuple[Workspace, str]:
        """The workspace of an address, and its channel there. Raises ChannelRefused where it is none of ours, and
        ChannelDown where that cannot be told yet."""
        if not self.all:
            raise ChannelRefused("slack: RELANCE_SLACK_BOT_TOKEN is not set")
        team, slash, channel = address.partition("/")
        if not slash or not TEAM.fullmatch(team):
            return self.all[0], address
        if (found := self._named(team)) is not None:
            return found, channel
        with suppress(TimeoutError):
            await asyncio.wait_for(self._learn(), _PATIENCE)
        if (found := self._named(team)) is not None:
            return found, channel
        raise self._unknown(team)

    def _unknown(self, team: str) -> ChannelError:
        return ChannelDown(_UNTOLD) if self.pending else ChannelRefused(f"slack: no token is of the workspace {team}")

    def _named(self, team: str) -> Workspace | None:
        return next((one for one in self.all if one.team == team), None)

    async def _learn(self) -> None:
        """Ask whose the tokens are of which that is not known: a process that only shows cards has not signed in."""
        async with self._asking:
            now = time.monotonic()
            unknown = [one for one in self.all if not one.team and now >= self._again.get(one.number, now)]
            await asyncio.gather(*(one.sign_in() for one in unknown))
            self._again.update((one.number, now + (_REFUSED if one.refused else _PAUSE)) for one in unknown)
