"""What became of mails: bounces that come back, webhooks of mail services, and what is suppressed by that."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rules.entry import EventReceived
from server.errors import Forbidden, NotFound
from server.model.actor import SYSTEM, Actor
from server.services.bounce_message import read_bounce
from server.services.mail_webhooks import read_events, subscription_of
from server.store import keys
from tests.came_back import ZOE, Sent, dsn

DEEP = b"Content-Type: message/rfc822\r\n\r\n" * 3000

ARF = """\
From: <abuse@mailbox.example>
To: <fbl@shop.example>
Subject: FW: Hello
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="B"

--B
Content-Type: text/plain

This is an email abuse report.
--B
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
Original-Rcpt-To: <zoe@home.example>

--B
Content-Type: message/rfc822

From: <news@shop.example>
Message-ID: <{name}@shop.example>
Subject: Hello

Hello Zoe
--B--
"""


@pytest.fixture
async def mail(services) -> Sent:
    return await Sent(services).keep()


async def told(services) -> list[EventReceived]:
    return [entry for _, entry in await services.logged()]


async def reason(services) -> str | None:
    return await services.suppressions.reason("email", ZOE)


async def bounce(services, raw: bytes) -> int:
    taken: int = await services.mail_reports.take(read_bounce(raw))
    return taken


@pytest.mark.parametrize("kind", ["text/rfc822-headers", "message/rfc822"])
async def test_a_mail_to_nobody_suppresses_the_address_at_once(services, mail, kind):
    assert await bounce(services, dsn(mail.name, kind=kind)) == 1
    assert await reason(services) == "hard bounce"
    [entry] = await told(services)
    assert (entry.name, entry.source) == ("Email Bounced", "relance")
    assert entry.properties == {
        "message": "welcome", "delivery": mail.delivery.id, "channel": "email", "purpose": "newsletter",
        "scenario": "hello", "kind": "hard", "reason": "5.1.1",
    }  # fmt: skip
    after = await mail.now()
    assert (after.state, after.reason) == ("failed", "hard bounce 5.1.1")


async def test_the_same_bounce_twice_is_one_event(services, mail):
    for _ in range(2):
        await bounce(services, dsn(mail.name))
    assert len({entry.message_id for entry in await told(services)}) == 1


@pytest.mark.parametrize(
    ("status", "diagnostic", "hard"),
    [
        ("5.2.2", "552 5.2.2 mailbox full", False),
        ("5.7.1", "550 5.7.1 policy", False),
        ("4.4.7", "421 4.4.7 expired", False),
        ("5.2.1", "550 5.2.1 disabled", True),
        ("5.0.0", "550 5.1.1 no such user", True),
        ("5.0.0", "550 5.2.2 over quota", False),
    ],
)
async def test_only_a_dead_address_is_suppressed_at_once(services, mail, status, diagnostic, hard):
    await bounce(services, dsn(mail.name, status, diagnostic=diagnostic))
    assert await reason(services) == ("hard bounce" if hard else None)
    assert (await told(services))[0].properties["kind"] == ("hard" if hard else "soft")


async def test_five_soft_bounces_between_which_nothing_arrives_suppress(services):
    for number in range(5):
        assert await reason(services) is None
        sent = await Sent(services, number).keep()
        for _ in range(2):  # each is told twice
            await bounce(services, dsn(sent.name, "4.2.2"))
    assert await reason(services) == "soft bounces"


async def test_a_mail_that_arrives_forgets_soft_bounces(services):
    for number in range(8):
        sent = await Sent(services, number).keep()
        await bounce(
            services,
            dsn(sent.name, "2.0.0" if number == 4 else "4.2.2", action="delivered" if number == 4 else "failed"),
        )
    assert await reason(services) is None


async def test_a_delay_is_no_bounce(services, mail):
    assert await bounce(services, dsn(mail.name, "4.4.1", action="delayed")) == 0
    assert await told(services) == []


async def test_a_mail_that_arrived_says_so(services, mail):
    await bounce(services, dsn(mail.name, "2.1.5", action="delivered", diagnostic="250 OK"))
    assert [entry.name for entry in await told(services)] == ["Email Delivered"]
    assert (await mail.now()).state == "delivered"


async def test_a_complaint_suppresses_at_once(services, mail):
    assert await bounce(services, ARF.format(name=mail.name).encode()) == 1
    assert await reason(services) == "complaint"
    assert [entry.name for entry in await told(services)] == ["Email Complained"]


async def test_what_was_not_sent_from_here_counts_nothing(services, mail):
    other = mail.name[:-4] + ("0000" if not mail.name.endswith("0000") else "1111")
    assert await bounce(services, dsn(other)) == 0
    assert await bounce(services, dsn(mail.name, recipient="somebody@else.example")) == 0
    assert await bounce(services, dsn("abc")) == 0
    assert await reason(services) is None
    assert await services.suppressions.reason("email", "somebody@else.example") is None
    assert await told(services) == []


def test_an_answer_of_an_absent_reader_is_no_bounce():
    name = "1-" + "a" * 16 + ".a01." + "0" * 16
    away = (
        f"From: Zoe <zoe@home.example>\r\nSubject: Away\r\nAuto-Submitted: auto-replied\r\n"
        f"In-Reply-To: <{name}@shop.example>\r\n\r\nI am away until 5.1.2027. Write to 5.1.1.\r\n"
    )
    assert read_bounce(away.encode()) == []


def test_an_old_mail_system_tells_in_words():
    name = "1-" + "a" * 16 + ".a01." + "0" * 16
    text = (
        f"From: Mail Delivery <MAILER-DAEMON@mx.example>\r\nSubject: failure\r\n\r\n"
        f"<zoe@home.example>: 550 5.1.1 unknown\r\n\r\n> Message-ID: <{name}@shop.example>\r\n"
    )
    [report] = read_bounce(text.encode())
    assert (report.fate, report.names, report.status) == ("hard bounce", (name,), "5.1.1")


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe", b"Content-Type: multipart/report; boundary=x\r\n\r\n--x", b"a" * 5000, DEEP]
)
def test_what_is_no_mail_is_no_bounce(raw):
    assert read_bounce(raw) == []


# --- webhooks ---------------------------------------------------------------------------------------------------


def ses(kind: str, name: str, **more: Any) -> dict[str, Any]:
    headers = [{"name": "X-Relance-Delivery", "value": name}]
    return {"notificationType": kind, "mail": {"messageId": "0102", "headers": headers}, **more}


def events(name: str) -> dict[str, tuple[Any, str, str | None]]:
    """What services say, the event that it is, why the address is suppressed by it."""
    bounced = {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": ZOE, "status": "5.1.1"}]}
    full = {"bounceType": "Transient", "bouncedRecipients": [{"emailAddress": ZOE, "status": "4.2.2"}]}
    message = {"headers": {"message-id": f"{name}@shop.example"}}
    postmark = {"Metadata": {"relance": name}, "MessageID": "883953f4", "Email": ZOE}
    return {
        "ours": ({"type": "bounce", "message_id": f"<{name}@shop.example>", "reason": "smtp; 550 5.1.1 unknown"},
                 "Email Bounced", "hard bounce"),
        "ours delivered": ({"type": "delivered", "reference": name}, "Email Delivered", None),
        "ours list": ([{"type": "complaint", "message_id": name}], "Email Complained", "complaint"),
        "ses": (ses("Bounce", name, bounce=bounced), "Email Bounced", "hard bounce"),
        "ses full": (ses("Bounce", name, bounce=full), "Email Bounced", None),
        "ses delivery": (ses("Delivery", name, delivery={"recipients": [ZOE]}), "Email Delivered", None),
        "sns": ({"Type": "Notification", "Message": json.dumps(ses("Complaint", name, complaint={
            "complainedRecipients": [{"emailAddress": ZOE}]}))}, "Email Complained", "complaint"),
        "postmark": ({"RecordType": "Bounce", "Type": "HardBounce", **postmark}, "Email Bounced", "hard bounce"),
        "postmark delivery": ({"RecordType": "Delivery", **postmark}, "Email Delivered", None),
        "postmark spam": ({"RecordType": "SpamComplaint", **postmark}, "Email Complained", "complaint"),
        "mailgun": ({"signature": {}, "event-data": {
            "event": "failed", "severity": "permanent", "recipient": ZOE, "message": message,
            "delivery-status": {"code": 550, "message": "5.1.1 no such user"}}}, "Email Bounced", "hard bounce"),
        "mailgun spam": ({"event-data": {"event": "complained", "recipient": ZOE, "message": message}},
                         "Email Complained", "complaint"),
    }  # fmt: skip


@pytest.mark.parametrize("which", events("").keys())
async def test_each_services_form_is_read(services, mail, which):
    await services.store.identities.claim("email", ZOE, "a01")
    await known(services)
    body, name, why = events(mail.name)[which]
    assert await services.mail_reports.take(read_events(json.dumps(body).encode())) == 1
    assert [entry.name for entry in await told(services) if entry.name != "identify"] == [name]
    assert await reason(services) == why


async def known(services) -> None:
    """Zoe's contact as the engine would have written it."""
    from rules.contact import Contact

    contact = Contact(id="a01", identities=[("email", ZOE)])
    partition = services.store.partition("a01")
    bucket = keys.bucket_of("a01", services.store.partitions)
    await services.store.redis.hset(
        keys.contacts(partition, bucket), "a01", services.store.seal.encode("contact", contact)
    )


