"""A device to which pushes go: a phone's app, or a browser."""

from __future__ import annotations

from typing import Literal

import msgspec

from rules.contact import Millis

__all__ = ["Device", "DevicePlatform"]

DevicePlatform = Literal["ios", "android", "web"]


class Device(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """`token` is the app's on a phone; of a browser it is the endpoint of its subscription, and `p256dh` and `auth`
    are the subscription's keys (https://www.w3.org/TR/push-api/#pushsubscription-interface)."""

    platform: DevicePlatform
    token: str
    p256dh: str = ""
    auth: str = ""
    added: Millis = 0
