"""SMS, pushes, webhooks, the inbox on the site, print files: what each hands over, and what it says when it cannot."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import http_ece
import httpx
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rules.contact import Contact, Millis
from server.channels.gateway import Gateway, GatewayForm
from server.channels.google_token import GoogleToken
from server.channels.lying import InboxChannel, PrintChannel
from server.channels.outside import Outside
from server.channels.push import PushChannel, VapidKey, WebPush
from server.channels.sms import SmsChannel, phone_of
from server.channels.webhook import WebhookChannel
from server.channels_file import read_channels
from server.errors import Invalid
from server.model.actor import SYSTEM
from server.model.device import Device
from server.model.outgoing import MessageDelivery, Outbound, Rendered
from server.ports import ChannelBusy, ChannelDown, ChannelRefused, ChannelUnsure
from server.services.devices import Devices as DevicesService
from server.services.prints import Prints
from server.services.webhooks import Webhooks as WebhooksService
from server.settings import Settings, SettingsError
from server.store.devices import Devices
from server.store.identities import Caller
from server.store.print_rows import PrintRows
from server.store.site_inbox import SiteInbox
from server.store.store import Store
from server.store.webhooks import Webhooks
from tests.clock import FakeClock
from tests.engines import drain, engine_on
from tests.server.conftest import ServerServices

Handler = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[str]:
    """A server of somebody else's, on this machine."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def outbound(channel: str, body: str = "Hello", contact: Contact | None = None, **rendered: Any) -> Outbound:
    return Outbound(
        delivery=MessageDelivery(id="d1", contact="u1", channel=channel, message="hello"),
        contact=contact or Contact(id="u1", attributes={"phone": "06 12 34 56 78"}),
        to="+33612345678",
        rendered=Rendered(body=body, text=body, **rendered),
    )


# --- SMS ----------------------------------------------------------------------------------------------------------


async def test_an_sms_is_posted_in_the_form_that_the_gateway_wants() -> None:
    seen: list[Any] = []

    async def twilio(request: web.Request) -> web.Response:
        seen.append((request.headers["Authorization"], dict(await request.post())))
        return web.json_response({"sid": "SM1"}, status=201)

    async with answering(twilio) as url:
        form = GatewayForm(
            url=url, user="AC1", password="s", form={"To": "{to}", "From": "+331", "Body": "{text}"}, reference="sid"
        )
        gateway = Gateway(form)
        assert await SmsChannel(gateway).send(outbound("sms", "Ça {to} & va?")) == "SM1"
        await gateway.close()
    assert seen == [("Basic QUMxOnM=", {"To": "+33612345678", "From": "+331", "Body": "Ça {to} & va?"})]


@pytest.mark.parametrize(
    ("status", "answer", "raised"),
    [
        (400, {"code": 21211}, ChannelRefused),
        (404, {}, ChannelRefused),
        (429, {}, ChannelBusy),
        (401, {}, ChannelDown),
        (503, {}, ChannelDown),
        (302, {}, ChannelDown),
        (500, {}, ChannelUnsure),
        (200, {"code": 21211}, ChannelRefused),
    ],
)
async def test_an_answer_of_a_gateway_says_whether_to_try_again(
    status: int, answer: dict[str, Any], raised: type[Exception]
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response(answer, status=status, headers={"Retry-After": "7", "Location": "/x"})

    async with answering(handler) as url:
        gateway = Gateway(GatewayForm(url=url, form={"To": "{to}"}, dead={"code": [21211]}))
        with pytest.raises(raised) as caught:
            await SmsChannel(gateway).send(outbound("sms"))
        await gateway.close()
    assert getattr(caught.value, "suppress", False) is ("code" in answer)
    assert getattr(caught.value, "retry_after", 7) == 7


async def test_a_gateway_that_cannot_be_reached_was_sent_nothing() -> None:
    gateway = Gateway(GatewayForm(url="http://127.0.0.1:9", form={"To": "{to}"}))
    with pytest.raises(ChannelDown):
        await SmsChannel(gateway).send(outbound("sms"))
    await gateway.close()


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("06 12 34 56 78", "33", "+33612345678"),
        ("06 12 34 56 78", "", ""),
        ("+33 (6) 12-34.56.78", "", "+33612345678"),
        ("0033612345678", "", "+33612345678"),
        ("call me", "33", ""),
        ("+1", "", ""),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, country: str, number: str) -> None:
    assert phone_of(Contact(id="u1", attributes={"phone": text}), country) == number


