"""Pushes to a contact's devices: phones over a gateway, browsers by Web Push."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Protocol

import aiohttp
import msgspec
from pywebpush import WebPushException, webpush_async

from rules.contact import Contact
from server.channels.gateway import Gateway
from server.channels.outside import OutsideError, PublicResolver
from server.model.device import Device
from server.model.outgoing import Outbound
from server.ports import ChannelBusy, ChannelDown, ChannelError, ChannelRefused, ChannelUnsure

__all__ = ["PushChannel", "VapidKey", "WebPush"]

_LIFE: Final = 4 * 7 * 86_400  # seconds for which a push service may keep a message for a browser that is off
_SECONDS: Final = 15.0
_LONGEST: Final = 3000  # bytes: what every push service takes


class Devices(Protocol):
    """Knows the devices of contacts: `store.devices.Devices`."""

    async def of(self, contact: Contact) -> list[tuple[str, Device]]: ...

    async def remove(self, contact: str, token: str) -> bool: ...


class VapidKey(NamedTuple):
    """Who we are to push services (RFC 8292): 32 bytes of a private key in URL-safe Base64, an address to write to."""

    private: str
    subject: str


class WebPush:
    """Sends to browsers: RFC 8030, RFC 8291, RFC 8292. `private`: also to addresses of our own network."""

    def __init__(self, key: VapidKey, *, private: bool = False) -> None:
        self._key = key
        self._private = private

    async def send(self, device: Device, data: bytes) -> None:
        """Send to one browser; raises what `ports.MessageChannel.send` may raise."""
        connector = aiohttp.TCPConnector(resolver=None if self._private else PublicResolver(), limit=1)
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        subscription: dict[str, Any] = {
            "endpoint": device.token, "keys": {"p256dh": device.p256dh, "auth": device.auth},
        }  # fmt: skip
        try:
            async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
                await webpush_async(
                    subscription, data.decode(), vapid_private_key=self._key.private, aiohttp_session=session,
                    vapid_claims={"sub": self._key.subject}, ttl=_LIFE, content_encoding="aes128gcm", timeout=timeout,
                )  # fmt: skip
        except WebPushException as error:
            status = getattr(error.response, "status", 0) or getattr(error.response, "status_code", 0)
            raise _refusal(int(status or 0)) from None
        except OutsideError as error:
            raise ChannelRefused(error.reason, suppress=True) from None
        except aiohttp.ClientConnectorError as error:
            raise ChannelDown(type(error).__name__) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ChannelUnsure(type(error).__name__) from None
        except (ValueError, TypeError) as error:  # keys that are none
            raise ChannelRefused(type(error).__name__, suppress=True) from None


def _refusal(status: int) -> ChannelError:
    if status in (404, 410):
        return ChannelRefused(f"HTTP {status}: the subscription has ended", suppress=True)
    if status == 429:
        return ChannelBusy("HTTP 429", 60)
    if status >= 500:
        return ChannelDown(f"HTTP {status}")
    return ChannelRefused(f"HTTP {status}")


class PushChannel:
    """Implements `ports.MessageChannel`: one message goes to every device of the contact.

    Without a gateway phones are left out. A device that is dead is forgotten.
    """

    channel = "push"

    def __init__(self, devices: Devices, web: WebPush, phones: Gateway | None) -> None:
        self._devices = devices
        self._web = web
        self._phones = phones

    def address(self, outbound: Outbound) -> str:
        """The contact: its devices are looked up when it is sent."""
        return outbound.contact.id

    async def send(self, outbound: Outbound) -> str:
        """Send to every device; it was sent where one took it. Its reference says how many did."""
        errors: list[ChannelError] = []
        sent = 0
        for owner, device in await self._devices.of(outbound.contact):
            try:
                if await self._send(device, outbound):
                    sent += 1
            except ChannelRefused as error:
                if error.suppress:
                    await self._devices.remove(owner, device.token)
                errors.append(ChannelRefused(error.reason))  # the contact's other devices are alive
            except ChannelError as error:
                errors.append(error)
        if sent:
            return f"{sent} devices"
        if not errors:
            raise ChannelRefused("no_address")
        raise min(errors, key=_weight)

    async def _send(self, device: Device, outbound: Outbound) -> bool:
        rendered = outbound.rendered
        fields = {"title": rendered.subject, "text": rendered.body.strip(), **rendered.fields}
        if device.platform == "web":
            shown = {name: fields[name] for name in ("title", "text", "link", "image") if fields.get(name)}
            data = msgspec.json.encode({**shown, "delivery": outbound.delivery.id})
            if len(data) > _LONGEST:
                raise ChannelRefused("the message is too long for a push")
            await self._web.send(device, data)
            return True
        if self._phones is None:
            return False
        await self._phones.send({**fields, "to": device.token, "delivery": outbound.delivery.id})
        return True


def _weight(error: ChannelError) -> int:
    """Which of several failures counts: one after which it may have been sent, then one that passes."""
    return (ChannelUnsure, ChannelBusy, ChannelDown, ChannelRefused).index(type(error))
