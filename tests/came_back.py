"""A mail that went out to Zoe, and what a mail server sends when it comes back."""

from __future__ import annotations

from typing import Protocol

from server.model.outgoing import MessageDelivery, delivery_id
from server.services.links import Links
from server.store import keys
from server.store.message_outbox import SEAL
from server.store.store import Store

__all__ = ["ZOE", "Sent", "dsn"]

ZOE = "zoe@home.example"

DSN = """\
Return-Path: <>
From: MAILER-DAEMON@mx.example (Mail Delivery System)
To: news@shop.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.
--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
Arrival-Date: Mon,  2 Mar 2026 09:00:00 +0000

Final-Recipient: rfc822; {recipient}
Original-Recipient: rfc822;{recipient}
Action: {action}
Status: {status}
Remote-MTA: dns; mail.home.example
Diagnostic-Code: smtp; {diagnostic}

--B
Content-Type: {kind}

From: Shop <news@shop.example>
To: zoe@home.example
Message-ID: <{name}@shop.example>
Subject: Hello

--B--
"""


class House(Protocol):
    """Where mails go out."""

    store: Store
    links: Links


def dsn(
    name: str, status: str = "5.1.1", *, action: str = "failed", diagnostic: str = "550 5.1.1 no such user",
    recipient: str = ZOE, kind: str = "text/rfc822-headers",
) -> bytes:  # fmt: skip
    text = DSN.format(name=name, status=status, action=action, diagnostic=diagnostic, recipient=recipient, kind=kind)
    return text.replace("\n", "\r\n").encode()


class Sent:
    """A mail that went out to Zoe."""

    def __init__(self, services: House, number: int = 0) -> None:
        store = services.store
        self._services = services
        self.partition = store.partition("a01")
        self.delivery = MessageDelivery(
            id=delivery_id(self.partition, number), contact="a01", channel="email", message="welcome", state="sent",
            purpose="newsletter", statement="scenario", rule="hello",
        )  # fmt: skip
        self.name = services.links.reference(self.delivery, ZOE)

    async def keep(self) -> Sent:
        await self._services.store.redis.set(
            keys.delivery(self.partition, self.delivery.id), self._services.store.seal.encode(SEAL, self.delivery)
        )
        return self

    async def now(self) -> MessageDelivery:
        blob = await self._services.store.redis.get(keys.delivery(self.partition, self.delivery.id))
        return self._services.store.seal.decode(SEAL, blob, MessageDelivery)