# --- webhooks -----------------------------------------------------------------------------------------------------


async def test_a_webhook_is_signed_so_that_its_receiver_can_check_it(store: Store, clock: FakeClock) -> None:
    seen: list[Any] = []

    async def receiver(request: web.Request) -> web.Response:
        seen.append((dict(request.headers), await request.read()))
        return web.Response(status=204)

    async with answering(receiver) as url:
        made = await WebhooksService(store, clock).add(SYSTEM, "hello", url + "/crm")
        channel = WebhookChannel(Webhooks(store.redis, store.seal), Outside(private=True), clock)
        assert await channel.send(outbound("webhook", '{"a": "é"}')) == "d1"
    [(headers, body)] = seen
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = b64decode(made.secret.removeprefix("whsec_"))
    version, _, signature = headers["webhook-signature"].partition(",")
    assert (version, b64decode(signature)) == ("v1", hmac.new(key, signed, hashlib.sha256).digest())
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("d1", str(clock.now() // 1000))
    assert json.loads(body) == {"a": "é"}


@pytest.mark.parametrize(
    ("status", "raised"), [(500, ChannelDown), (301, ChannelDown), (410, ChannelRefused), (429, ChannelBusy)]
)
async def test_a_webhook_that_fails_is_tried_again_unless_its_receiver_is_gone(
    store: Store, clock: FakeClock, status: int, raised: type[Exception]
) -> None:
    asked = 0

    async def receiver(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=status, headers={"Location": "/elsewhere", "Retry-After": "9"})

    async with answering(receiver) as url:
        await WebhooksService(store, clock).add(SYSTEM, "hello", url)
        with pytest.raises(raised):
            await WebhookChannel(Webhooks(store.redis, store.seal), Outside(private=True), clock).send(
                outbound("webhook")
            )
    assert asked == 1, "it follows no redirect"


async def test_a_webhook_to_our_own_network_is_not_called_unless_that_is_allowed(
    store: Store, clock: FakeClock
) -> None:
    await WebhooksService(store, clock).add(SYSTEM, "hello", "http://127.0.0.1:1/")
    with pytest.raises(ChannelDown, match="private address"):
        await WebhookChannel(Webhooks(store.redis, store.seal), Outside(), clock).send(outbound("webhook"))
    with pytest.raises(Invalid, match="https://"):
        await WebhooksService(store, clock).add(SYSTEM, "other", "ftp://x")


# --- pushes -------------------------------------------------------------------------------------------------------


class Browser:
    """A browser's subscription, and what it makes of what it gets."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = os.urandom(16)
        self.requests: list[web.Request] = []
        self.got: list[Any] = []
        self.status = 201

    def subscription(self, url: str) -> Device:
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return Device(platform="web", token=url, p256dh=_text(point), auth=_text(self._auth))

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.requests.append(request)
        if self.status == 201:
            plain = http_ece.decrypt(body, private_key=self._key, auth_secret=self._auth, version="aes128gcm")
            self.got.append(json.loads(plain))
        return web.Response(status=self.status)


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


async def test_a_push_reaches_every_browser_of_a_contact_and_a_dead_one_is_forgotten(
    store: Store, clock: FakeClock
) -> None:
    service = DevicesService(store, clock)
    devices = Devices(store.redis, store.seal, store.partitions)
    contact = Contact(id="u1", merged=["a1>u1"])
    alive, dead = Browser(), Browser()
    dead.status = 410
    async with answering(alive.take) as here, answering(dead.take) as there:
        await devices.add("a1", alive.subscription(here + "/push/1"))  # of a contact that was joined into this one
        await devices.add("u1", dead.subscription(there + "/push/2"))
        key = VapidKey(await service.key(), "mailto:me@shop.example")
        channel = PushChannel(devices, WebPush(key, private=True), None)
        sent = await channel.send(outbound("push", "Your cart", contact, subject="Hello", fields={"link": "https://x"}))
    assert sent == "1 devices"
    assert alive.got == [{"title": "Hello", "text": "Your cart", "link": "https://x", "delivery": "d1"}]
    assert alive.requests[0].headers["Authorization"].startswith("vapid t=")
    assert f"k={await service.public_key()}" in alive.requests[0].headers["Authorization"]
    assert [device.token for _, device in await devices.of(contact)] == [here + "/push/1"]


async def test_a_device_that_changes_hands_shows_the_former_persons_pushes_no_more(
    store: Store, clock: FakeClock
) -> None:
    service = DevicesService(store, clock)
    devices = Devices(store.redis, store.seal, store.partitions)
    ids = []
    for user in ("ana", "ben"):
        await service.add(Caller(user=user), "android", "the-tablet-in-the-shop")
        [who] = await store.identities.resolve_many([Caller(user=user)])
        ids.append(who.contact)
    assert await devices.of(Contact(id=ids[0])) == []
    [(owner, device)] = await devices.of(Contact(id=ids[1]))
    assert (owner, device.token) == (ids[1], "the-tablet-in-the-shop")
    await service.add(Caller(user="ben"), "android", "the-tablet-in-the-shop")
    assert len(await devices.of(Contact(id=ids[1]))) == 1


async def test_a_contact_without_a_device_gets_no_push(store: Store, clock: FakeClock) -> None:
    devices = Devices(store.redis, store.seal, store.partitions)
    channel = PushChannel(devices, WebPush(VapidKey(await DevicesService(store, clock).key(), "https://x")), None)
    with pytest.raises(ChannelRefused, match="no_address"):
        await channel.send(outbound("push"))


async def test_a_phone_is_reached_over_fcm_with_the_token_of_a_service_account(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    asked: list[Any] = []

    async def google(request: web.Request) -> web.Response:
        if request.path == "/token":
            asked.append(dict(await request.post()))
            return web.json_response({"access_token": "t0", "expires_in": 3600})
        asked.append((request.headers["Authorization"], await request.json()))
        return web.json_response({"name": "projects/p/messages/1"})

    devices = Devices(store.redis, store.seal, store.partitions)
    await devices.add("u1", Device(platform="android", token="fcm-1", added=Millis(1)))
    async with answering(google) as url:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
        account = tmp_path / "account.json"
        account.write_text(json.dumps({"client_email": "r@p", "private_key": pem, "token_uri": url + "/token"}))
        message = {"message": {"token": "{to}", "notification": {"title": "{title}", "body": "{text}"}}}
        gateway = Gateway(
            GatewayForm(url=url + "/send", json=message, reference="name"), GoogleToken.read(account, clock)
        )
        channel = PushChannel(devices, WebPush(VapidKey("", "https://x")), gateway)
        for _ in range(2):
            await channel.send(outbound("push", "Your cart", subject="Hello"))
        await gateway.close()
    assert next(one for one in asked if isinstance(one, dict))["grant_type"].endswith("jwt-bearer")
    assert [one for one in asked if isinstance(one, tuple)] == [
        ("Bearer t0", {"message": {"token": "fcm-1", "notification": {"title": "Hello", "body": "Your cart"}}})
    ] * 2
    assert len(asked) == 3, "one token does for both"


async def test_a_site_registers_a_browser_and_forgets_it(services: ServerServices, api: httpx.AsyncClient) -> None:
    subscription = {"endpoint": "https://push.example/1", "keys": {"p256dh": "p", "auth": "a"}}
    body = {"anonymousId": "v1", "subscription": subscription}
    assert (await api.post("/v1/devices", json=body)).json() == {"success": True}
    [who] = await services.store.identities.resolve_many([Caller(anonymous="v1")])
    devices = Devices(services.store.redis, services.store.seal, services.store.partitions)
    [(_, device)] = await devices.of(Contact(id=who.contact))
    assert (device.platform, device.token) == ("web", "https://push.example/1")
    wrong = await api.post("/v1/devices", json={"platform": "ios"})
    assert (wrong.status_code, {error["path"] for error in wrong.json()["errors"]}) == (400, {"userId", "token"})
    assert (await api.post("/v1/devices", json=body, auth=("nobody", ""))).status_code == 401
    assert (await api.request("DELETE", "/v1/devices", json=body)).json() == {"success": True}
    assert await devices.of(Contact(id=who.contact)) == []
    key = (await api.get("/v1/push/key", auth=None)).json()["key"]
    assert len(key) == 87
    assert key == (await api.get("/v1/push/key", auth=None)).json()["key"]


# --- what lies and waits ------------------------------------------------------------------------------------------


async def test_an_inbox_is_opened_by_its_contacts_token_alone(services: ServerServices, api: httpx.AsyncClient) -> None:
    store, clock = services.store, services.clock
    for user in ("ana", "ben"):
        await api.post("/v1/track", json={"userId": user, "event": "Page Viewed"})
    await drain(store, engine_on(store))
    [ana, ben] = [who.contact for who in await store.identities.resolve_many([Caller("ana"), Caller("ben")])]
    channel = InboxChannel(SiteInbox(store.redis, store.seal, store.partitions), clock)
    for _ in range(2):  # twice is once
        await channel.send(
            outbound("inbox", "Welcome", Contact(id=ana), fields={"title": "Hello", "link": "https://x"})
        )
    tokens = {user: (await services.site_inbox.token(SYSTEM, f"user:{user}")).token for user in ("ana", "ben")}

    def bearing(token: str) -> dict[str, Any]:
        return {"headers": {"Authorization": f"Bearer {token}"}, "auth": None}

    seen = (await api.get("/v1/inbox", **bearing(tokens["ana"]))).json()
    [message] = seen["messages"]
    assert (message["title"], message["text"], message["link"]) == ("Hello", "Welcome", "https://x")
    assert (seen["unread"], message["read"]) == (1, False)
    assert (await api.get("/v1/inbox", **bearing(tokens["ben"]))).json() == {"messages": [], "unread": 0}
    read = f"/v1/inbox/{message['id']}/read"
    assert (await api.post(read, **bearing(tokens["ben"]))).status_code == 404
    assert (await api.post(read, **bearing(tokens["ana"]))).status_code == 200
    assert (await api.get("/v1/inbox", **bearing(tokens["ana"]))).json()["unread"] == 0
    assert (await api.get("/v1/inbox", **bearing("x"))).status_code == 401
    sealed = urlsafe_b64encode(store.seal.encode("inbox_token", ("u1", clock.now() + 1000))).decode()
    assert (await api.get("/v1/inbox", **bearing(sealed))).status_code == 401, "there is no such contact"
    clock.advance(seconds=25 * 3600)
    assert (await api.get("/v1/inbox", **bearing(tokens["ana"]))).status_code == 401, "a token is good for a day"
    assert ben != ana


async def test_a_print_row_waits_until_it_is_taken(store: Store, clock: FakeClock) -> None:
    channel = PrintChannel(PrintRows(store.redis, store.seal), clock)
    whole = {"name": "Zoé", "street": "1 rue X", "postcode": "75001", "city": "Paris"}
    for _ in range(2):
        await channel.send(outbound("print", "Dear Zoé", fields=whole))
    with pytest.raises(ChannelRefused, match="no_address"):
        await channel.send(outbound("print", fields=whole | {"city": " "}))
    prints = Prints(store)
    [(place, row)] = await prints.rows(SYSTEM, "hello")
    assert (row.fields, row.text) == (whole, "Dear Zoé")
    assert await prints.rows(SYSTEM, "other") == []
    await prints.remove(SYSTEM, [place])


# --- the file -----------------------------------------------------------------------------------------------------


def test_the_examples_of_twilio_and_fcm_are_read(tmp_path: Path) -> None:
    (tmp_path / "channels.toml").write_text(EXAMPLE)
    file = read_channels(Settings(data_dir=tmp_path))
    assert file.sms is not None
    assert file.push is not None
    assert (file.sms.country, file.sms.dead) == ("33", {"code": [21211, 21610, 21614]})
    assert file.push.json["message"]["token"] == "{to}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sms]\nurl = 1", "Expected `str`"),
        ("[fax]\n", "unknown field `fax`"),
        ("[sms", "channels.toml"),
        ("[sms]\n", "url"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "channels.toml").write_text(text)
    with pytest.raises(SettingsError, match=said):
        read_channels(Settings(data_dir=tmp_path))


EXAMPLE = """
[sms]
url = "https://api.twilio.com/2010-04-01/Accounts/AC0/Messages.json"
user = "AC0"
password = "secret"
form = {To = "{to}", From = "+33600000000", Body = "{text}"}
reference = "sid"
dead = {code = [21211, 21610, 21614]}
country = "33"
per_second = 10

[push]
url = "https://fcm.googleapis.com/v1/projects/shop/messages:send"
service_account = "/etc/relance/firebase.json"
reference = "name"
dead = {"error.details.0.errorCode" = ["UNREGISTERED"]}

[push.json.message]
token = "{to}"
notification = {title = "{title}", body = "{text}"}
data = {link = "{link}", delivery = "{delivery}"}
"""
