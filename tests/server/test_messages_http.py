"""Messages over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from server.model.actor import SYSTEM
from server.store.message_outbox import MessageOutbox
from server.store.store import Store
from tests.engines import drain, engine_on, event, publish

RULES = """\
attribute first_name: text, personal
purpose newsletter: "I want the newsletter.", via email
trigger hello for newsletter: on "Signed Up"
  send email welcome
"""
SOURCE = "---\nsubject: Hi {{ contact.first_name }}\nexpires: 2020-01-01\n---\nHello *{{ contact.first_name }}*\n"
PATH = "/v1/messages/welcome/email/fr"


@pytest.fixture
async def client(services, app, store: Store) -> AsyncIterator[httpx.AsyncClient]:
    await publish(store, RULES)
    await store.messages.remove(await store.messages.load("welcome", "email", ""))
    key = await services.sources.add_key("cms", ("read", "write", "rules"))
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://relance.test", headers=headers
    ) as made:
        yield made


async def test_a_template_is_put_read_listed_and_deleted(client: httpx.AsyncClient) -> None:
    made = await client.put(PATH, json={"source": SOURCE, "owner": "Ann"})
    assert (made.status_code, made.headers["etag"]) == (200, '"1"')
    assert made.json()["expires"] == "2020-01-02T00:00:00Z"
    assert (await client.put(PATH, json={"source": SOURCE})).status_code == 428
    assert (await client.put(PATH, json={"source": SOURCE}, headers={"if-match": '"7"'})).status_code == 409
    again = await client.put(PATH, json={"source": SOURCE, "expires": None}, headers={"if-match": '"1"'})
    assert (again.json()["revision"], again.json()["expires"], again.json()["owner"]) == (2, None, "Ann")
    assert (await client.get(PATH)).json()["source"] == SOURCE
    other = await client.put("/v1/messages/other/sms/-", json={"source": "Hello", "format": "text"})
    assert other.json()["locale"] == "-"
    [row, one] = (await client.get("/v1/messages")).json()["messages"]
    assert (row["name"], one["name"], one["sent_by"], one["stale"]) == ("other", "welcome", ["trigger hello"], False)
    assert len((await client.get("/v1/messages?name=welcome")).json()["messages"]) == 1
    assert (await client.delete("/v1/messages/other/sms/-")).status_code == 204
    refused = await client.delete(PATH)
    assert (refused.status_code, "trigger hello" in refused.json()["detail"]) == (409, True)


async def test_mistakes_are_told_with_their_lines(client: httpx.AsyncClient) -> None:
    wrong = await client.put(PATH, json={"source": "---\nsubject: Hi\n---\n{{ contact.frist_name }}"})
    assert wrong.status_code == 422
    [error] = wrong.json()["errors"]
    assert (error["line"], error["column"], error["suggestion"]) == (4, 12, "first_name")
    assert (await client.put("/v1/messages/welcome/fax/fr", json={"source": "x"})).status_code == 422
    assert (await client.put(PATH, json={"sauce": "x"})).status_code == 400
    assert (await client.get("/v1/messages/welcome/email/de")).status_code == 404


async def test_a_long_template_is_taken_and_one_that_is_too_long_is_told(client: httpx.AsyncClient) -> None:
    long = SOURCE + "Word and word.\n\n" * 6000
    assert (await client.put(PATH, json={"source": long})).status_code == 200
    wrong = await client.put("/v1/messages/other/email/fr", json={"source": long + long})
    assert (wrong.status_code, "at most" in wrong.text) == (422, True)


async def test_the_built_in_layout_is_shown_where_there_is_none_of_our_own(client: httpx.AsyncClient) -> None:
    shown = (await client.get("/v1/messages/layout/email/-")).json()
    assert (shown["revision"], "{{ content }}" in shown["source"]) == (0, True)


async def test_a_message_is_previewed_for_a_contact_and_sent_to_a_colleague(
    client: httpx.AsyncClient, services, store: Store
) -> None:
    contact = store.identities.new_id(True)
    await store.identities.claim("user", "42", contact)
    known = {"first_name": "Zoé & co"}
    await store.log.append([(contact, event(store, "identify", traits=known, identities=(("user", "42"),)))])
    await drain(store, engine_on(store))
    await client.put(PATH, json={"source": SOURCE})
    seen = (await client.post(f"{PATH}/preview?contact=user:42")).json()
    assert (seen["subject"], seen["contact"], seen["locale"]) == ("Hi Zoé & co", contact, "fr")
    assert "<em>Zoé &amp; co</em>" in seen["html"]
    assert "https://relance.test/unsubscribe/test" in seen["text"].replace("http:", "https:")
    assert (await client.post(f"{PATH}/preview?contact=user:43")).status_code == 404
    await services.people.add("Ann", "marketer", email="ann@shop.example")
    await services.people.add("Bob", "marketer")
    nowhere = await client.post(f"{PATH}/test", json={"contact": "user:42", "user": "Bob"})
    assert (nowhere.status_code, "--email" in nowhere.json()["detail"]) == (422, True)
    sent = await client.post(f"{PATH}/test", json={"contact": "user:42", "user": "Ann"})
    assert sent.status_code == 202
    outbox = MessageOutbox(store.redis, store.seal, store.partitions)
    taken, _ = await outbox.take(store.partition(contact), store.clock.now(), store.clock.now() + 1000, 10)
    [delivery] = [one.delivery for one in taken]
    assert delivery is not None
    assert (delivery.id, delivery.message, delivery.statement, delivery.locale) == (
        sent.json()["delivery"], "welcome", "", "fr",
    )  # fmt: skip
    assert await services.people.address(delivery.by, "email") == "ann@shop.example"


async def test_a_key_writes_messages_only_with_the_scope_for_rules(services, app) -> None:
    key = await services.sources.add_key("crm", ("read", "write"))
    headers = {"authorization": f"Bearer {key}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://relance.test", headers=headers) as client:
        assert (await client.put(PATH, json={"source": SOURCE})).status_code == 403
        assert (await client.get("/v1/messages")).status_code == 200
        assert (await client.delete(PATH)).status_code == 403
    assert await services.messages.listing(SYSTEM) == []
