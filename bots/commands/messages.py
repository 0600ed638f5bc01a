"""Commands about the words of messages: messages, message, message test."""

from __future__ import annotations

from typing import Self

from bots.commands.base import Asking, Command, Misused
from bots.replies import Field, Reply, Table
from rules.message import CHANNELS
from server.errors import NotFound
from server.i18n import Translator, mark
from server.services.messages import Listed

__all__ = ["MessageCard", "MessageTest", "Messages"]


class Messages(Command, frozen=True, kw_only=True, tag="messages"):
    en = ("messages",)
    fr = ("messages",)
    role = "viewer"
    summary = mark("the messages, who looks after them, and which are stale")

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        listed = await asking.services.messages.listing(asking.actor)
        if not listed:
            return Reply(title=t("Messages"), lines=(t("There are none yet."),))
        rows = tuple(
            (
                one.template.name,
                one.template.channel,
                one.template.locale or "—",
                str(one.template.revision),
                one.template.owner,
                _state(one, t),
            )
            for one in listed
        )
        columns = (t("Message"), t("Channel"), t("Locale"), t("Revision"), t("Owner"), "")
        show = asking.typed(MessageCard, t("NAME"))
        table = Table(columns=columns, rows=rows, numbers=frozenset({3}))
        return Reply(title=t("Messages"), table=table, footer=t("`{show}` shows one.", show=show))


class MessageCard(Command, frozen=True, kw_only=True, tag="message"):
    en = ("message",)
    fr = ("message",)
    role = "viewer"
    usage = mark("NAME [CHANNEL] [REF]")
    summary = mark("a message's words; with a contact, as it would get them")
    details = (
        mark("CHANNEL: email, sms, push, inbox, print, webhook. REF is an id, an e-mail address or a user id."),
        mark("Personal attributes are masked."),
    )

    name: str
    channel: str = ""
    ref: str = ""

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        match rest:
            case [name]:
                return cls(name=name)
            case [name, channel] if channel.lower() in CHANNELS:
                return cls(name=name, channel=channel.lower())
            case [name, channel, ref] if channel.lower() in CHANNELS:
                return cls(name=name, channel=channel.lower(), ref=ref)
            case [name, ref]:
                return cls(name=name, ref=ref)
        raise Misused(cls)

    async def answer(self, asking: Asking) -> Reply:
        listed = await asking.services.messages.listing(asking.actor, self.name)
        channels = sorted({one.template.channel for one in listed}, key=CHANNELS.index)
        channel = self.channel or next(iter(channels), "")
        there = [one for one in listed if one.template.channel == channel]
        if not there:
            raise NotFound("there is no such message", code="no_message", name=self.name)
        return await self._filled_in(asking, channel) if self.ref else await self._words(asking, there, channels)

    async def _words(self, asking: Asking, there: list[Listed], channels: list[str]) -> Reply:
        t, messages = asking.t, asking.services.messages
        channel = there[0].template.channel
        nearest = await messages.find(self.name, channel, asking.language)
        shown = next((one for one in there if nearest and one.template.locale == nearest.locale), there[0])
        template = shown.template
        others = [one.template.locale or "—" for one in there if one is not shown]
        senders = sorted({f"{sent.kind} {sent.rule}" for sent in shown.sent_by})
        fields = (
            Field(t("Channel"), channel),
            Field(t("Locale"), template.locale),
            Field(t("Other locales"), ", ".join(others)),
            Field(t("Other channels"), ", ".join(one for one in channels if one != channel)),
            Field(t("Revision"), str(template.revision)),
            Field(t("Changed"), t.ago(template.updated, asking.clock.now()) if template.updated else ""),
            Field(t("Owner"), template.owner),
            Field(t("Good until"), t.moment(template.expires, asking.zone) if template.expires else ""),
            Field(t("Sent by"), ", ".join(senders) or t("nothing")),
        )
        mistakes = tuple(str(problem).split("\n")[0] for problem in shown.problems)
        title = f"{template.name} · {_state(shown, t)}".removesuffix(" · ")
        return Reply(title=title, lines=mistakes, fields=tuple(one for one in fields if one.value),
                     code=template.source.strip())  # fmt: skip

    async def _filled_in(self, asking: Asking, channel: str) -> Reply:
        t = asking.t
        seen = await asking.services.messages.preview(asking.actor, self.name, channel, None, self.ref, hide=True)
        words = seen.rendered
        fields = [Field(t("Subject"), words.subject), Field(t("Locale"), seen.template.locale)]
        fields += [Field(name, value) for name, value in words.fields.items()]
        return Reply(
            title=f"{self.name} · {channel}",
            fields=tuple(one for one in fields if one.value),
            code=(words.text or words.body).strip(),
            footer=t("Personal attributes are masked."),
        )


class MessageTest(Command, frozen=True, kw_only=True, tag="message_test"):
    en = ("message test",)
    fr = ("message essayer", "message tester")
    role = "marketer"
    usage = mark("NAME REF")
    summary = mark("sends you an e-mail as a contact would get it")
    details = (mark("It goes to your own address; `relance user add --email` takes it."),)

    name: str
    ref: str

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) != 2:
            raise Misused(cls)
        return cls(name=rest[0], ref=rest[1])

    async def answer(self, asking: Asking) -> Reply:
        t, services = asking.t, asking.services
        person = await services.people.find(asking.actor.id)
        sent = await services.messages.test(asking.actor, self.name, "email", None, self.ref, to=person)
        return Reply(title=t("It is on its way to your address"), footer=sent, tone="good")


def _state(one: Listed, t: Translator) -> str:
    """`stale`, `has mistakes`, or nothing."""
    said = [t("stale")] if one.stale else []
    said += [t("has mistakes")] if one.problems else []
    return ", ".join(said)
