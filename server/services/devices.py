"""Devices: where pushes go, told by the site or the app."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server.errors import FieldError, Invalid
from server.model.device import Device, DevicePlatform
from server.ports import Clock
from server.store.devices import Devices as Kept
from server.store.identities import Caller
from server.store.store import Store

__all__ = ["Devices"]

_LONGEST: Final = 4096  # characters of a token


class Devices:
    """Registers devices under the contact that a call names, as an event would."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._kept = Kept(store.redis, store.seal, store.partitions)
        self._clock = clock

    async def add(
        self, caller: Caller, platform: DevicePlatform, token: str, *, p256dh: str = "", auth: str = ""
    ) -> None:
        """Register a device. Raises `Invalid`, `Unavailable`."""
        errors = []
        if not caller.user and not caller.anonymous:
            errors.append(FieldError("userId", "give a userId or an anonymousId"))
        if not token or len(token) > _LONGEST:
            errors.append(FieldError("token", "is missing, or too long"))
        if platform == "web":
            if urlsplit(token).scheme != "https":
                errors.append(FieldError("subscription.endpoint", "is no https:// address"))
            if not p256dh or not auth or len(p256dh) > 200 or len(auth) > 100:
                errors.append(FieldError("subscription.keys", "p256dh and auth are wanted"))
        if errors:
            raise Invalid("the device cannot be kept", errors, code="wrong_device")
        device = Device(platform=platform, token=token, p256dh=p256dh, auth=auth, added=self._clock.now())
        await self._kept.add(await self._contact(caller), device)

    async def remove(self, caller: Caller, token: str) -> bool:
        """Forget a device; False where there is none. Raises `Unavailable`."""
        return await self._kept.remove(await self._contact(caller), token)

    async def key(self) -> str:
        """Our private key to push services (RFC 8292), made when it is first asked for."""
        return await self._kept.key(_new_key())

    async def public_key(self) -> str:
        """What a browser subscribes with. Raises `Unavailable`."""
        return _public_key(await self.key())

    async def _contact(self, caller: Caller) -> str:
        [who] = await self._store.identities.resolve_many([caller])
        return who.contact


def _new_key() -> str:
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return urlsafe_b64encode(number.to_bytes(32)).decode().rstrip("=")


def _public_key(private: str) -> str:
    """The public half of a VAPID key, as a browser's `applicationServerKey` wants it."""
    number = int.from_bytes(urlsafe_b64decode(private + "=" * (-len(private) % 4)))
    point = ec.derive_private_key(number, ec.SECP256R1()).public_key()
    raw = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return urlsafe_b64encode(raw).decode().rstrip("=")
