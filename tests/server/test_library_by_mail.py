"""The ready-made scenarios at work: one installation with all of them, a real SMTP server, weeks of a fake clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from rules import parse_rulebook
from rules.contact import Event
from rules.entry import Broadcast, Entry, ListChanged
from server.channels.email import EmailChannel, Envelope
from server.channels.mail_address import mailbox
from server.channels.relay import read_relay
from server.channels.smtp import Mailer
from server.model.actor import SYSTEM
from server.services.consents import ConsentRequest
from server.services.library import ready_messages, ready_text
from server.services.sending import Sending
from tests.clock import FakeClock
from tests.engines import drain, engine_on, event, publish, working
from tests.mail_server import MailServer, ReceivedMail, mail_server
from tests.server.conftest import ServerServices

SCENARIOS = (
    "abandoned_cart", "birthday", "feed_letter", "first_order", "gift", "interests", "lead_handover", "price_drop",
    "promotion", "trade_show", "welcome", "win_back",
)  # fmt: skip
PEOPLE = {  # who plays what, and what they agree to
    "reader": "newsletter", "child": "newsletter", "buyer": "newsletter", "shopper": "targeting", "giver": "targeting",
    "wisher": "targeting", "sleeper": "targeting", "walker": "targeting", "visitor": "show_follow_up",
    "lead": "contact_me",
}  # fmt: skip
EXPECTED = {
    "reader": ["welcome_hello", "promotion_start", "feed_article", "welcome_best", "promotion_ends", "welcome_choose"],
    "child": ["welcome_hello", "promotion_start", "feed_article", "birthday_present", "welcome_best", "promotion_ends",
              "welcome_choose", "birthday_reminder"],
    "buyer": ["welcome_hello", "promotion_start", "first_order_coupon", "feed_article", "welcome_best",
              "loyal_invitation", "promotion_ends", "welcome_choose"],
    "shopper": ["cart_reminder_1", "cart_reminder_2", "cart_reminder_3"],
    "giver": ["gift_earned", "gift_waiting"],
    "wisher": ["price_drop"],
    "sleeper": ["win_back_hello", "win_back_offer"],
    "walker": ["interest_shoes", "interest_shoes", "interest_shoes"],
    "visitor": ["show_thanks"],
    "lead": ["handover_hello"],
}  # fmt: skip


class Town:
    """The people of the library's scenarios, in an installation whose mails go to a real server."""

    def __init__(self, services: ServerServices, server: MailServer, mailer: Mailer) -> None:
        self.services, self.server, self.store, self.clock = services, server, services.store, services.clock
        channel = EmailChannel(mailer, services.links, self.clock, Envelope(mailbox("Shop <news@shop.example>")))
        self.sending = Sending(
            self.store, self.clock, services.rulebooks, services.messages, services.suppressions, services.links,
            {"email": channel}, own=services.people,
        )  # fmt: skip
        self.engine = engine_on(self.store, lease=60_000)
        self.started = self.clock.now()
        self.number = 0

    async def opens(self) -> None:
        """Publish the whole library with its messages, and let everybody in."""
        pieces: dict[tuple[str, str], str] = {}
        for name in SCENARIOS:
            pieces = {**parse_rulebook(ready_text(name)).sources, **pieces}
        text = "\n\n".join(pieces.values())
        book = parse_rulebook(text)
        for (name, channel, locale), file in ready_messages(text).items():
            await self.services.messages.put(SYSTEM, name, channel, locale, file.read_text("utf-8"), book=book)
        await publish(self.store, text)
        await asyncio.sleep(0.3)  # the engine asks no more often for the version
        await self.tell([(who, self.event("Seen", traits={"email": f"{who}@home.example"})) for who in PEOPLE])
        async with working(self.engine):
            for who, purpose in PEOPLE.items():
                request = ConsentRequest(purpose=purpose, action="grant", source="form")
                await self.services.consents.record(SYSTEM, who, request)
        await self.settle()

    def event(self, name: str, **more: Any) -> Any:
        self.number += 1
        return event(self.store, name, f"m{self.number}", **more)

    async def does(self, who: str, *names: str, **properties: Any) -> None:
        await self.tell([(who, self.event(name, properties=properties)) for name in names])

    async def tell(self, entries: list[tuple[str, Entry]]) -> None:
        await self.store.log.append(entries)
        await self.settle()

    async def settle(self) -> None:
        """Everything that is due happens, and is handed to the mail server."""
        for _ in range(500):
            await drain(self.store, self.engine)
            now = self.clock.now()
            if not any(own.agenda.sweeps or (own.next_timer or now + 1) <= now for own in self.engine.owned):
                break
        for partition in range(self.store.partitions):
            await self.sending.send(partition)
        await drain(self.store, self.engine)

    async def later(self, days: int) -> None:
        """It is noon, so many days after the start."""
        self.clock.set(self.started + days * 86_400_000 + 3 * 3_600_000)
        await self.settle()

    async def sent(self, who: str) -> list[str]:
        contact = await self.store.contacts.load(who)
        assert contact is not None
        return [each.properties["message"] for each in contact.tail if each.name == "Email Sent"]


