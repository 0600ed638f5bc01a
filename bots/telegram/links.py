"""Links that open the private chat with the bot: https://core.telegram.org/bots/features#deep-linking.

Whoever follows `https://t.me/BOT?start=PAYLOAD` and presses Start sends `/start PAYLOAD`. A payload says what is asked
for and of which code or alert; it names nobody, and lets nobody do what they may not do anyway.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

__all__ = ["What", "deep_link", "opened"]

What: TypeAlias = Literal["link", "why"]

_COMMANDS: Final[dict[str, str]] = {"link": "link {}", "why": "why alert:{}"}  # by what a payload asks for
_PAYLOAD: Final = re.compile(r"(?=.{1,64}\Z)(link|why)_([A-Za-z0-9-]+)")


def deep_link(bot: str, what: What, value: str) -> str:
    """The link that asks a bot for something; "" where a link cannot hold it."""
    payload = f"{what}_{value}"
    return f"https://t.me/{bot}?start={payload}" if bot and _PAYLOAD.fullmatch(payload) else ""


def opened(command: str) -> str | None:
    """The command that `start PAYLOAD` stands for, any other as it is; None for a payload that is none of ours."""
    word, _, payload = command.partition(" ")
    if word.casefold() != "start" or not payload.strip():
        return command
    found = _PAYLOAD.fullmatch(payload.strip())
    return _COMMANDS[found[1]].format(found[2]) if found else None
