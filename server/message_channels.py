"""The channels by which messages go to contacts, as far as the settings name what they need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from server.channels.gateway import Gateway, GatewayForm
from server.channels.google_token import GoogleToken
from server.channels.lying import InboxChannel, PrintChannel
from server.channels.outside import Outside
from server.channels.push import PushChannel, VapidKey, WebPush
from server.channels.relay import CONNECTIONS
from server.channels.sms import SmsChannel
from server.channels.webhook import WebhookChannel
from server.channels_file import read_channels
from server.ports import Clock, MessageChannel
from server.services.sending import Rate
from server.settings import Settings, SettingsError
from server.store.devices import Devices
from server.store.print_rows import PrintRows
from server.store.site_inbox import SiteInbox
from server.store.store import Store
from server.store.webhooks import Webhooks

if TYPE_CHECKING:
    from server.mail import Mail

__all__ = ["MessageChannels", "message_channels", "rates"]


class MessageChannels(NamedTuple):
    """The channels by name, and the gateways to be closed at the end."""

    channels: dict[str, MessageChannel]
    gateways: list[Gateway]


def rates(settings: Settings) -> dict[str, Rate]:
    """What each channel bears. Raises `SettingsError`."""
    file = read_channels(settings)
    found = {"email": Rate(at_once=CONNECTIONS, per_second=settings.mail_rate)}
    for name, form in (("sms", file.sms), ("push", file.push)):
        if form is not None and form.per_second:
            found[name] = Rate(per_second=form.per_second)
    return found


def message_channels(settings: Settings, store: Store, clock: Clock, mail: Mail | None, vapid: str) -> MessageChannels:
    """Those that are set up; `vapid` is our private key to push services. Raises `SettingsError`."""
    file = read_channels(settings)
    private = settings.allow_private_urls
    gateways: list[Gateway] = []

    def gateway(form: GatewayForm) -> Gateway:
        gateways.append(_gateway(form, clock))
        return gateways[-1]

    subject = f"mailto:{mail.sender}" if mail is not None else settings.url
    phones = gateway(file.push) if file.push is not None else None
    found: list[MessageChannel] = [
        InboxChannel(SiteInbox(store.redis, store.seal, store.partitions), clock),
        PrintChannel(PrintRows(store.redis, store.seal), clock),
        WebhookChannel(Webhooks(store.redis, store.seal), Outside(private=private), clock),
        PushChannel(
            Devices(store.redis, store.seal, store.partitions),
            WebPush(VapidKey(vapid, subject), private=private),
            phones,
        ),
    ]
    if mail is not None:
        found.append(mail.channel)
    if file.sms is not None:
        found.append(SmsChannel(gateway(file.sms), file.sms.country))
    return MessageChannels({one.channel: one for one in found}, gateways)


def _gateway(form: GatewayForm, clock: Clock) -> Gateway:
    if not form.service_account:
        return Gateway(form)
    try:
        return Gateway(form, GoogleToken.read(Path(form.service_account).expanduser(), clock))
    except ValueError as problem:
        raise SettingsError(f"channels.toml: service_account: {problem}") from None
