"""E-mail from end to end: an event, a mail over a real SMTP server, what its reader does, and what comes of that."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from server.channels.email import EmailChannel, Envelope
from server.channels.mail_address import mailbox
from server.channels.relay import read_relay
from server.channels.smtp import Mailer
from server.model.actor import SYSTEM
from server.model.message import MessageTemplate
from server.services.consents import ConsentRequest
from server.services.people import People
from server.services.sending import Sending
from tests.engines import drain, engine_on, publish, working
from tests.mail_server import MailServer, ReceivedMail, mail_server

FIREFOX = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"}
BOOK = """
attribute email: text, personal
purpose newsletter: "Yes, send me the newsletter.", via email, open tracking
purpose account: "Tell me about my orders.", via email
score reader for newsletter: +5 on "Email Link Clicked"
trigger welcome for newsletter: on "Signed Up"
  send email welcome
trigger shipped for account: on "Order Shipped"
  send email shipped
"""
WORDS = "---\nsubject: Hello\n---\nSee [the shoes](https://shop.example/shoes) or [hats](https://shop.example/hats).\n"


class House:
    """A shop's installation with a reader who wants the newsletter."""

    def __init__(self, services: Any, server: MailServer, mailer: Mailer, api: httpx.AsyncClient) -> None:
        self.services, self.server, self.api, self.store = services, server, api, services.store
        channel = EmailChannel(mailer, services.links, services.clock, Envelope(mailbox("Shop <news@shop.example>")))
        self.sending = Sending(
            self.store, services.clock, services.rulebooks, services.messages, services.suppressions, services.links,
            {"email": channel}, own=People(self.store, services.clock),
        )  # fmt: skip
        self.engine = engine_on(self.store)
        self.contact = ""

    async def settle(self) -> None:
        """Everything that is due happens."""
        await self.services.tracking.sweep()
        await drain(self.store, self.engine)
        for partition in range(self.store.partitions):
            await self.sending.send(partition)
        await drain(self.store, self.engine)

    async def does(self, event: str) -> list[ReceivedMail]:
        """The reader does something; return the mails that this brings."""
        before = len(self.server.mails)
        await self.api.post("/v1/track", json={"userId": "zoe", "event": event})
        await self.settle()
        return self.server.mails[before:]

    async def happened(self) -> list[str]:
        contact = await self.store.contacts.load(self.contact)
        return [event.name for event in contact.tail if event.source == "relance"]


@pytest.fixture
async def house(services, api) -> AsyncIterator[House]:
    async with mail_server() as server:
        mailer = Mailer(read_relay(server.url))
        found = House(services, server, mailer, api)
        for name in ("welcome", "shipped"):
            template = MessageTemplate(name=name, channel="email", locale="", format="markdown", source=WORDS)
            await services.store.messages.put(template, 0)
        await publish(services.store, BOOK)
        await api.post("/v1/identify", json={"userId": "zoe", "traits": {"email": "zoe@home.example"}})
        found.contact = await services.store.identities.find("user", "zoe")
        async with working(found.engine):
            for purpose in ("newsletter", "account"):
                request = ConsentRequest(purpose=purpose, action="grant", source="form")
                await services.consents.record(SYSTEM, found.contact, request)
        await drain(services.store, found.engine)
        yield found
        await mailer.close()


def links(mail: ReceivedMail) -> list[str]:
    return [unescape(url) for url in re.findall(r'href="http://relance\.test(/l/[^"]+)"', mail.part("html"))]


