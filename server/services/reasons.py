"""Why a message is not sent, or not known to be: a closed list of codes, with their texts.

A channel's own reason (an answer of a mail server, say) stands in a delivery as it is, and is no code of these.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from server.i18n import Translator, mark

__all__ = ["REASONS", "Reason", "reason_text"]

Reason: TypeAlias = Literal[
    "too_late", "no_purpose", "no_consent", "not_over_channel", "no_contact", "no_address", "suppressed", "over_limit",
    "no_template", "bad_template", "no_channel", "died", "no_answer",
]  # fmt: skip

REASONS: Final[dict[str, str]] = {
    "too_late": mark("it was no longer valid"),
    "no_purpose": mark("it names no purpose to which anybody could consent"),
    "no_consent": mark("the contact does not consent to its purpose"),
    "not_over_channel": mark("the contact's consent does not cover this channel"),
    "no_contact": mark("the contact is gone"),
    "no_address": mark("the contact has no valid address on this channel"),
    "suppressed": mark("nothing goes to this address any more"),
    "over_limit": mark("it was over the limit of its channel"),
    "no_template": mark("there is no such message on this channel"),
    "bad_template": mark("its text could not be made"),
    "no_channel": mark("the channel is not set up"),
    "died": mark("the worker ended while it was being sent"),
    "no_answer": mark("the channel did not answer in time"),
}


def reason_text(reason: str, t: Translator) -> str:
    """A delivery's reason as people read it."""
    return t(REASONS[reason]) if reason in REASONS else reason
