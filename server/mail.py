"""E-mail as the settings describe it: the mail server, the sender, the signature."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from server.channels.dkim import Signer
from server.channels.email import EmailChannel, Envelope, Urls
from server.channels.mail_address import mailbox
from server.channels.mail_files import MailFiles
from server.channels.relay import read_relay
from server.channels.smtp import Mailer
from server.channels.team_mail import TeamMail
from server.ports import Clock
from server.settings import LOCAL_MAIL, Settings, SettingsError

__all__ = ["Mail", "mail_files", "open_mail", "read_signer"]


class Mail(NamedTuple):
    """What sends mails: to contacts, to teams. `mailer` is closed at the end."""

    mailer: Mailer | MailFiles
    channel: EmailChannel
    teams: TeamMail
    sender: str  # its address


def read_signer(settings: Settings, domain: str) -> Signer | None:
    """What signs mails by DKIM; None where no key is given. Raises `SettingsError`."""
    if not settings.dkim_key:
        return None
    try:
        return Signer.read(Path(settings.dkim_key).expanduser(), settings.dkim_selector, domain)
    except ValueError as problem:
        raise SettingsError(f"RELANCE_DKIM_KEY {problem}") from None


def open_mail(settings: Settings, urls: Urls, clock: Clock) -> Mail | None:
    """E-mail; None where it is off. Connects when it is first used. Raises `SettingsError`."""
    if not settings.smtp_url:
        return None
    sender = mailbox(settings.mail_from)
    envelope = Envelope(
        sender,
        reply_to=mailbox(settings.mail_reply_to) if settings.mail_reply_to else None,
        bounces=settings.mail_bounces,
        signer=read_signer(settings, sender.domain),
        named_in="X-PM-Metadata-relance" if "postmarkapp.com" in settings.smtp_url else "X-Relance-Delivery",
    )
    mailer: Mailer | MailFiles
    if settings.smtp_url == LOCAL_MAIL:
        mailer = mail_files(settings, clock)
    else:
        mailer = Mailer(read_relay(settings.smtp_url))
    return Mail(
        mailer,
        EmailChannel(mailer, urls, clock, envelope),
        TeamMail(mailer, clock, envelope),
        sender.address,
    )


def mail_files(settings: Settings, clock: Clock) -> MailFiles:
    """Where mails are kept that go to no mail server."""
    return MailFiles(settings.data_dir / "mailbox", clock)
