"""The command that keeps a rule's new cards out of a chat for a while."""

from __future__ import annotations

from typing import Final, Self

from bots.commands.base import Asking, Command, Misused, fold
from bots.commands.moments import moment_of
from bots.replies import Button, Reply
from server.i18n import mark

__all__ = ["Mute"]

_OFF: Final = frozenset({"off", "non", "fin", "stop"})


class Mute(Command, frozen=True, kw_only=True, tag="mute"):
    en = ("mute",)
    fr = ("taire",)
    role = "rep"
    usage = mark("RULE 2h")
    summary = mark("show no new cards of a rule in this chat for a while")
    details = (
        mark("The alerts are there all the same: `leads` lists them. Cards that are here are kept up to date."),
        mark("Say it where the cards appear, in a team's channel, group or topic. `mute RULE off` ends it."),
    )

    rule: str
    when: str

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) < 2:
            raise Misused(cls)
        return cls(rule=rest[0], when=" ".join(rest[1:]))

    async def answer(self, asking: Asking) -> Reply:
        t, zone, caller = asking.t, asking.zone, asking.caller
        off = fold(self.when) in _OFF
        until = 0 if off else moment_of(self.when.split(), asking.clock.now(), zone)
        if until is None:
            raise Misused(type(self))
        await asking.services.holding.mute(asking.actor, self.rule, caller.platform, caller.places, until)
        if off:
            return Reply(title=t("Cards of {rule} appear here again", rule=self.rule), tone="good")
        return Reply(
            title=t("No new cards of {rule} here until {moment}", rule=self.rule, moment=t.local(until, zone)),
            lines=(t("`leads` lists its alerts all the same."),),
            buttons=(Button(t("End it"), f"mute {self.rule} off"),),
            tone="good",
        )
