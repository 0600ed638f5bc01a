"""How quickly teams take alerts on, and how many alerts of a rule were worth it: over those of the last thirty days."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Final

import msgspec

from rules.contact import Alert, Millis
from rules.moment import DAY
from server.model.actor import Actor
from server.ports import Clock
from server.services.access import require
from server.services.alerts import OVER
from server.services.rulebooks import Rulebooks
from server.store.store import Store

__all__ = ["DAYS", "Responses", "TeamResponse", "Worth"]

DAYS: Final = 30
MOST: Final = 20_000  # alerts that are looked at, the newest
JOINED: Final = "joined"  # outcome of an alert that another of the same person took in


class TeamResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A team's alerts: how many were raised, how many somebody took on, and after how long, in the middle.

    `with_target` had a time within which they were to be claimed that has been decided; `in_time` of them were.
    """

    team: str
    alerts: int
    claimed: int
    median: Millis | None
    with_target: int
    in_time: int


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's alerts that are over: how many, how many were worth it (not dismissed, no junk), how many won, lost."""

    finished: int
    worth: int
    won: int
    lost: int


class Responses:
    """Reads alerts and sums up. Tasks do not count."""

    def __init__(self, store: Store, clock: Clock, rulebooks: Rulebooks) -> None:
        self._store = store
        self._clock = clock
        self._rulebooks = rulebooks

    async def teams(self, actor: Actor) -> list[TeamResponse]:
        """Each team of the rulebook, in the order of its text. Raises `Forbidden`."""
        require(actor, "read", "viewer")
        alerts = await self._alerts()
        book = await self._rulebooks.live()
        return [_response(team, [alert for alert in alerts if alert.team == team]) for team in book.teams]

    async def worth(self, actor: Actor, rule: str) -> Worth:
        """What became of the alerts of a trigger or scenario. Raises `Forbidden`."""
        require(actor, "read", "viewer")
        over = [alert for alert in await self._alerts() if alert.trigger == rule and alert.status in OVER]
        good = [alert for alert in over if alert.status == "done" and alert.outcome != "junk"]
        return Worth(
            finished=len(over),
            worth=len(good),
            won=sum(alert.outcome == "won" for alert in good),
            lost=sum(alert.outcome == "lost" for alert in good),
        )

    async def _alerts(self) -> list[Alert]:
        found = await self._store.alerts.raised_since(self._clock.now() - DAYS * DAY, MOST)
        return [alert for alert in found if alert.kind == "alert" and alert.outcome != JOINED]


def _response(team: str, alerts: Iterable[Alert]) -> TeamResponse:
    alerts = list(alerts)
    waits = [alert.claimed - alert.created for alert in alerts if alert.claimed]
    late = sum(bool(alert.otherwise) and alert.otherwise in alert.also for alert in alerts)
    met = sum(bool(alert.otherwise and alert.claimed) and alert.otherwise not in alert.also for alert in alerts)
    return TeamResponse(
        team=team,
        alerts=len(alerts),
        claimed=len(waits),
        median=round(median(waits)) if waits else None,
        with_target=late + met,
        in_time=met,
    )
