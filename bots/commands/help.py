"""The command that explains the others: what this person may do, and how."""

from __future__ import annotations

from typing import Final, Self

from msgspec.structs import replace

from bots.commands.base import Asking, Command, Misused
from bots.commands.rulebook import Rules, kind_of
from bots.replies import Item, Reply
from rules.reference import reference
from rules.words import Language
from server.i18n import mark

__all__ = ["Help", "may", "usage"]

# What each command is about, by the first of its English words.
GROUPS: Final = (
    (mark("Leads"), ("leads", "top", "claim", "release", "snooze", "done", "dismiss", "mute", "teams")),
    (mark("Contacts"), ("contact", "timeline", "why", "note", "tasks", "task")),
    (mark("Rules"), ("rules", "segments", "segment")),
    (mark("Messages and scenarios"), ("messages", "message", "deliveries", "scenarios", "scenario", "runs")),
    (mark("You and this service"), ("help", "whoami", "link", "status")),
)


class Help(Command, frozen=True, kw_only=True, tag="help"):
    en = ("help", "start")
    fr = ("aide",)
    role = None
    usage = mark("[COMMAND]")
    summary = mark("what you may do here; of one command, how")
    details = (mark("`help rules` shows the rule language, `help rules segment` one of its statements."),)

    topic: str = ""

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) > 3:
            raise Misused(cls)
        return cls(topic=" ".join(rest))

    async def answer(self, asking: Asking) -> Reply:
        from bots.commands.parse import COMMANDS, named  # the table of all commands, this one among them

        t = asking.t
        if self.topic:
            command = named(self.topic)
            found = usage(asking, command)
            return replace(found, code=_language(self.topic, t.language)) if command is Rules else found
        items = []
        for heading, words in GROUPS:
            listed = [each for each in COMMANDS if each.said("en").split()[0] in words and may(asking, each)]
            if listed:
                items.append(Item(title=t(heading), lines=tuple(_line(asking, command) for command in listed)))
        above = [t("Each begins with `{word}`.", word="/relance")] if asking.caller.platform == "slack" else []
        if not asking.known:
            from bots.commands.about import how_to_link

            above = [*how_to_link(asking).lines, *above]
        return Reply(title=t("What you can do here"), lines=tuple(above), items=tuple(items))


def _line(asking: Asking, command: type[Command]) -> str:
    """`leads [mine|open|SEGMENT]` the hottest contacts; what each begins with in Slack is said once."""
    t = asking.t
    words = command.said(t.language) if asking.caller.platform == "slack" else asking.typed(command)
    usage = f" {t(command.usage)}" if command.usage else ""
    return f"`{words}{usage}` {t(command.summary)}"


def _language(topic: str, language: str) -> str:
    """The reference of the rule language, or of the statement that the topic ends with."""
    *_, statement = topic.split()
    spoken: Language = "fr" if language == "fr" else "en"
    return reference(spoken, kind_of(statement)) if kind_of(statement) else reference(spoken)


def may(asking: Asking, command: type[Command]) -> bool:
    """Whether the person may use the command."""
    return command.role is None or asking.actor.has(command.role)


def usage(asking: Asking, command: type[Command]) -> Reply:
    """How a command is written, and what it does."""
    t = asking.t
    said = asking.typed(command, t(command.usage) if command.usage else "")
    summary = t(command.summary)
    lines = (summary[:1].upper() + summary[1:] + ".", *(t(detail) for detail in command.details))
    if not may(asking, command):
        lines = (*lines, t("This needs the role {role}.", role=command.role))
    return Reply(title=said, lines=lines)
