"""E-mail to contacts: text and HTML, a one-click unsubscribe, signed, handed to a mail server."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from typing import Final, Protocol

from rules.contact import Contact
from server.channels.dkim import Signer
from server.channels.mail_address import Mailbox, usual_address
from server.channels.tracked_html import rewritten, with_picture
from server.model.outgoing import MessageDelivery, Outbound
from server.ports import ChannelRefused, Clock

__all__ = ["EmailChannel", "Envelope", "Post", "Urls", "email_of", "mail_date"]

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_FEEDBACK: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST_SUBJECT: Final = 500


class Urls(Protocol):
    """The links of a message and its name: `services.links.Links`."""

    def open(self, delivery: MessageDelivery) -> str: ...

    def click(self, delivery: MessageDelivery, url: str, *, links: int = 0) -> str: ...

    def reference(self, delivery: MessageDelivery, address: str) -> str: ...


class Post(Protocol):
    """What hands a mail over: `channels.smtp.Mailer`."""

    async def send(self, sender: str, recipient: str, message: bytes, *, envelope_id: str = "") -> None: ...


class Envelope:
    """From whom mails are: the sender that is shown, where answers and what comes back go, the signature.

    `named_in` is a header that names a mail to us, as some mail services give it a Message-ID of their own.
    """

    def __init__(
        self,
        sender: Mailbox,
        *,
        reply_to: Mailbox | None = None,
        bounces: str = "",
        signer: Signer | None = None,
        named_in: str = "X-Relance-Delivery",
    ) -> None:
        self.sender = sender
        self.named_in = named_in
        self.bounces = bounces or sender.address
        self._reply_to = reply_to
        self._signer = signer

    def message(self, to: str, subject: str, text: str, html: str) -> EmailMessage:
        """A mail of two parts that say the same; of one where there is no HTML, or no text."""
        message = EmailMessage(policy=SMTP if to.isascii() else SMTPUTF8)
        message["From"] = _shown(self.sender)
        message["To"] = _shown(Mailbox("", to))
        if self._reply_to is not None:
            message["Reply-To"] = _shown(self._reply_to)
        message["Subject"] = _CONTROL.sub(" ", subject).strip()[:_LONGEST_SUBJECT]
        if text or not html:
            message.set_content(text, cte="quoted-printable")
            if html:
                message.add_alternative(html, subtype="html", cte="quoted-printable")
        else:
            message.set_content(html, subtype="html", cte="quoted-printable")
        return message

    def sealed(self, message: EmailMessage, headers: dict[str, str]) -> bytes:
        """The mail as bytes, signed, with further headers that stand as they are: plain ASCII, and not folded."""
        lines = "".join(f"{name}: {_plain(value)}\r\n" for name, value in headers.items())
        whole = lines.encode("ascii") + message.as_bytes()
        return whole if self._signer is None else self._signer.sign(whole) + whole


class EmailChannel:
    """Implements `ports.MessageChannel`."""

    channel = "email"

    def __init__(self, post: Post, urls: Urls, clock: Clock, envelope: Envelope) -> None:
        self._post = post
        self._urls = urls
        self._clock = clock
        self._envelope = envelope

    def address(self, outbound: Outbound) -> str:
        """The contact's e-mail address; "" where it has none that can be one."""
        return email_of(outbound.contact)

    async def send(self, outbound: Outbound) -> str:
        """Hand one mail over; its reference is its Message-ID."""
        to = usual_address(outbound.to)
        if not to:
            raise ChannelRefused("no valid address")
        reference = self._urls.reference(outbound.delivery, to)
        try:
            mail = self._mail(outbound, to, f"{reference}@{self._envelope.sender.domain}")
        except ChannelRefused:
            raise
        except Exception as error:  # nothing was sent, and the same words will not do better
            raise ChannelRefused(f"the mail cannot be put together ({type(error).__name__})") from None
        await self._post.send(self._envelope.bounces, to, mail, envelope_id=reference)
        return f"{reference}@{self._envelope.sender.domain}"

    def _mail(self, outbound: Outbound, to: str, message_id: str) -> bytes:
        delivery, rendered = outbound.delivery, outbound.rendered
        html = rendered.html
        if html:
            html = rewritten(html, lambda url, links: self._urls.click(delivery, url, links=links))
        if html and outbound.tracked and (picture := self._urls.open(delivery)):
            html = with_picture(html, picture)
        message = self._envelope.message(to, rendered.subject, rendered.text or rendered.body, html)
        if rendered.locale:
            message["Content-Language"] = rendered.locale
        headers = {
            "Message-ID": f"<{message_id}>",
            self._envelope.named_in: message_id.partition("@")[0],
            "Date": mail_date(self._clock),
            "Auto-Submitted": "auto-generated",
            "Feedback-ID": _feedback(delivery, self._envelope.sender.domain),
        }
        if outbound.unsubscribe:
            headers["List-Unsubscribe"] = f"<{outbound.unsubscribe}>"
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return self._envelope.sealed(message, headers)


def email_of(contact: Contact) -> str:
    """A contact's e-mail address: the attribute `email`, else the newest identity; "" where none can be one."""
    said = contact.attributes.get("email")
    known = [value for namespace, value in reversed(contact.identities) if namespace == "email"]
    for text in (said, *known):
        if isinstance(text, str) and (address := usual_address(text)):
            return address
    return ""


def _shown(mailbox: Mailbox) -> Address:
    username, _, domain = mailbox.address.rpartition("@")
    return Address(mailbox.name, username, domain)


def mail_date(clock: Clock) -> str:
    """Now, as a mail tells it."""
    return format_datetime(datetime.fromtimestamp(clock.now() / 1000, UTC))


def _feedback(delivery: MessageDelivery, domain: str) -> str:
    """Gmail's Feedback-ID: three names by which complaints are counted, and who sends."""
    names = (delivery.message, delivery.rule, delivery.purpose)
    return ":".join([*(_FEEDBACK.sub("-", name) or "-" for name in names), domain])


def _plain(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ChannelRefused("a header of the mail is not plain text")
    return value
