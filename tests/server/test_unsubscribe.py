"""Unsubscribing by the link of a mail: one click, a page that asks, what holds then, and taking it back."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from rules.contact import Event
from server.engine.engine import Engine
from server.model.actor import SYSTEM
from server.model.outgoing import MessageDelivery
from server.services.consents import ConsentRequest
from tests.engines import at_rest, engine_on, publish, working

BOOK = """
purpose newsletter: "Yes, send me the <b>newsletter</b> every week."
purpose offers: "Offers by e-mail.", via email
"""
ONE_CLICK = {"content": "List-Unsubscribe=One-Click", "headers": {"content-type": "application/x-www-form-urlencoded"}}
FRENCH = {"accept-language": "fr-BE,fr;q=0.9"}


def mail(contact: str, purpose: str = "newsletter") -> MessageDelivery:
    return MessageDelivery(
        id="d1", contact=contact, channel="email", message="welcome", purpose=purpose, statement="scenario", rule="hi"
    )


@pytest.fixture
async def engine(store) -> AsyncIterator[Engine]:
    """An engine that works meanwhile, under the published rulebook."""
    await publish(store, BOOK)
    started = engine_on(store)
    async with working(started):
        yield started


@pytest.fixture
async def contact(services, engine) -> str:
    found = await services.store.identities.claim("email", "zoe@home.example", "a01")
    await grant(services, found)
    return found


async def grant(services, contact: str, channel: str = "") -> None:
    request = ConsentRequest(purpose="newsletter", action="grant", source="form", channel=channel)
    await services.consents.record(SYSTEM, contact, request)


def page(services, contact: str) -> str:
    return services.links.unsubscribe(mail(contact)).removeprefix("http://relance.test")


async def status(services, contact: str) -> str:
    return (await services.consents.current(contact))["newsletter"]


async def told(services, engine: Engine) -> list[Event]:
    """The events that the contact's history has of us."""
    await at_rest(services.store, engine)
    contact = await services.store.contacts.load("a01")
    return [event for event in contact.tail if event.source == "relance"]


async def test_one_click_of_a_mail_program_withdraws_at_once(services, api, contact, engine):
    api.auth = None
    url = page(services, contact)
    answer = await api.post(url, **ONE_CLICK | {"headers": {**ONE_CLICK["headers"], "user-agent": "MailProgram/1"}})
    assert answer.status_code == 200
    assert await status(services, contact) == "withdrawn"
    record = (await services.consents.ledger(contact))[-1]
    assert (record.action, record.source, record.by, record.user_agent) == (
        "withdraw", "one-click unsubscribe (RFC 8058)", "contact", "MailProgram/1"
    )  # fmt: skip
    [entry] = await told(services, engine)
    assert entry.name == "Email Unsubscribed"
    assert entry.properties["message"] == "welcome"
    assert entry.properties["purpose"] == "newsletter"


async def test_one_click_may_come_as_multipart(services, api, contact):
    await api.post(page(services, contact), files={"List-Unsubscribe": (None, "One-Click")})
    assert await status(services, contact) == "withdrawn"
    assert (await services.consents.ledger(contact))[-1].source == "one-click unsubscribe (RFC 8058)"


async def test_looking_at_the_page_changes_nothing(services, api, contact, engine):
    answer = await api.get(page(services, contact))
    assert await status(services, contact) == "granted"
    assert answer.status_code == 200
    assert "Yes, send me the &lt;b&gt;newsletter&lt;/b&gt; every week." in answer.text
    assert '<form method="post"' in answer.text
    assert (await api.head(page(services, contact))).status_code in (200, 405)
    assert await told(services, engine) == []


async def test_the_button_withdraws_and_says_what_holds(services, api, contact):
    answer = await api.post(page(services, contact), data={"action": "unsubscribe"})
    assert "You are unsubscribed" in answer.text
    assert await status(services, contact) == "withdrawn"
    assert (await services.consents.ledger(contact))[-1].source == "unsubscribe page"
    assert "You are not subscribed" in (await api.get(page(services, contact))).text


