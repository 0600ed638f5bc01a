"""Mails that come back: delivery status notifications (RFC 3464) and complaints (RFC 5965), read as they arrive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from email.utils import parseaddr
from typing import Any, Final

from server.model.mail_report import MailFate, MailReport, is_hard

__all__ = ["NAMED_IN", "read_bounce"]

NAMED_IN: Final = ("x-relance-delivery", "x-pm-metadata-relance", "message-id")  # headers that name a mail of ours

_STATUS: Final = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_NAME: Final = re.compile(r"\b\d+-[a-z2-7]{16}\.[0-9a-z]{1,40}\.[0-9a-f]{16}\b")
_SYSTEMS: Final = ("mailer-daemon", "postmaster")
_LONGEST_TEXT: Final = 200_000


def read_bounce(raw: bytes) -> list[MailReport]:
    """What a message says became of mails of ours; nothing where it is no such report: an automatic answer, say."""
    try:
        return _read(raw)
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError):
        return []  # Python's own parser stumbles over mails that were made for that


def _read(raw: bytes) -> list[MailReport]:
    message = message_from_bytes(raw, policy=compat32)
    names = _names(message)
    for part in message.walk():
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            return list(_statuses(part, names))
        if kind == "message/feedback-report":
            return list(_complaint(part, names))
    return list(_without_form(message, names))


def _statuses(part: Message, names: tuple[str, ...]) -> Iterator[MailReport]:
    """One report a recipient; a delay is none, as the mail is still on its way."""
    blocks = _blocks(part)
    for block in blocks:
        action = _field(block, "action").lower()
        recipients = tuple(filter(None, (_address(block, "original-recipient"), _address(block, "final-recipient"))))
        if not recipients or not action:
            continue
        found = _STATUS.search(_field(block, "status"))
        status = found.group(1) if found else ""
        if action == "failed":
            more = _STATUS.search(_field(block, "diagnostic-code"))
            if status.endswith(".0.0") and more:  # the mail server that refused it knew better
                status = more.group(1)
            yield MailReport(fate=_bounce(status), names=names, recipients=recipients, status=status)
        elif action == "delivered":
            yield MailReport(fate="delivered", names=names, recipients=recipients, status=status)


def _complaint(part: Message, names: tuple[str, ...]) -> Iterator[MailReport]:
    for block in _blocks(part):
        if _field(block, "feedback-type").lower() in ("abuse", "fraud", "opt-out", "other"):
            recipient = parseaddr(_field(block, "original-rcpt-to"))[1]
            yield MailReport(fate="complaint", names=names, recipients=(recipient,) if recipient else ())


def _without_form(message: Message, names: tuple[str, ...]) -> Iterator[MailReport]:
    """A bounce of an old mail system: from one, with a status in its text."""
    sender = parseaddr(_field(message, "from"))[1].lower()
    if not sender.startswith(_SYSTEMS) or _field(message, "auto-submitted").lower().startswith("auto-replied"):
        return
    found = _STATUS.search(_text(message))
    if names and found and found.group(1)[0] in "45":
        yield MailReport(fate=_bounce(found.group(1)), names=names, status=found.group(1))


def _names(message: Message) -> tuple[str, ...]:
    """What names the mail that is reported on: its own headers, the envelope's id, else any text."""
    found: list[str] = []
    for part in message.walk():
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            found += [_field(block, "original-envelope-id") for block in _blocks(part)]
        elif kind == "text/rfc822-headers":
            original = message_from_bytes(_payload(part), policy=compat32)
            found += [_field(original, name) for name in NAMED_IN]
        elif part is not message:
            found += [_field(part, name) for name in NAMED_IN]
    named = [name for text in found for name in _NAME.findall(text)]
    return tuple(dict.fromkeys(named or _NAME.findall(_text(message))))


def _blocks(part: Message) -> list[Message]:
    """The groups of fields of a report."""
    payload: Any = part.get_payload()
    if isinstance(payload, list):
        return [block for block in payload if isinstance(block, Message)]
    texts = re.split(r"\r?\n\r?\n", str(payload))
    return [message_from_bytes(text.strip().encode(), policy=compat32) for text in texts if text.strip()]


def _text(message: Message) -> str:
    texts: list[str] = []
    for part in message.walk():
        if not part.is_multipart():
            texts.append(_payload(part)[:_LONGEST_TEXT].decode("utf-8", "replace"))
    return "\n".join(texts)[:_LONGEST_TEXT]


def _payload(part: Message) -> bytes:
    payload: Any = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _address(block: Message, name: str) -> str:
    """The address of a field such as `rfc822; zoe@home.example`."""
    return _field(block, name).partition(";")[2].strip().strip("<>")


def _field(message: Message, name: str) -> str:
    return str(message.get(name, "") or "")


def _bounce(status: str) -> MailFate:
    return "hard bounce" if is_hard(status) else "soft bounce"
