"""What becomes of a message after a channel was asked to send it: what to write down, when to try again, what to tell.

A message that may have been sent is never tried again by itself, unless its receiver knows one that comes twice.
"""

from __future__ import annotations

import random
from typing import Final

from msgspec.structs import replace

from rules.contact import Millis, Value
from rules.entry import EventReceived
from server.model.outgoing import MessageDelivery, MessageState
from server.ports import ChannelBusy, ChannelError, ChannelRefused, ChannelUnsure
from server.services.links import is_test

__all__ = ["GIVE_UP", "REPEATED", "TRIES", "ended", "outcome", "told"]

GIVE_UP: Final[Millis] = 24 * 3600 * 1000  # after so long in vain
TRIES: Final = 30
REPEATED: Final = frozenset(("webhook",))  # whose receivers know by its id a message that comes twice

_SECOND: Final[Millis] = 1000
_FIRST_PAUSE: Final[Millis] = 5 * _SECOND
_LONGEST_PAUSE: Final[Millis] = 7200 * _SECOND
_SHORTEST_WAIT: Final[Millis] = 500
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
_WEBHOOK_PAUSES: Final = tuple(seconds * _SECOND for seconds in (5, 300, 1800, 7200, 18000, 36000, 36000))
_EVENTS: Final = {
    "email": "Email Sent", "sms": "SMS Sent", "push": "Push Sent", "inbox": "Inbox Sent", "print": "Print Sent",
    "webhook": "Webhook Sent",
}  # fmt: skip


def outcome(
    before: MessageDelivery, reference: str, error: ChannelError | None, now: Millis
) -> tuple[MessageDelivery, Millis | None]:
    """What is known of a message now, and when to try again (None: not by itself)."""
    if error is None:
        return replace(ended(before, "sent", "", now), reference=reference, entry=None, event=None), None
    if isinstance(error, ChannelUnsure) and before.channel not in REPEATED:
        return ended(before, "unknown", error.reason, now), None
    since = before.since or now
    busy = isinstance(error, ChannelBusy)
    tried = before.attempts + (not busy)
    if isinstance(error, ChannelRefused) or tried >= TRIES or now - since > GIVE_UP:
        return ended(replace(before, attempts=tried), "failed", error.reason, now), None
    wait = round(error.retry_after * 1000) if isinstance(error, ChannelBusy) else _pause(before.channel, tried)
    again = now + min(max(wait, _SHORTEST_WAIT), GIVE_UP)
    after = replace(
        before, state="waiting", attempts=tried, since=since, not_before=again, slot=0, reason=error.reason, updated=now
    )
    return after, again


def ended(before: MessageDelivery, state: MessageState, reason: str, now: Millis) -> MessageDelivery:
    """A message with which nothing more happens by itself."""
    return replace(before, state=state, reason=reason, not_before=0, slot=0, updated=now)


def told(delivery: MessageDelivery, now: Millis, *, dead: bool = False) -> EventReceived | None:
    """The event by which the contact's history learns what became of a message; None where it does not.

    `dead`: it failed because its address is. The same outcome of the same delivery is the same event; a report of the
    bounce that comes after is that, too.
    """
    about: dict[str, Value] = {"message": delivery.message, "channel": delivery.channel, "purpose": delivery.purpose}
    outcome = f"{delivery.state}:{delivery.reason}".removesuffix(":")
    match delivery.state:
        case "sent":
            name = _EVENTS.get(delivery.channel, f"{delivery.channel.capitalize()} Sent")
            about |= {"delivery": delivery.id, delivery.statement: delivery.rule}
        case "refused":
            name = "Message Refused"
            about |= {"reason": delivery.reason}
        case "failed" if dead and delivery.channel == "email":
            name, outcome = "Email Bounced", "bounced"
            about |= {"delivery": delivery.id, delivery.statement: delivery.rule}
            about |= {"kind": "hard", "reason": delivery.reason.rpartition(" ")[2]}
        case _:
            return None
    if is_test(delivery) or delivery.reason == "no_contact":
        return None
    return EventReceived(
        name=name,
        time=now,
        received=now,
        message_id=f"{delivery.id}:{outcome}",
        properties=about,
        source="relance",
    )


def _pause(channel: str, tried: int) -> Millis:
    """How long to wait after so many failed tries: longer and longer, the half of it by chance."""
    if channel == "webhook":
        return _WEBHOOK_PAUSES[min(tried, len(_WEBHOOK_PAUSES)) - 1]
    longest = min(_FIRST_PAUSE << min(tried - 1, 20), _LONGEST_PAUSE)
    return round(longest * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing
