"""A message on its way to a contact: what is to be sent, why, and what became of it."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from typing import Literal, TypeAlias

import msgspec

from rules.contact import Contact, Event, Millis

__all__ = ["MessageDelivery", "MessageState", "Outbound", "Rendered", "delivery_id", "partition_of_delivery"]

MessageState: TypeAlias = Literal["waiting", "sending", "sent", "delivered", "refused", "failed", "unknown", "dropped"]


class MessageDelivery(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """One message to one contact over one channel.

    `waiting`: to be sent at `not_before`. `sending`: a courier has it. `sent`: the channel took it, as `reference`;
    `delivered`: the channel says that it arrived. `refused`: it may not be sent, for `reason` (no consent, suppressed,
    over a limit, too late, no address, no template …). `failed`: the channel will not take it, or tries are used up.
    `unknown`: it may have been sent, and is not sent again by itself. `dropped`: by hand.
    """

    id: str
    contact: str
    channel: str
    message: str  # name of the template
    purpose: str = ""
    statement: str = ""  # "scenario" or "trigger"
    rule: str = ""
    run: str = ""
    step: str = ""
    due: Millis = 0
    valid_until: Millis = 0
    entry: Event | None = None
    event: Event | None = None
    state: MessageState = "waiting"
    reason: str = ""
    attempts: int = 0
    since: Millis = 0  # first of the tries that failed
    not_before: Millis = 0
    reference: str = ""
    locale: str = ""
    created: Millis = 0
    updated: Millis = 0
    by: str = ""  # the user who sent it to themselves as a test, or had it tried again
    slot: Millis = 0  # a moment that was reserved at the channel's pace
    reserved: Millis = 0  # while it is being sent: when a place under the channel's limit was taken


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """A message's words for one contact. `html` is "" where the channel or the template has none.

    `body` is what a channel without subject or HTML sends: the text of an SMS, the JSON of a webhook. `fields` are
    further values of a template's head: a push's title, link and image, columns of a print file.
    """

    subject: str = ""
    text: str = ""
    html: str = ""
    body: str = ""
    fields: dict[str, str] = msgspec.field(default_factory=dict)
    locale: str = ""


class Outbound(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel is given: the delivery, to whom, the words, and what the law asks for beside them.

    `to` is the address on the channel (an e-mail address, a phone number, a device's token …). `tracked`: opens may
    be. `unsubscribe` is the address of the one-click page, "" where the message needs no consent.
    """

    delivery: MessageDelivery
    contact: Contact
    to: str
    rendered: Rendered
    tracked: bool = False
    unsubscribe: str = ""


def delivery_id(partition: int, *cause: str | int) -> str:
    """The id of a delivery: its partition and a digest of its cause, so that the same cause gives the same id."""
    digest = hashlib.sha256("\0".join(map(str, cause)).encode()).digest()
    return f"{partition}-{b32encode(digest[:10]).decode().lower()}"


def partition_of_delivery(delivery: str) -> int | None:
    """The partition in which a delivery is kept; None for what is no id of a delivery."""
    partition, dash, digest = delivery.partition("-")
    return int(partition) if dash and digest.isalnum() and partition.isascii() and partition.isdigit() else None
