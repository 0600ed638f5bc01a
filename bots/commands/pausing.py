"""Commands that let a rule stand still for a while: pause, resume."""

from __future__ import annotations

from typing import Self

from bots.commands.base import Asking, Command, Misused
from bots.commands.rulebook import kind_of
from bots.replies import Reply
from server.i18n import mark

__all__ = ["Pause", "Resume"]


class _OneRule(Command, frozen=True, kw_only=True):
    """A command about a trigger or a scenario."""

    role = "approver"
    usage = mark("NAME")

    name: str

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) == 2 and kind_of(rest[0]) in ("trigger", "scenario"):
            rest = rest[1:]
        if len(rest) != 1:
            raise Misused(cls)
        return cls(name=rest[0])


class Pause(_OneRule, frozen=True, kw_only=True, tag="rules_pause"):
    en = ("rules pause", "rule pause")
    fr = ("règles suspendre", "règle suspendre")
    summary = mark("let a trigger fire, or a scenario go on, no more, at once; no second person is needed")
    details = (mark("What happens during a pause is not made up for. Runs of a scenario stay where they are."),)

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        pause = await asking.services.pauses.pause(asking.actor, self.name)
        return Reply(
            title=t("{name} is paused", name=pause.name),
            lines=(t("It stands still until somebody resumes it, whatever is published meanwhile."),),
            buttons=(Resume(name=pause.name).button(t("Resume")),),
            tone="good",
        )


class Resume(_OneRule, frozen=True, kw_only=True, tag="rules_resume"):
    en = ("rules resume", "rule resume")
    fr = ("règles reprendre", "règle reprendre")
    summary = mark("let a paused trigger fire, or a paused scenario go on, again")

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        await asking.services.pauses.resume(asking.actor, self.name)
        if self.name in (await asking.services.rulebooks.live()).scenarios:
            title = t("{name} goes on", name=self.name)
            line = t("Runs whose moment came during the pause go on now; who would have begun one has not.")
        else:
            title = t("{name} fires again", name=self.name)
            line = t("What happened during the pause is not made up for.")
        return Reply(title=title, lines=(line,), tone="good")
