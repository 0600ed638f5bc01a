"""Whether a request comes from Slack: https://docs.slack.dev/authentication/verifying-requests-from-slack/."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final

from rules.contact import Millis

__all__ = ["signature", "signed"]

STALE: Final[Millis] = 5 * 60 * 1000


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What Slack writes into `X-Slack-Signature`."""
    return "v0=" + hmac.new(secret.encode(), b"v0:%b:%b" % (timestamp.encode(), body), "sha256").hexdigest()


def signed(secret: str, headers: Mapping[str, str], body: bytes, now: Millis) -> bool:
    """Whether the body was signed with our secret within the last five minutes. `headers` have lower-case names."""
    timestamp = headers.get("x-slack-request-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    if abs(now - int(timestamp) * 1000) > STALE:
        return False
    given = headers.get("x-slack-signature", "")
    return hmac.compare_digest(signature(secret, timestamp, body).encode(), given.encode("utf-8", "replace"))
