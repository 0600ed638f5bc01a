"""Commands about the person who asks and about the service: help, whoami, link, status."""

from __future__ import annotations

from typing import Final, Self

from bots.commands.base import Asking, Command, Misused
from bots.replies import Field, Reply
from server.i18n import mark

BOT_STATES: Final = {"ok": mark("works"), "off": mark("off"), "starting": mark("starting")}

__all__ = ["Link", "Status", "Whoami", "how_to_link"]


class Whoami(Command, frozen=True, kw_only=True, tag="whoami"):
    en = ("whoami",)
    fr = ("qui-suis-je", "quisuisje", "qui suis-je")
    role = None
    summary = mark("who you are here, and what you may do")

    async def answer(self, asking: Asking) -> Reply:
        if not asking.known:
            return how_to_link(asking)
        t = asking.t
        roles = ", ".join(asking.actor.roles) or "—"
        here = asking.caller.places[:1] if asking.caller.platform != "terminal" else ()
        return Reply(
            title=t("You are {name}", name=asking.actor.name or asking.actor.id),
            fields=(
                Field(t("Roles"), roles),
                Field(t("Through"), asking.actor.via),
                *(Field(t("This chat in a rulebook"), f'{asking.caller.platform} "{place}"') for place in here),
            ),
        )


class Link(Command, frozen=True, kw_only=True, tag="link"):
    en = ("link",)
    fr = ("lier",)
    role = None
    usage = mark("CODE")
    summary = mark("link this account to you, with the one-time code that an admin gave you")

    code: str

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) != 1:
            raise Misused(cls)
        return cls(code=rest[0])

    async def answer(self, asking: Asking) -> Reply:
        t, caller = asking.t, asking.caller
        if not caller.user:
            return Reply(title=t("There is nothing to link here: you are {name}", name=asking.actor.name))
        actor = await asking.services.people.link(self.code, caller.platform, caller.workspace, caller.user)
        return Reply(
            title=t("Welcome, {name}", name=actor.name),
            lines=(t("Roles: {roles}", roles=", ".join(actor.roles)),),
            tone="good",
        )


class Status(Command, frozen=True, kw_only=True, tag="status"):
    en = ("status",)
    fr = ("état", "statut")
    role = "viewer"
    summary = mark("whether everything runs")

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        seen = await asking.services.status.snapshot()
        bots = tuple(Field(platform.title(), _bot(asking, state)) for platform, state in sorted(seen.bots.items()))
        if seen.figures is None:
            return Reply(title=t("The store does not answer"), fields=bots, tone="bad")
        now = seen.figures
        number = t.count("one engine", "{number} engines", now.engines)
        engines = t("{held} of {all} partitions, {engines}", held=now.held, all=now.partitions, engines=number)
        fields = [
            Field(t("Rulebook"), str(now.rulebook) if now.rulebook else t("none yet")),
            Field(t("Engines"), engines),
            Field(t("Entries waiting"), t.number(now.waiting)),
            Field(t("Cards waiting"), t.number(now.due)),
        ]
        if now.recompute is not None:
            done, of = t.number(now.recompute.done), t.number(now.recompute.of)
            text = t("version {version}: {done} of {of} contacts", version=now.recompute.version, done=done, of=of)
            fields.append(Field(t("Recompute"), text))
        fields += await _rules(asking)
        if now.undelivered:
            fields.append(Field(t("Not delivered"), t.number(now.undelivered)))
        return Reply(
            title=t("Relance runs") if seen.ready else t("Relance is not ready"),
            fields=(*fields, *bots),
            tone="good" if seen.ready else "bad",
        )


async def _rules(asking: Asking) -> list[Field]:
    """What waits for approval, whether a second person approves at all, what is paused."""
    t, submissions = asking.t, asking.services.submissions
    fields = []
    if waiting := await submissions.waiting(asking.actor):
        fields.append(Field(t("Waiting for approval"), ", ".join(one.author_name for one in waiting)))
    if await submissions.alone():
        fields.append(Field(t("Approval"), t("off: an approver publishes alone")))
    if stale := await asking.services.messages.stale():
        fields.append(Field(t("Stale messages"), ", ".join(dict.fromkeys(one.name for one in stale))))
    if pauses := await asking.services.pauses.all():
        fields.append(Field(t("Paused"), ", ".join(pause.name for pause in pauses)))
    return fields


def _bot(asking: Asking, state: str) -> str:
    return asking.t(BOT_STATES[state]) if state in BOT_STATES else state


def how_to_link(asking: Asking) -> Reply:
    """What a person whom we do not know has to do."""
    t = asking.t
    return Reply(
        title=t("I do not know you yet"),
        lines=(
            t("Ask an admin of Relance for a one-time code, then send `{link}`.", link=asking.typed(Link, t("CODE"))),
        ),
    )
