"""Alert cards by e-mail: one mail a card, over a real SMTP server."""

from __future__ import annotations

import asyncio

import pytest

from bots.mail import MailCards
from rules.contact import Contact
from server.channels.email import Envelope
from server.channels.mail_address import mailbox
from server.channels.relay import read_relay
from server.channels.smtp import Mailer
from server.channels.team_mail import TeamMail
from server.model.card import Card, CardReason
from server.model.delivery import Place
from server.ports import ChannelBusy, ChannelError, ChannelRefused
from server.services.deliveries import Deliveries
from tests.engines import drain, engine_on, event, publish
from tests.mail_server import mail_server
from tests.office import Office

SALES = Place("email", "sales@shop.example")
CARD = Card(
    alert="2b", contact="a01", who="Zoé", text="Zoé is hot\r\nBcc: all@shop.example", trigger="hot_lead", version=3,
    team="sales", score=85, reasons=(CardReason("cart", 50, 2),), created=1,
)  # fmt: skip


@pytest.fixture
async def server():
    async with mail_server() as running:
        yield running


@pytest.fixture
async def cards(server, clock):
    mailer = Mailer(read_relay(server.url))
    yield MailCards(TeamMail(mailer, clock, Envelope(mailbox("Relance <relance@shop.example>"))), "fr")
    await mailer.close()


async def test_a_card_is_a_mail_with_the_words_that_claim_it(cards, server):
    reference = await cards.post(SALES.address, CARD)
    [mail] = server.mails
    assert mail.recipient == "sales@shop.example"
    assert mail.message["Subject"] == "Zoé is hot Bcc: all@shop.example"
    assert mail.message["Message-ID"] == f"<{reference}>"
    assert "Bcc" not in mail.message
    assert "List-Unsubscribe" not in mail.message
    text = mail.part("plain")
    assert "cart +50" in text
    assert "claim 2b" in text


async def test_a_second_copy_says_so_under_the_same_name(cards, server):
    first = await cards.post(SALES.address, CARD)
    assert await cards.find(SALES.address, "2b") is None
    assert await cards.post(SALES.address, CARD, repeated=True) == first
    assert len(server.mails[1].part("plain")) > len(server.mails[0].part("plain"))


async def test_a_mail_for_which_nobody_waited_is_found_and_not_sent_again(cards, server):
    server.at_data.append("waits")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await cards.post(SALES.address, CARD)
    with pytest.raises(ChannelBusy):
        await cards.find(SALES.address, "2b")
    server.go_on.set()
    async with asyncio.timeout(30):
        while not server.mails:
            await asyncio.sleep(0.01)
        while (found := await looked(cards)) is None:
            await asyncio.sleep(0.01)
    assert found == str(server.mails[0].message["Message-ID"]).strip("<>")
    assert await cards.find(SALES.address, "2b") is None


async def looked(cards: MailCards) -> str | None:
    """What is found, None while it is under way."""
    try:
        return await cards.find(SALES.address, "2b")
    except ChannelBusy:
        return None


async def test_what_the_mail_server_says_is_what_the_courier_hears(cards, server):
    server.at_rcpt.append("550 5.1.1 no such user")
    with pytest.raises(ChannelError) as caught:
        await cards.post(SALES.address, CARD)
    assert isinstance(caught.value, ChannelRefused)
    with pytest.raises(ChannelRefused):
        await cards.post("nonsense", CARD)


async def test_a_claim_sends_no_other_mail(cards, server, store, clock):
    office = Office(store, clock)
    courier = Deliveries(store, clock, office.alerts, {"email": cards})
    alert = await office.raise_alert(SALES)
    await office.deliver(courier)
    await office.change(alert, SALES)
    await office.deliver(courier)
    assert len(server.mails) == 1
    assert (await office.row(alert, SALES)).revision == 2


async def test_a_rulebook_may_alert_a_team_by_e_mail(cards, server, store, clock):
    await publish(store, 'team sales: email "sales@shop.example"\ntrigger t: on "Demo"\n  alert sales "Call"\n')
    await store.log.append([("a01", event(store, "Demo"))])
    await drain(store, engine_on(store))
    office = Office(store, clock)
    await office.deliver(Deliveries(store, clock, office.alerts, {"email": cards}))
    assert [mail.message["Subject"] for mail in server.mails] == ["Call"]
    assert isinstance(await store.contacts.load("a01"), Contact)
