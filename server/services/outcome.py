"""What becomes of a card after a channel was asked to show it: what to write down, and when to try again."""

from __future__ import annotations

import random
from typing import Final, NamedTuple

from msgspec.structs import replace

from rules.contact import Millis
from server.model.delivery import Delivery
from server.ports import ChannelBusy, ChannelError, ChannelRefused, ChannelUnsure

__all__ = ["GIVE_UP", "Shown", "given_up", "outcome"]

GIVE_UP: Final[Millis] = 24 * 3600 * 1000  # after so long in vain

_FIRST_PAUSE: Final[Millis] = 500
_LONGEST_PAUSE: Final[Millis] = 300_000
_SHORTEST_WAIT: Final[Millis] = 100


class Shown(NamedTuple):
    """What a channel made of a card: where it is ("": nowhere that is known), and why it is not up to date."""

    reference: str
    error: ChannelError | None = None


def outcome(before: Delivery, revision: int, shown: Shown, now: Millis) -> tuple[Delivery, Millis | None]:
    """What is known of a card now, and when to try again (None: not until the alert changes)."""
    error = shown.error
    if error is None:
        sent = Delivery(state="sent", reference=shown.reference, revision=revision, updated=now, copies=before.copies)
        return sent, None
    tried = before.attempts if before.state != "failed" else 0
    since = before.since if tried else now
    if isinstance(error, ChannelRefused) or now - since > GIVE_UP:
        return given_up(replace(before, reference=shown.reference), error.reason, now), None
    wait = round(error.retry_after * 1000) if isinstance(error, ChannelBusy) else _pause(tried + 1)
    state = before.state if before.state != "failed" else "none"
    unsure = not shown.reference and (before.unsure or isinstance(error, ChannelUnsure))
    if shown.reference:
        state = "sent"
    elif unsure:
        state = "unknown"
    after = replace(
        before, state=state, reference=shown.reference, attempts=tried + 1, since=since,
        not_before=now + max(wait, _SHORTEST_WAIT), slot=0, reason=error.reason, updated=now, unsure=unsure,
    )  # fmt: skip
    return after, after.not_before


def given_up(before: Delivery, reason: str, now: Millis) -> Delivery:
    """A card that is not tried again until its alert changes."""
    return replace(before, state="failed", reason=reason, not_before=0, slot=0, updated=now)


def _pause(attempts: int) -> Millis:
    """How long to wait after so many failed tries: doubling, up to five minutes, the half of it by chance."""
    longest: int = min(_FIRST_PAUSE << min(attempts, 20), _LONGEST_PAUSE)
    return round(longest * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing
