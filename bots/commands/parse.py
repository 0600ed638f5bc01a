"""What a person typed as a command: the table of all commands, and how their words are read."""

from __future__ import annotations

import difflib
from functools import cache
from typing import Final, TypeAlias

from bots.commands.about import Link, Status, Whoami
from bots.commands.acting import Claim, Dismiss, Done, Release, Snooze
from bots.commands.alerts import Leads, Top
from bots.commands.base import Command as _Command
from bots.commands.base import fold
from bots.commands.contacts import ContactCard, Why
from bots.commands.deliveries import Deliveries, DropDelivery, RetryDelivery
from bots.commands.drafts import Delete, Diff, Discard, EditRule, New, PreviewDraft, Try, Update
from bots.commands.help import Help
from bots.commands.messages import MessageCard, Messages, MessageTest
from bots.commands.mute import Mute
from bots.commands.pausing import Pause, Resume
from bots.commands.publishing import Approve, History, Reject, Rollback, Submit
from bots.commands.rulebook import Rules, RulesShow, SegmentCard, Segments
from bots.commands.scenarios import Runs, ScenarioCard, Scenarios
from bots.commands.teams import Teams
from bots.commands.timeline import Timeline
from bots.commands.todo import Note, TaskNew, Tasks
from server.i18n import LANGUAGES

__all__ = ["COMMANDS", "Command", "Unknown", "language_of", "named", "parse"]

Command: TypeAlias = (
    Help
    | Whoami
    | Link
    | Leads
    | Top
    | ContactCard
    | Timeline
    | Why
    | Claim
    | Release
    | Snooze
    | Done
    | Dismiss
    | Note
    | Tasks
    | TaskNew
    | Mute
    | Rules
    | RulesShow
    | New
    | EditRule
    | Delete
    | Try
    | PreviewDraft
    | Diff
    | Update
    | Submit
    | Discard
    | Approve
    | Reject
    | History
    | Rollback
    | Pause
    | Resume
    | Segments
    | SegmentCard
    | Messages
    | MessageCard
    | MessageTest
    | Scenarios
    | ScenarioCard
    | Runs
    | Teams
    | Deliveries
    | RetryDelivery
    | DropDelivery
    | Status
)

# In the order in which help shows them.
COMMANDS: Final[tuple[type[_Command], ...]] = Command.__args__

LONGEST: Final = 4000  # characters of a message that are read


class Unknown(Exception):
    """The words name no command; `suggestion` is what was probably meant, or ""."""

    def __init__(self, suggestion: str) -> None:
        super().__init__(suggestion)
        self.suggestion = suggestion


@cache
def _words() -> dict[str, tuple[str, type[_Command]]]:
    """The words of every command in all languages, and the command, by the words as `fold` has them."""
    return {
        fold(words): (words, command)
        for command in COMMANDS
        for language in LANGUAGES
        for words in command.words(language)
    }


def parse(text: str) -> Command:
    """The command in a message. Words are taken without case and accents; nothing at all asks for help.

    Raises `Unknown`, or `Misused` where the command is known and what follows it does not fit.
    """
    text = text.strip().removeprefix("/")
    words = text[:LONGEST].split()
    if not words:
        return Help()
    length, command = _match(words)
    if command.takes_text:
        return command.read_text(_after(text, length))  # type: ignore[return-value]
    return command.read(words[length:])  # type: ignore[return-value]


def named(words: str) -> type[_Command]:
    """The command of these words; raises `Unknown`."""
    return _match(words.split() or [""])[1]


def language_of(text: str) -> str | None:
    """The language of a command's words, where it is not English, which buttons and documentation use for everybody."""
    words = text.strip().removeprefix("/").split()[:2]
    try:
        length, command = _match(words or [""])
    except Unknown:
        return None
    said = fold(" ".join(words[:length]))
    spoken = [language for language in LANGUAGES if said in map(fold, command.words(language))]
    return None if "en" in spoken else spoken[0]


def _after(text: str, number: int) -> str:
    """What follows the first words, as it is written but for the spaces between."""
    parts = text.split(maxsplit=number)
    if len(parts) <= number:
        return ""
    rest = parts[number]
    above = text[: len(text) - len(rest)]
    return f"\n{rest}" if "\n" in above[len(above.rstrip()) :] else rest


def _match(words: list[str]) -> tuple[int, type[_Command]]:
    known = _words()
    for length in (2, 1):
        found = known.get(fold(" ".join(words[:length]))) if len(words) >= length else None
        if found is not None:
            return length, found[1]
    near = difflib.get_close_matches(fold(words[0])[:40], known, 1, 0.6)
    raise Unknown(" ".join([known[near[0]][0], *words[1:]]) if near else "")
