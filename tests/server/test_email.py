"""E-mail to contacts, over a real SMTP server: what arrives, and what each answer means."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from rules.contact import Contact
from server.channels.dkim import Signer
from server.channels.email import EmailChannel, Envelope, email_of
from server.channels.mail_address import mailbox, usual_address
from server.channels.relay import read_relay
from server.channels.smtp import Mailer
from server.channels.tracked_html import rewritten
from server.model.outgoing import MessageDelivery, Outbound, Rendered
from server.ports import ChannelBusy, ChannelDown, ChannelError, ChannelRefused, ChannelUnsure
from server.services.links import Links
from server.store.codec import Sealer
from tests.clock import FakeClock
from tests.installation import free_port
from tests.mail_server import MailServer, certificate, mail_server

PUBLIC = "https://relance.example"
HTML = (
    "<html><body><a href=\"https://shop.example/a?x=1&amp;y=2\">A</a> <a class='b' href='https://shop.example/b'>B</a>"
    '<a href="https://shop.example/a?x=1&amp;y=2">A again</a> <a href="mailto:us@shop.example">us</a>'
    "<a href=#top>top</a></body></html>"
)


@pytest.fixture
def links(clock: FakeClock) -> Links:
    return Links(Sealer({1: b"k" * 32}, b"lookup"), clock, PUBLIC)


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as running:
        yield running


@pytest.fixture
async def mailer(server: MailServer) -> AsyncIterator[Mailer]:
    opened = Mailer(read_relay(server.url), patience=20)
    yield opened
    await opened.close()


@pytest.fixture
def email(mailer: Mailer, links: Links, clock: FakeClock) -> EmailChannel:
    return EmailChannel(mailer, links, clock, Envelope(mailbox("Le Café <news@shop.example>")))


def outbound(
    links: Links, to: str = "zoe@home.example", *, tracked: bool = False, subject: str = "Hello Zoé", html: str = HTML
) -> Outbound:
    delivery = MessageDelivery(
        id="d1",
        contact="a01",
        channel="email",
        message="welcome",
        purpose="newsletter",
        statement="scenario",
        rule="hi",
    )
    return Outbound(
        delivery=delivery, contact=Contact(id="a01"), to=to, tracked=tracked,
        rendered=Rendered(subject=subject, text="Bonjour Zoé,\r\n.\r\nà bientôt", html=html, locale="fr"),
        unsubscribe=links.unsubscribe(delivery),
    )  # fmt: skip


async def test_a_mail_arrives_with_its_text_its_html_and_its_headers(email, links, server):
    reference = await email.send(outbound(links))
    [mail] = server.mails
    message = mail.message
    assert (mail.sender, mail.recipient) == ("news@shop.example", "zoe@home.example")
    assert message["From"] == "Le Café <news@shop.example>"
    assert (message["To"], message["Subject"]) == ("zoe@home.example", "Hello Zoé")
    assert message["Message-ID"] == f"<{reference}>"
    assert message["Date"] == "Mon, 02 Mar 2026 09:00:00 +0000"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Feedback-ID"] == "welcome:hi:newsletter:shop.example"
    assert message["Content-Language"] == "fr"
    assert "Precedence" not in message
    assert mail.part("plain").replace("\r\n", "\n") == "Bonjour Zoé,\n.\nà bientôt\n"
    assert message.get_content_type() == "multipart/alternative"


async def test_every_line_is_short_plain_ascii_but_for_links(email, links, server):
    await email.send(outbound(links))
    raw = server.mails[0].raw
    assert raw.isascii()
    assert all(len(line) <= 78 or line.startswith(b"List-Unsubscribe:") or b"Message-ID" in line
               for line in raw.split(b"\r\n"))  # fmt: skip
    assert b"\n" not in raw.replace(b"\r\n", b"")


async def test_a_mail_can_be_unsubscribed_from_by_one_click(email, links, server):
    await email.send(outbound(links))
    message = server.mails[0].message
    url = str(message["List-Unsubscribe"]).strip("<>")
    link = links.read(url.removeprefix(f"{PUBLIC}/unsubscribe/"), "unsubscribe")
    assert (link.contact, link.purpose, link.delivery) == ("a01", "newsletter", "d1")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


async def test_web_links_lead_over_us_and_others_stay(email, links, server):
    await email.send(outbound(links))
    html = server.mails[0].part("html")
    urls = [unescape(url) for url in re.findall(r'href="(https://relance[^"]+)"', html)]
    read = [links.read(url.removeprefix(f"{PUBLIC}/l/"), "click") for url in urls]
    assert [link.target for link in read] == [
        "https://shop.example/a?x=1&y=2", "https://shop.example/b", "https://shop.example/a?x=1&y=2"
    ]  # fmt: skip
    assert {link.links for link in read} == {2}
    assert 'href="mailto:us@shop.example"' in html
    assert "href=#top" in html


def test_only_what_is_the_link_of_an_anchor_is_counted():
    html = "<a data-href='https://a.example' HREF = https://b.example>b</a><link href='https://c.example'>"
    assert rewritten(html, lambda url, links: f"{url}/{links}") == html.replace(
        "HREF = https://b.example", 'HREF = "https://b.example/1"'
    )


def test_broken_html_is_read_in_a_moment():
    for piece in ("<a ", "<a '", "<a href='", "<a x=1 "):
        assert rewritten(piece * 20_000, lambda url, links: url) == piece * 20_000


async def test_the_link_to_unsubscribe_is_not_counted(email, links, server):
    delivery = outbound(links).delivery
    url = links.unsubscribe(delivery)
    await email.send(outbound(links, html=f'<p><a href="{url}">stop</a></p>'))
    assert f'href="{url}"' in server.mails[0].part("html")


async def test_only_a_tracked_mail_has_the_picture(email, links, server):
    await email.send(outbound(links))
    await email.send(outbound(links, tracked=True))
    plain, tracked = (mail.part("html") for mail in server.mails)
    assert "/o/" not in plain
    [token] = re.findall(r'<img src="https://relance\.example/o/([^"]+)\.gif"', tracked)
    assert links.read(token, "open").message == "welcome"
    assert tracked.index("<img") < tracked.index("</body>")


async def test_a_test_to_oneself_holds_no_link_that_counts(email, links, server):
    delivery = MessageDelivery(id="t1", contact="a01", channel="email", message="welcome", by="u1")
    sent = outbound(links, tracked=True)
    sent = Outbound(delivery=delivery, contact=sent.contact, to=sent.to, rendered=sent.rendered, tracked=True)
    await email.send(sent)
    html = server.mails[0].part("html")
    assert "relance.example" not in html
    assert links.unsubscribe(delivery) == f"{PUBLIC}/unsubscribe/test"


async def test_no_value_becomes_a_header_of_its_own(email, links, server):
    await email.send(outbound(links, subject="Hi\r\nBcc: all@shop.example\r\n\r\nbody"))
    message = server.mails[0].message
    assert "Bcc" not in message
    assert message["Subject"] == "Hi Bcc: all@shop.example body"


@pytest.mark.parametrize(
    "name",
    [
        "a\r\nBcc: b@c.example",
        "a@b@c.example",
        "a b@c.example",
        "a@b",
        "a@[127.0.0.1]",
        "a,b@c.example",
        "@c.example",
        "a@c..example",
        "a@1.2",
        "a" * 65 + "@c.example",
        "",
    ],
)
async def test_what_can_be_no_address_is_not_written_to(email, links, server, name):
    with pytest.raises(ChannelRefused):
        await email.send(outbound(links, to=name))
    assert server.mails == []


async def test_words_that_cannot_be_written_are_refused(email, links, server):
    with pytest.raises(ChannelRefused, match="UnicodeEncodeError"):
        await email.send(outbound(links, html="<p>\ud800</p>"))
    await email.send(outbound(links))
    assert len(server.mails) == 1


async def test_addresses_beyond_ascii_are_written_to(email, links, server):
    await email.send(outbound(links, to="zoe@Bücher.example"))
    await email.send(outbound(links, to="zoé@faß.example"))
    assert [mail.recipient for mail in server.mails] == ["zoe@xn--bcher-kva.example", "zoé@xn--fa-hia.example"]
    assert "SMTPUTF8" in server.mails[1].options


@pytest.mark.parametrize(
    ("contact", "address"),
    [
        (Contact(id="c", attributes={"email": " Zoe@Home.Example "}), "Zoe@home.example"),
        (Contact(id="c", attributes={"email": "nonsense"}, identities=[("email", "z@h.example")]), "z@h.example"),
        (
            Contact(id="c", identities=[("email", "a@h.example"), ("user", "1"), ("email", "b@h.example")]),
            "b@h.example",
        ),
        (Contact(id="c", attributes={"email": 7}), ""),
    ],
)
def test_a_contacts_address_is_its_attribute_else_its_newest_identity(contact, address):
    assert email_of(contact) == address


async def test_a_signature_covers_how_to_unsubscribe(mailer, links, clock, server, tmp_path):
    key = generate_private_key(65537, 1024)
    path = tmp_path / "dkim.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    import base64

    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    envelope = Envelope(mailbox("news@shop.example"), signer=Signer.read(path, "s1", "shop.example"))
    await EmailChannel(mailer, links, clock, envelope).send(outbound(links))
    raw = server.mails[0].raw
    asked = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return record

    assert dkim.verify(raw, dnsfunc=dns)
    assert asked == [b"s1._domainkey.shop.example."]
    assert not dkim.verify(raw.replace(b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Click"), dnsfunc=dns)
    assert not dkim.verify(raw.replace(b"/unsubscribe/", b"/unsubscribe_"), dnsfunc=dns)


def test_a_key_that_cannot_sign_is_named(tmp_path: Path):
    (tmp_path / "no").write_text("no key")
    for path in (tmp_path / "no", tmp_path / "missing"):
        with pytest.raises(ValueError, match="private RSA key"):
            Signer.read(path, "s1", "shop.example")


# --- what answers mean ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "answer", "kind", "suppress"),
    [
        ("at_mail", "451 4.3.0 later", ChannelBusy, None),
        ("at_mail", "550 5.1.8 you may not", ChannelRefused, False),
        ("at_mail", "550 5.1.1 whatever this is", ChannelRefused, False),
        ("at_rcpt", "450 4.2.1 greylisted zoe@home.example", ChannelBusy, None),
        ("at_rcpt", "421 4.3.2 closing", ChannelDown, None),
        ("at_rcpt", "550 5.1.1 no such user zoe@home.example", ChannelRefused, True),
        ("at_rcpt", "550 5.7.1 we do not like you", ChannelRefused, False),
        ("at_rcpt", "550 no", ChannelRefused, False),
        ("at_data", "452 4.3.1 full", ChannelBusy, None),
        ("at_data", "554 5.7.1 spam", ChannelRefused, False),
        ("at_data", "550 5.1.1 gone", ChannelRefused, True),
        ("at_data", "drops", ChannelUnsure, None),
        ("at_data", "took, drops", ChannelUnsure, None),
    ],
)
async def test_each_answer_means_one_thing(email, links, server, stage, answer, kind, suppress):
    getattr(server, stage).append(answer)
    with pytest.raises(ChannelError) as caught:
        await email.send(outbound(links))
    assert type(caught.value) is kind
    assert getattr(caught.value, "suppress", None) is suppress
    assert "@" not in caught.value.reason
    await email.send(outbound(links))  # the next one is taken


async def test_a_server_that_takes_the_text_and_says_nothing_leaves_it_unsure(server, links, clock):
    server.at_data.append("hangs")
    mailer = Mailer(read_relay(server.url), patience=0.05)
    with pytest.raises(ChannelUnsure):
        await EmailChannel(mailer, links, clock, Envelope(mailbox("news@shop.example"))).send(outbound(links))
    await mailer.close()


async def test_without_a_server_nothing_was_sent(links, clock):
    mailer = Mailer(read_relay(f"smtp://127.0.0.1:{free_port()}"))
    with pytest.raises(ChannelDown):
        await EmailChannel(mailer, links, clock, Envelope(mailbox("news@shop.example"))).send(outbound(links))


async def test_connections_are_used_again_and_replaced_when_they_break(email, links, server):
    for _ in range(3):
        await email.send(outbound(links))
    assert server.connections == 1
    server.drop_connections()
    await asyncio.sleep(0)
    await email.send(outbound(links))
    assert (server.connections, len(server.mails)) == (2, 4)


async def test_many_mails_at_once_share_few_connections(server, links, clock):
    mailer = Mailer(read_relay(server.url), connections=3)
    email = EmailChannel(mailer, links, clock, Envelope(mailbox("news@shop.example")))
    await asyncio.gather(*(email.send(outbound(links)) for _ in range(20)))
    assert len(server.mails) == 20
    assert server.connections <= 3
    await mailer.close()


# --- the way to the mail server -------------------------------------------------------------------------------------


async def sent(url: str, links: Links, clock: FakeClock) -> ChannelError | None:
    """Send a mail through a relay; the error, if there was one."""
    mailer = Mailer(read_relay(url))
    try:
        await EmailChannel(mailer, links, clock, Envelope(mailbox("news@shop.example"))).send(outbound(links))
    except ChannelError as error:
        return error
    finally:
        await mailer.close()
    return None


async def test_a_password_goes_over_an_encrypted_connection_alone(links, clock, tmp_path):
    async with mail_server(starttls=certificate(tmp_path), password="s3cret") as server:
        there = f"127.0.0.1:{server.port}"
        assert await sent(f"smtp://news:s3cret@{there}", links, clock) is None
        assert len(server.mails) == 1
        refused = await sent(f"smtp://news:wrong@{there}", links, clock)
        assert type(refused) is ChannelDown
        assert "user or password" in refused.reason
        for options in ("starttls=required&verify=on", "starttls=off"):
            assert type(await sent(f"smtp://news:s3cret@{there}?{options}", links, clock)) is ChannelDown
        assert len(server.mails) == 1


async def test_a_server_may_speak_tls_from_the_start(links, clock, tmp_path):
    async with mail_server(tls=certificate(tmp_path)) as server:
        assert await sent(f"smtps://127.0.0.1:{server.port}", links, clock) is None
        assert type(await sent(f"smtps://127.0.0.1:{server.port}?verify=on", links, clock)) is ChannelDown
        assert len(server.mails) == 1


async def test_where_encryption_is_required_and_not_offered_nothing_is_sent(server, links, clock):
    assert type(await sent(f"{server.url}?starttls=required", links, clock)) is ChannelDown
    assert server.mails == []


@pytest.mark.parametrize(
    ("url", "relay"),
    [
        ("smtp://mx.example", ("mx.example", 587, "", "", "optional", True)),
        ("smtp://u%40x:p%2F@mx.example:25", ("mx.example", 25, "u@x", "p/", "required", True)),
        ("smtps://u:p@mx.example?verify=off", ("mx.example", 465, "u", "p", "tls", False)),
        ("smtp://localhost:25?starttls=off", ("localhost", 25, "", "", "off", False)),
    ],
)
def test_the_relay_is_told_by_its_url(url, relay):
    assert tuple(read_relay(url)) == relay


@pytest.mark.parametrize(
    "url", ["http://x", "smtp://", "smtp://h:99999", "smtp://u@h", "smtp://h?tls=no", "smtps://h?starttls=off"]
)
def test_a_url_that_is_no_relay_is_refused(url):
    with pytest.raises(ValueError, match=r"must be|needs|knows|smtps"):
        read_relay(url)


def test_addresses_have_one_form():
    assert usual_address(" Zoé@Bücher.Example ") == "Zoé@xn--bcher-kva.example"
    assert mailbox("The shop <News@Shop.Example>") == ("The shop", "News@shop.example")
    for wrong in ("no", "zoé@b.example", "a@b@c.example <x>", "x\r\ny <a@b.example>"):
        with pytest.raises(ValueError, match="must be an address"):
            mailbox(wrong)