async def test_twice_is_once(services, api, contact, engine):
    for _ in range(2):
        await api.post(page(services, contact), **ONE_CLICK)
    assert len(await services.consents.ledger(contact)) == 2
    assert len(await told(services, engine)) == 1


async def undo_of(services, api, contact: str) -> str:
    answer = await api.post(page(services, contact), data={"action": "unsubscribe"})
    [token] = re.findall(r'name="undo" value="([^"]+)"', answer.text)
    return token


async def test_a_mistake_is_taken_back_within_an_hour(services, api, contact):
    token = await undo_of(services, api, contact)
    answer = await api.post(page(services, contact), data={"undo": token})
    assert "You are subscribed again" in answer.text
    assert await status(services, contact) == "granted"
    assert (await services.consents.ledger(contact))[-1].source == "unsubscribe page, undone"


async def test_after_an_hour_nothing_is_taken_back(services, api, contact, clock):
    token = await undo_of(services, api, contact)
    clock.advance(minutes=61)
    answer = await api.post(page(services, contact), data={"undo": token})
    assert answer.status_code == 404
    assert await status(services, contact) == "withdrawn"


async def test_taking_back_gives_no_more_than_was_there(services, api, store, engine):
    await grant(services, "a02", "email")
    token = await undo_of(services, api, "a02")
    await api.post(page(services, "a02"), data={"undo": token})
    sheet = await store.consents.sheet("a02")
    assert (sheet.purposes["newsletter"].status, sheet.purposes["newsletter"].channels) == ("granted", ("email",))


async def test_a_link_of_an_unsubscribe_page_grants_nothing(services, api, contact):
    await api.post(page(services, contact), **ONE_CLICK)
    link = page(services, contact).rpartition("/")[2]
    assert (await api.post(page(services, contact), data={"undo": link})).status_code == 404
    assert await status(services, contact) == "withdrawn"
    assert "undo" not in (await api.post(page(services, contact), **ONE_CLICK)).text


async def test_the_page_speaks_the_contacts_language(services, api, store, contact, engine):
    assert 'lang="fr"' in (await api.get(page(services, contact), headers=FRENCH)).text
    await api.post("/v1/identify", json={"anonymousId": "x", "context": {"locale": "fr-CA"}})
    known = await services.store.identities.find("anonymous", "x")
    await at_rest(store, engine)
    text = (await api.get(page(services, known), headers={"accept-language": "en"})).text
    assert 'lang="fr"' in text
    assert "You" not in text


async def test_a_link_that_is_none_of_ours_says_so(services, api, contact):
    for token in ("nonsense", services.links.click(mail(contact), "https://x.example").rpartition("/")[2]):
        for answer in (await api.get(f"/unsubscribe/{token}"), await api.post(f"/unsubscribe/{token}", **ONE_CLICK)):
            assert answer.status_code == 404
            assert "This link does not work" in answer.text
    assert await status(services, contact) == "granted"


async def test_a_test_message_unsubscribes_nobody(api, services, contact):
    for answer in (await api.get("/unsubscribe/test"), await api.post("/unsubscribe/test", **ONE_CLICK)):
        assert "This was a test" in answer.text
    assert await status(services, contact) == "granted"


async def test_a_purpose_that_is_gone_does_not_stand_in_the_way(services, api, engine):
    url = services.links.unsubscribe(mail("a03", "gone")).removeprefix("http://relance.test")
    assert "You are unsubscribed" in (await api.post(url, **ONE_CLICK)).text


async def test_the_pages_let_nothing_in(services, api, contact):
    answer = await api.get(page(services, contact))
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "<script" not in answer.text
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


async def test_a_withdrawal_outlives_a_join(services, api, store, contact, engine):
    url = page(services, contact)
    await api.post("/v1/identify", json={"userId": "7", "anonymousId": "b"})
    user = await services.store.identities.find("user", "7")
    await services.joining.join(contact, user)
    await at_rest(store, engine)
    await api.post(url, **ONE_CLICK)
    sheet = await store.consents.sheet(user)
    assert sheet.purposes["newsletter"].status == "withdrawn"