async def test_a_click_in_a_mail_counts_and_brings_the_reader_to_the_site(house, api, clock):
    [mail] = await house.does("Signed Up")
    assert mail.recipient == "zoe@home.example"
    assert mail.part("plain")
    answer = await api.get(links(mail)[0], headers=FIREFOX)
    to = urlsplit(answer.headers["location"])
    assert to.netloc == "shop.example"
    clock.advance(seconds=5)
    await house.settle()
    assert await house.happened() == ["Email Sent", "Email Link Clicked"]
    assert (await house.store.contacts.load(house.contact)).score == 5
    token = parse_qs(to.query)["relance"][0]
    await api.post("/v1/visitor", json={"token": token, "anonymousId": "telephone"})
    await api.post("/v1/page", json={"anonymousId": "telephone"})
    await house.settle()
    contact = await house.store.contacts.load(house.contact)
    assert "Page Viewed" in [event.name for event in contact.tail]


async def test_a_mail_does_not_make_its_reader_look_active(house, api, clock):
    [mail] = await house.does("Signed Up")
    seen = (await house.store.contacts.load(house.contact)).last_seen
    clock.advance(days=3)
    [mail] = await house.does("Order Shipped")
    clock.advance(days=3)
    name = str(mail.message["Message-ID"])
    await api.post("/hooks/email-events", json={"type": "delivered", "message_id": name})
    await house.settle()
    assert (await house.store.contacts.load(house.contact)).last_seen == seen + 3 * 86_400_000
    await api.get(links(mail)[0], headers=FIREFOX)
    clock.advance(seconds=5)
    await house.settle()
    assert (await house.store.contacts.load(house.contact)).last_seen == seen + 6 * 86_400_000


async def test_only_a_purpose_with_open_tracking_shows_openings(house, api, clock):
    [welcome] = await house.does("Signed Up")
    [shipped] = await house.does("Order Shipped")
    assert "/o/" not in shipped.part("html")
    [picture] = re.findall(r'src="http://relance\.test(/o/[^"]+)"', welcome.part("html"))
    await api.get(picture, headers=FIREFOX)
    clock.advance(days=8)
    await house.settle()
    assert await house.happened() == ["Email Sent", "Email Sent", "Email Opened"]


async def test_a_tracked_mail_that_nobody_reads_is_ignored_once(house, clock):
    await house.does("Signed Up")
    await house.does("Order Shipped")
    for _ in range(3):
        clock.advance(days=8)
        await house.settle()
    assert await house.happened() == ["Email Sent", "Email Sent", "Email Ignored"]


async def test_who_unsubscribes_by_one_click_gets_nothing_more(house, api):
    [mail] = await house.does("Signed Up")
    url = str(mail.message["List-Unsubscribe"]).strip("<>").removeprefix("http://relance.test")
    assert url in mail.part("html").replace("http://relance.test", "")
    async with working(house.engine):
        await api.post(url, data={"List-Unsubscribe": "One-Click"})
    assert await house.does("Signed Up") == []
    assert len(await house.does("Order Shipped")) == 1
    assert await house.happened() == ["Email Sent", "Email Unsubscribed", "Email Sent"]


async def test_a_dead_address_is_written_to_once(house, api):
    house.server.at_rcpt.append("550 5.1.1 no such user")
    assert await house.does("Signed Up") == []
    assert await house.services.suppressions.reason("email", "zoe@home.example") == "hard bounce"
    assert await house.does("Order Shipped") == []
    assert await house.happened() == ["Email Bounced", "Message Refused"]


async def test_a_bounce_that_comes_later_stops_what_follows(house, api):
    [mail] = await house.does("Signed Up")
    name = str(mail.message["Message-ID"])
    await api.post("/hooks/email-events", json={"type": "bounce", "message_id": name, "reason": "5.1.1"})
    assert await house.does("Order Shipped") == []
    await house.settle()
    assert await house.happened() == ["Email Sent", "Email Bounced", "Message Refused"]


async def test_an_answer_that_is_lost_leaves_the_mail_unknown_and_sends_no_second(house, clock):
    house.server.at_data.append("took, drops")
    assert len(await house.does("Signed Up")) == 1
    clock.advance(hours=2)
    await house.settle()
    assert len(house.server.mails) == 1
    [found] = (await house.services.outgoing.listing(SYSTEM, ["unknown"])).deliveries
    assert found.state == "unknown"
