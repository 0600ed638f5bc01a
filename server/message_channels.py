"""The channels by which messages go to contacts, as far as the settings name what they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.channels.relay import CONNECTIONS
from server.ports import MessageChannel
from server.services.sending import Rate
from server.settings import Settings

if TYPE_CHECKING:
    from server.mail import Mail

__all__ = ["message_channels", "rates"]


def rates(settings: Settings) -> dict[str, Rate]:
    """What each channel bears."""
    return {"email": Rate(at_once=CONNECTIONS, per_second=settings.mail_rate)}


def message_channels(mail: Mail | None) -> dict[str, MessageChannel]:
    """By name, those that are set up."""
    found: dict[str, MessageChannel] = {}
    if mail is not None:
        found["email"] = mail.channel
    return found
