"""What a mail system says became of a mail."""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

import msgspec

__all__ = ["MailFate", "MailReport", "is_hard"]

MailFate: TypeAlias = Literal["delivered", "hard bounce", "soft bounce", "complaint"]

_HARD: Final = re.compile(r"5\.(1\.(?!7\Z|8\Z)\d+|2\.1|0\.0)")  # 5.1.7 and 5.1.8 are about the sender


class MailReport(msgspec.Struct, frozen=True, kw_only=True):
    """`names` are what may hold the name that we gave the mail; `recipients` whom it says that the mail went to;
    `status` the enhanced status code (RFC 3463), "" where it tells none."""

    fate: MailFate
    names: tuple[str, ...]
    recipients: tuple[str, ...] = ()
    status: str = ""


def is_hard(status: str) -> bool:
    """Whether a status says that the address is dead: not there, not reachable, turned off. A full mailbox, a policy, a
    failure on the way may pass."""
    return bool(_HARD.fullmatch(status))
