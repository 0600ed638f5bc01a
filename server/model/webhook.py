"""A webhook: where messages to another system go."""

from __future__ import annotations

import msgspec

from rules.contact import Millis

__all__ = ["Webhook"]


class Webhook(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """`secret` signs what is sent: `whsec_` and the Base64 of 24 to 64 random bytes."""

    name: str
    url: str
    secret: str
    created: Millis = 0
