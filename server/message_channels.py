"""The channels by which messages go to contacts, as far as the settings name what they need."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from server.ports import Clock, MessageChannel
from server.services.links import Links
from server.services.sending import Rate
from server.settings import Settings

__all__ = ["message_channels", "rates"]

_CONNECTIONS: Final = 8  # to the mail server


def rates(settings: Settings) -> dict[str, Rate]:
    """What each channel bears."""
    return {"email": Rate(at_once=_CONNECTIONS, per_second=settings.mail_rate)}


def message_channels(settings: Settings, clock: Clock, links: Links) -> dict[str, MessageChannel]:
    """By name. Each is imported where it is set up, so that no process carries what it does not use."""
    found: dict[str, MessageChannel] = {}
    if settings.smtp_url and settings.mail_from:
        found["email"] = _email(settings, clock, links)
    return found


def _email(settings: Settings, clock: Clock, links: Links) -> MessageChannel:
    from server.channels.dkim import Signer
    from server.channels.email import EmailChannel, Envelope
    from server.channels.mail_address import mailbox
    from server.channels.relay import read_relay
    from server.channels.smtp import Mailer

    sender = mailbox(settings.mail_from)
    signer = None
    if settings.dkim_key:
        signer = Signer.read(Path(settings.dkim_key), settings.dkim_selector, sender.domain)
    reply_to = mailbox(settings.mail_reply_to) if settings.mail_reply_to else None
    envelope = Envelope(sender, reply_to=reply_to, bounces=settings.mail_bounces, signer=signer)
    mailer = Mailer(read_relay(settings.smtp_url), connections=_CONNECTIONS)
    return EmailChannel(mailer, links, clock, envelope)