async def test_what_is_about_something_else_is_taken_and_does_nothing(services, api):
    for body in (
        {
            "Type": "SubscriptionConfirmation",
            "Message": "You have chosen",
            "SubscribeURL": "https://sns.amazonaws.com/",
        },
        {"notificationType": "AmazonSnsSubscriptionSucceeded"},
        {"RecordType": "Open"},
        {"event-data": {"event": "opened"}},
        {"event-data": {"event": "failed", "severity": "temporary"}},
        {"type": "bounce", "message_id": "unknown@else.example"},
        [],
    ):
        answer = await api.post("/hooks/email-events", json=body)
        assert (answer.status_code, answer.json()["taken"]) == (200, 0)
    assert await told(services) == []


def test_only_an_address_of_amazon_confirms_a_topic():
    for url, confirms in (("https://sns.eu-west-1.amazonaws.com/?Token=1", True), ("https://x.example/", False)):
        body = json.dumps({"Type": "SubscriptionConfirmation", "SubscribeURL": url}).encode()
        assert subscription_of(body) == (url if confirms else "")


async def test_an_event_that_says_nothing_is_refused(api):
    for body in (b"{", b"[1]", b'{"type": "eaten"}', b'{"type": "bounce"}', b"[" * 5000):
        answer = await api.post("/hooks/email-events", content=body, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422)


