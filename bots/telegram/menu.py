"""The menus of commands that Telegram shows: https://core.telegram.org/bots/api#setmycommands."""

from __future__ import annotations

import re
from typing import Final

from bots.commands import COMMANDS
from bots.commands.base import fold
from server.i18n import translator

__all__ = ["MENUS", "menu"]

MENUS: Final = {
    "default": ("help", "link", "whoami"),
    "all_private_chats": (
        "help", "leads", "top", "contact", "timeline", "why", "tasks", "rules", "segments", "scenarios", "deliveries",
        "status", "link", "whoami",
    ),
    "all_group_chats": ("leads", "top", "segments", "status", "whoami", "help"),
}  # fmt: skip
"""The commands of each scope, by their English words, in the order in which they are shown."""

_NAME: Final = re.compile(r"[a-z0-9_]{1,32}")
_DESCRIPTION: Final = 256


def menu(scope: str, language: str) -> list[dict[str, str]]:
    """The commands of a scope in a language, each by the first of its words that Telegram can hold."""
    t = translator(language)
    known = {command.said("en"): command for command in COMMANDS}
    found = []
    for words in MENUS[scope]:
        command = known[words]
        names = (fold(said) for said in command.words(language))
        if name := next((name for name in names if _NAME.fullmatch(name)), ""):
            found.append({"command": name, "description": t(command.summary)[:_DESCRIPTION]})
    return found
