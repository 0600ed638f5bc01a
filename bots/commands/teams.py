"""The command that tells how quickly teams answer."""

from __future__ import annotations

from bots.commands.base import Asking, Command
from bots.replies import Reply, Table
from rules.contact import Millis
from server.i18n import Translator, mark
from server.services.responses import DAYS, TeamResponse

__all__ = ["Teams"]


class Teams(Command, frozen=True, kw_only=True, tag="teams"):
    en = ("teams",)
    fr = ("équipes",)
    role = "viewer"
    summary = mark("how quickly each team takes its alerts on")

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        found = await asking.services.responses.teams(asking.actor)
        title = t("Teams, {days} days", days=DAYS)
        if not found:
            return Reply(title=title, lines=(t("There are none yet."),))
        columns = (t("Team"), t("Alerts"), t("Taken"), t("Median"), t("In time"))
        table = Table(columns=columns, rows=tuple(_row(one, t) for one in found), numbers=frozenset({1, 2, 3, 4}))
        footer = t("In time: of the alerts that were to be claimed within a time, those that were.")
        return Reply(title=title, table=table, footer=footer)


def _row(one: TeamResponse, t: Translator) -> tuple[str, ...]:
    in_time = t.share(one.in_time, one.with_target) if one.with_target else "—"
    taken = t.share(one.claimed, one.alerts) if one.alerts else "—"
    return one.team, t.number(one.alerts), taken, _span(one.median, t), in_time


def _span(span: Millis | None, t: Translator) -> str:
    """`4 min`, `2.5 h`, `3 d`."""
    if span is None:
        return "—"
    minutes = span / 60_000
    if minutes < 60:
        return t("{number} min", number=t.number(round(minutes, 1)))
    if minutes < 48 * 60:
        return t("{number} h", number=t.number(minutes / 60))
    return t("{number} d", number=t.number(minutes / 1440))
