"""Messages to other systems: Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md. A receiver knows a message
that comes twice by its `webhook-id`, so one whose answer was lost is sent again.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from typing import Final, Protocol

from server.channels.outside import Outside, OutsideError
from server.model.outgoing import Outbound
from server.model.webhook import Webhook
from server.ports import ChannelBusy, ChannelDown, ChannelRefused, Clock

__all__ = ["WebhookChannel", "signature"]

_LONGEST_WAIT: Final = 24 * 3600.0


class Webhooks(Protocol):
    """Knows where webhooks go."""

    async def load(self, name: str) -> Webhook | None: ...


class WebhookChannel:
    """Implements `ports.MessageChannel`. The name of the message is the name of the webhook."""

    channel = "webhook"

    def __init__(self, webhooks: Webhooks, outside: Outside, clock: Clock) -> None:
        self._webhooks = webhooks
        self._outside = outside
        self._clock = clock

    def address(self, outbound: Outbound) -> str:
        """The webhook's name."""
        return outbound.delivery.message

    async def send(self, outbound: Outbound) -> str:
        """Post the JSON, signed; its reference is the delivery."""
        hook = await self._webhooks.load(outbound.delivery.message)
        if hook is None:
            raise ChannelRefused("no such webhook: `relance webhook add` makes one")
        body, now = outbound.rendered.body.encode(), self._clock.now() // 1000
        headers = {
            "content-type": "application/json",
            "webhook-id": outbound.delivery.id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(hook.secret, outbound.delivery.id, now, body),
        }
        try:
            answer = await self._outside.ask("POST", hook.url, headers=headers, body=body)
        except OutsideError as error:
            raise ChannelDown(error.reason) from None
        if 200 <= answer.status < 300:
            return outbound.delivery.id
        if answer.status == 410:  # the receiver does not want any more
            raise ChannelRefused("HTTP 410: it is gone")
        wait = answer.headers.get("retry-after", "")
        if answer.status in (429, 503) and wait.isdigit():
            raise ChannelBusy(f"HTTP {answer.status}", min(float(wait), _LONGEST_WAIT))
        raise ChannelDown(f"HTTP {answer.status}")


def signature(secret: str, message_id: str, seconds: int, body: bytes) -> str:
    """`v1,` and the Base64 of the HMAC-SHA256 over id, time and body; `secret` is `whsec_` and Base64."""
    key = b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{seconds}.".encode() + body, hashlib.sha256).digest()
    return "v1," + b64encode(digest).decode()
