"""What mail services tell by webhook, in a form of our own, Amazon SES's (also by SNS), Postmark's or Mailgun's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from server.errors import FieldError, Invalid
from server.model.mail_report import MailFate, MailReport, is_hard

__all__ = ["read_events", "subscription_of"]

_OURS: Final[dict[str, MailFate | None]] = {
    "delivered": "delivered", "delivery": "delivered", "bounce": None, "bounced": None, "hard_bounce": "hard bounce",
    "soft_bounce": "soft bounce", "complaint": "complaint", "complained": "complaint", "spam": "complaint",
}  # fmt: skip
_HARD_AT_POSTMARK: Final = frozenset(("HardBounce", "BadEmailAddress", "ManuallyDeactivated", "Blocked550"))
_SOFT_AT_POSTMARK: Final = frozenset(
    ("SoftBounce", "Transient", "DnsError", "SpamNotification", "Blocked", "Undeliverable", "Unknown", "DMARCPolicy")
)
_STATUS: Final = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.])")


def read_events(body: bytes) -> list[MailReport]:
    """What a request says became of mails; events that are about something else are left out. Raises `Invalid`."""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise Invalid("the body is not JSON", [FieldError("", "is not JSON")], code="malformed") from None
    reports: list[MailReport] = []
    for event in said if isinstance(said, list) else [said]:
        if not isinstance(event, dict):
            raise Invalid("an event is an object", [FieldError("", "is no object")], code="malformed")
        reports += _read(event)
    return reports


def subscription_of(body: bytes) -> str:
    """The address by which a topic of Amazon SNS is confirmed, where a request asks for that; else ""."""
    try:
        said = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return ""
    url = _text(said.get("SubscribeURL")) if said.get("Type") == "SubscriptionConfirmation" else ""
    parts = urlsplit(url)
    return url if parts.scheme == "https" and (parts.hostname or "").endswith(".amazonaws.com") else ""


def _read(event: dict[str, Any]) -> list[MailReport]:
    if isinstance(event.get("Message"), str) and "Type" in event:  # SNS wraps what SES says
        if event["Type"] != "Notification":
            return []
        try:
            event = msgspec.json.decode(event["Message"], type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            return []  # SES says in plain words that a subscription works
    if "notificationType" in event or "eventType" in event:
        return _ses(event)
    if "RecordType" in event:
        return _postmark(event)
    if isinstance(event.get("event-data"), dict):
        return _mailgun(event["event-data"])
    return _ours(event)


def _ours(event: dict[str, Any]) -> list[MailReport]:
    """`{"type", "message_id" or "reference", "recipient"?, "reason"?}`."""
    kind = _text(event.get("type")).lower()
    if kind not in _OURS:
        raise Invalid("the event has no type that is known", [FieldError("type", f"is one of {', '.join(_OURS)}")])
    names = _texts(event.get("message_id"), event.get("reference"))
    if not names:
        raise Invalid("the event names no message", [FieldError("message_id", "is missing")])
    status = _status(event.get("reason"), event.get("status"))
    fate = _OURS[kind] or ("hard bounce" if event.get("permanent") is True or is_hard(status) else "soft bounce")
    return [MailReport(fate=fate, names=names, recipients=_texts(event.get("recipient")), status=status)]


def _ses(event: dict[str, Any]) -> list[MailReport]:
    """https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html"""
    mail = _object(event.get("mail"))
    headers = [_object(header) for header in _list(mail.get("headers"))]
    named = ("x-relance-delivery", "message-id")
    names = _texts(
        *(header.get("value") for header in headers if _text(header.get("name")).lower() in named),
        _object(mail.get("commonHeaders")).get("messageId"),
    )
    match event.get("notificationType") or event.get("eventType"):
        case "Delivery":
            recipients = _texts(*_list(_object(event.get("delivery")).get("recipients")))
            return [MailReport(fate="delivered", names=names, recipients=recipients)]
        case "Complaint":
            concerned = _list(_object(event.get("complaint")).get("complainedRecipients"))
            recipients = _texts(*(_object(one).get("emailAddress") for one in concerned))
            return [MailReport(fate="complaint", names=names, recipients=recipients)]
        case "Bounce":
            bounce = _object(event.get("bounce"))
            hard = bounce.get("bounceType") == "Permanent" and bounce.get("bounceSubType") != "MessageTooLarge"
            return [
                MailReport(
                    fate="hard bounce" if hard else "soft bounce", names=names,
                    recipients=_texts(one.get("emailAddress")), status=_status(one.get("status")),
                )
                for one in map(_object, _list(bounce.get("bouncedRecipients")))
            ]  # fmt: skip
    return []


def _postmark(event: dict[str, Any]) -> list[MailReport]:
    """https://postmarkapp.com/developer/webhooks/webhooks-overview"""
    names = _texts(_object(event.get("Metadata")).get("relance"), event.get("MessageID"))
    recipients = _texts(event.get("Email"), event.get("Recipient"))
    match event["RecordType"]:
        case "Delivery":
            return [MailReport(fate="delivered", names=names, recipients=recipients)]
        case "SpamComplaint":
            return [MailReport(fate="complaint", names=names, recipients=recipients)]
        case "Bounce" if event.get("Type") in _HARD_AT_POSTMARK | _SOFT_AT_POSTMARK:
            fate: MailFate = "hard bounce" if event["Type"] in _HARD_AT_POSTMARK else "soft bounce"
            status = _status(event.get("Details"))
            return [MailReport(fate=fate, names=names, recipients=recipients, status=status)]
    return []


def _mailgun(event: dict[str, Any]) -> list[MailReport]:
    """https://documentation.mailgun.com/docs/mailgun/user-manual/events/"""
    headers = _object(_object(event.get("message")).get("headers"))
    names, recipients = _texts(headers.get("message-id")), _texts(event.get("recipient"))
    match event.get("event"):
        case "delivered":
            return [MailReport(fate="delivered", names=names, recipients=recipients)]
        case "complained":
            return [MailReport(fate="complaint", names=names, recipients=recipients)]
        case "failed":
            told = _object(event.get("delivery-status"))
            status = _status(told.get("enhanced-code"), told.get("message"))
            if event.get("severity") == "temporary" and not status.startswith("5"):
                return []  # Mailgun tries again by itself
            hard = is_hard(status) if status else event.get("severity") == "permanent"
            return [
                MailReport(
                    fate="hard bounce" if hard else "soft bounce", names=names, recipients=recipients, status=status
                )
            ]
    return []


def _status(*values: object) -> str:
    """The first enhanced status code in some texts."""
    for value in values:
        if found := _STATUS.search(_text(value)):
            return found.group()
    return ""


def _texts(*values: object) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str) and value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> Iterable[Any]:
    return value if isinstance(value, list) else []


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
