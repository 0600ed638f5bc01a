"""What `relance doctor` has found."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

__all__ = ["Finding", "Verdict"]

Verdict: TypeAlias = Literal["good", "note", "wrong"]


class Finding(msgspec.Struct, frozen=True):
    """What was looked at, how it is, and what to do about it where it is not good."""

    subject: str
    verdict: Verdict
    text: str