@asynccontextmanager
async def town(services: ServerServices) -> AsyncIterator[Town]:
    async with mail_server() as server:
        mailer = Mailer(read_relay(server.url))
        yield Town(services, server, mailer)
        await mailer.close()


async def test_every_ready_made_scenario_reaches_its_people(services: ServerServices, clock: FakeClock) -> None:
    async with town(services) as play:
        await play.opens()
        await _first_day(play)
        for day in (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 14, 15, 16, 17, 22):
            await play.later(day)
            if day == 2:
                await play.does("buyer", "Order Completed")
        assert {who: await play.sent(who) for who in PEOPLE} == EXPECTED
        assert len(play.server.mails) == sum(map(len, EXPECTED.values()))
        for mail in play.server.mails:
            _is_whole(mail)
        lead = await play.store.contacts.load("lead")
        assert lead is not None
        assert [(one.kind, one.team) for one in lead.alerts.values() if one.kind == "task"] == [("task", "sales")]


async def _first_day(play: Town) -> None:
    await play.does("buyer", "Order Completed")
    await play.does("shopper", "Product Added", cart_id="c1", name="Lamp", price=49.5)
    await play.does("giver", *["Order Completed"] * 4)
    await play.does("sleeper", *["Email Ignored"] * 5)
    await play.does("walker", *["Product Viewed"] * 3, category="shoes")
    await play.does("lead", "Page Viewed", "Demo Requested", path="/pricing")
    await play.tell([
        ("child", play.event("Seen", traits={"birthday": "1990-03-06"})),
        ("wisher", play.event("Seen", traits={"wishlist": ["p1"]})),
        ("visitor", ListChanged(time=play.clock.now(), list="trade_show", member=True)),
    ])  # fmt: skip
    for name, properties in (
        ("Price Dropped", {"product_id": "p1", "name": "Lamp", "price": 39, "old_price": 49}),
        ("Promotion Started", {"code": "SPRING", "title": "Spring", "percent": 20}),
    ):
        await play.services.broadcasts.send(SYSTEM, {"event": name, "properties": properties, "messageId": name})
    article = Event("feed", play.clock.now(), {"title": "On wool", "link": "https://www.example.com/wool"})
    url = "https://www.example.com/feed.xml"
    await play.services.broadcasts.tell(Broadcast(time=play.clock.now(), id="feed-1", event=article, feed=url))
    await play.settle()


def _is_whole(mail: ReceivedMail) -> None:
    plain, html = mail.part("plain"), mail.part("html")
    assert len(plain) > 200
    assert "{{" not in plain + html + str(mail.message["Subject"])
    address = str(mail.message["List-Unsubscribe"]).strip("<>")
    assert mail.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert address in plain