async def test_a_mail_that_came_back_can_be_posted(services, api, mail):
    answer = await api.post("/v1/bounces", content=dsn(mail.name), headers={"content-type": "message/rfc822"})
    assert answer.json() == {"success": True, "taken": 1}
    assert await reason(services) == "hard bounce"


async def test_reports_need_a_server_sources_key(services, api, mail):
    body = {"type": "complaint", "message_id": mail.name, "recipient": ZOE}
    api.auth = None
    assert (await api.post("/hooks/email-events", json=body)).status_code == 401
    browser = await services.sources.add("site", "browser")
    reader = await services.sources.add_key("reader", ["read"])
    for key in (browser, reader):
        answer = await api.post("/hooks/email-events", json=body, headers={"authorization": f"Bearer {key}"})
        assert answer.status_code == 403
    assert await reason(services) is None
    writer = await services.sources.add_key("writer", ["write"])
    answer = await api.post("/hooks/email-events", json=body, headers={"authorization": f"Bearer {writer}"})
    assert answer.json()["taken"] == 1


# --- suppressions ---------------------------------------------------------------------------------------------------


async def test_an_address_is_suppressed_in_every_spelling(services):
    assert await services.suppressions.add("email", "Zoe@Home.Example", "hard bounce", "a01")
    assert not await services.suppressions.add("email", ZOE, "complaint")
    assert await services.suppressions.reason("email", " ZOE@home.example ") == "hard bounce"
    assert await services.suppressions.reason("sms", ZOE) is None


async def test_a_person_lifts_a_suppression(services):
    await services.suppressions.add("email", ZOE, "hard bounce")
    privacy = Actor(id="u1", roles=("privacy",))
    await services.suppressions.remove(privacy, "email", ZOE)
    assert await reason(services) is None
    with pytest.raises(NotFound):
        await services.suppressions.remove(privacy, "email", ZOE)


async def test_who_may_not_lift_a_suppression_is_told_so(services):
    for actor in (Actor(id="u2", roles=("approver",)), Actor(id="k", scopes=("write",), via="http")):
        with pytest.raises(Forbidden):
            await services.suppressions.remove(actor, "email", ZOE)
        with pytest.raises(Forbidden):
            await services.suppressions.listing(actor)


async def test_suppressions_are_listed_without_addresses(services, store):
    for number in range(30):
        await services.suppressions.add("email", f"z{number}@home.example", "hard bounce", f"a{number}")
    found, cursor = [], None
    while True:
        some = await services.suppressions.listing(SYSTEM, cursor, limit=10)
        found += some.suppressions
        if (cursor := some.next) is None:
            break
    assert {one.contact for one in found} == {f"a{number}" for number in range(30)}
    kept = await store.redis.hgetall(keys.suppressed())
    assert not any(b"home" in field + blob for field, blob in kept.items())
