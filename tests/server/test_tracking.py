"""What readers do with mails: openings, clicks, programs that look at links, visitors of the site, what is ignored."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest

from rules.entry import EventReceived
from server.errors import Invalid
from server.model.outgoing import MessageDelivery, delivery_id
from server.services.programs import Visit, is_program
from server.services.tracking import HOLD, IGNORED_AFTER, unread_member
from server.store import keys
from server.store.message_outbox import SEAL
from tests.engines import drain, engine_on, publish

FIREFOX = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"}
SHOES, HATS = "https://shop.example/shoes?size=38#top", "https://shop.example/hats"


def delivery(contact: str = "a01", **more: object) -> MessageDelivery:
    fields = {
        "id": "d1", "contact": contact, "channel": "email", "message": "welcome", "purpose": "newsletter",
        "statement": "scenario", "rule": "hello",
    }  # fmt: skip
    return MessageDelivery(**{**fields, **more})


async def told(services, *names: str) -> list[EventReceived]:
    """The events about mails in the logs."""
    found = [entry for _, entry in await services.logged() if isinstance(entry, EventReceived)]
    return [entry for entry in found if not names or entry.name in names]


def path(url: str) -> str:
    return url.removeprefix("http://relance.test")


async def test_an_opening_is_an_event_of_the_contact(services, api):
    picture = await api.get(path(services.links.open(delivery())), headers=FIREFOX)
    assert (picture.status_code, picture.headers["content-type"], picture.content[:6]) == (200, "image/gif", b"GIF89a")
    assert "no-store" in picture.headers["cache-control"]
    [(contact, entry)] = await services.logged()
    assert (contact, entry.name, entry.source) == ("a01", "Email Opened", "relance")
    assert entry.properties == {"message": "welcome", "delivery": "d1", "channel": "email", "purpose": "newsletter"}


async def test_no_source_speaks_in_our_name(services):
    with pytest.raises(Invalid):
        await services.sources.add("relance")


async def test_opening_twice_counts_once(services, api, store):
    for _ in range(2):
        await api.get(path(services.links.open(delivery())), headers=FIREFOX)
    assert len({entry.message_id for entry in await told(services)}) == 1


async def test_a_picture_that_is_none_of_ours_is_a_picture_all_the_same(services, api):
    for name in ("nonsense.gif", "nonsense", "%00.gif", "a" * 5000 + ".gif"):
        assert (await api.get(f"/o/{name}", headers=FIREFOX)).status_code == 200
    assert await services.logged() == []


async def test_a_click_leads_on_with_a_token_and_counts(services, api):
    click = await api.get(path(services.links.click(delivery(), SHOES, links=1)), headers=FIREFOX)
    assert click.status_code == 302
    to = urlsplit(click.headers["location"])
    assert (to.netloc, to.path, to.fragment) == ("shop.example", "/shoes", "top")
    assert parse_qs(to.query)["size"] == ["38"]
    assert services.links.read(parse_qs(to.query)["relance"][0], "visitor").contact == "a01"
    [entry] = await told(services)
    assert (entry.name, entry.properties["url"], entry.properties["message"]) == (
        "Email Link Clicked",
        SHOES,
        "welcome",
    )


async def test_a_click_among_several_links_counts_a_moment_later(services, api, clock):
    await api.get(path(services.links.click(delivery(), SHOES, links=4)), headers=FIREFOX)
    await services.tracking.sweep()
    assert await told(services) == []
    clock.advance(milliseconds=HOLD)
    await services.tracking.sweep()
    await services.tracking.sweep()
    assert [entry.name for entry in await told(services)] == ["Email Link Clicked"]


async def test_an_event_names_the_scenario_while_the_delivery_is_known(services, api, store):
    partition = store.partition("a01")
    mail = delivery(id=delivery_id(partition, "1-0", "a01", "0"))
    await store.redis.set(keys.delivery(partition, mail.id), store.seal.encode(SEAL, mail))
    await api.get(path(services.links.open(mail)), headers=FIREFOX)
    [entry] = await told(services)
    assert entry.properties["scenario"] == "hello"


async def test_who_follows_every_link_within_seconds_is_a_program(services, api, clock):
    urls = [f"https://shop.example/{page}" for page in range(3)]
    for url in urls:
        answer = await api.get(path(services.links.click(delivery(), url, links=3)), headers=FIREFOX)
        assert answer.headers["location"].startswith(url)
    clock.advance(milliseconds=HOLD)
    await services.tracking.sweep()
    assert await told(services) == []
    again = await api.get(path(services.links.click(delivery(), urls[0], links=3)), headers=FIREFOX)
    assert again.headers["location"] == urls[0]
    clock.advance(hours=1)


async def test_five_links_of_many_within_seconds_are_a_programs_work(services, api, clock):
    for page in range(5):
        await api.get(path(services.links.click(delivery(), f"https://shop.example/{page}", links=40)), headers=FIREFOX)
    clock.advance(milliseconds=HOLD)
    await services.tracking.sweep()
    assert await told(services) == []


async def test_who_reads_one_link_after_the_other_is_a_person(services, api, clock):
    for url in (SHOES, HATS):
        await api.get(path(services.links.click(delivery(), url, links=2)), headers=FIREFOX)
        clock.advance(milliseconds=HOLD + 1)
        await services.tracking.sweep()
    assert [entry.properties["url"] for entry in await told(services)] == [SHOES, HATS]


async def test_what_programs_fetch_does_not_count(services, api):
    for headers in (
        {"user-agent": ""},
        {"user-agent": "Barracuda Sentinel (EE)"},
        {"user-agent": "python-requests/2.32"},
        {"user-agent": "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"},
        {**FIREFOX, "sec-purpose": "prefetch;prerender"},
        {**FIREFOX, "purpose": "prefetch"},
        {**FIREFOX, "x-moz": "prefetch"},
    ):
        click = await api.get(path(services.links.click(delivery(), HATS)), headers=headers)
        assert (click.status_code, click.headers["location"]) == (302, HATS)
        await api.get(path(services.links.open(delivery())), headers=headers)
    assert await services.logged() == []


async def test_a_head_leads_on_and_does_not_count(services, api):
    click = await api.head(path(services.links.click(delivery(), HATS)), headers=FIREFOX)
    assert (click.status_code, click.headers["location"], click.content) == (302, HATS, b"")
    assert await services.logged() == []


@pytest.mark.parametrize(
    ("agent", "clicks", "opens"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1", 1, 1),
        ("Mozilla/5.0 (Linux; Android 11; CUBOT NOTE 20) Chrome/120.0 Mobile Safari/537.36", 1, 1),
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Thunderbird/115.3", 1, 1),
        ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", 1, 1),
        ("Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17531; Pro)", 0, 1),
        ("Mozilla/5.0", 1, 0),  # Apple Mail fetches all pictures, read or not
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", 0, 0),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/126.0.0.0 Safari/537.36", 0, 0),
        ("Go-http-client/1.1", 0, 0),
    ],
)
def test_who_clicks_and_who_opens(agent, clicks, opens):
    visit = Visit(user_agent=agent)
    assert (not is_program(visit), not is_program(visit, picture=True)) == (bool(clicks), bool(opens))


async def test_a_link_that_is_none_of_ours_leads_nowhere(services, api):
    token = services.links.click(delivery(), HATS).rpartition("/")[2]
    for wrong in ("nonsense", token[:-2] + "AA", services.links.open(delivery()).rpartition("/")[2][:-4]):
        answer = await api.get(f"/l/{wrong}", headers=FIREFOX)
        assert answer.status_code == 404
        assert "location" not in answer.headers
        assert "This link does not work" in answer.text


async def test_a_target_cannot_write_headers(services, api):
    url = "https://shop.example/é?x=a b\r\nSet-Cookie: a=b"
    answer = await api.get(path(services.links.click(delivery(), url)), headers=FIREFOX)
    assert "set-cookie" not in answer.headers
    assert answer.headers["location"].startswith("https://shop.example/%C3%A9?x=a%20b%0D%0A")


# --- ignored --------------------------------------------------------------------------------------------------------


async def sent(store, clock, mail: MessageDelivery) -> None:
    """A tracked mail goes out, as the courier writes it down."""
    name = keys.unread(store.partition(mail.contact))
    await store.redis.zadd(name, {unread_member(mail.contact, mail.id, mail.message): clock.now() + IGNORED_AFTER})


async def test_a_mail_that_nobody_opens_for_a_week_is_ignored_once(services, store, clock):
    await sent(store, clock, delivery())
    clock.advance(days=6, hours=23)
    await services.tracking.sweep()
    assert await told(services) == []
    clock.advance(hours=1)
    await asyncio.gather(*(services.tracking.sweep() for _ in range(4)))  # each worker has a sweep of its own
    [(contact, entry)] = await services.logged()
    assert (contact, entry.name, entry.properties["message"]) == ("a01", "Email Ignored", "welcome")


@pytest.mark.parametrize("how", ["open", "click"])
async def test_a_mail_that_was_read_is_not_ignored(services, api, store, clock, how):
    await sent(store, clock, delivery())
    links = services.links
    url = links.open(delivery()) if how == "open" else links.click(delivery(), HATS, links=3)
    await api.get(path(url), headers=FIREFOX)
    clock.advance(days=8)
    await services.tracking.sweep()
    await services.tracking.sweep()
    assert [entry.name for entry in await told(services)] == ["Email Opened" if how == "open" else "Email Link Clicked"]


async def test_what_only_a_program_looked_at_is_ignored(services, api, store, clock):
    await sent(store, clock, delivery())
    await api.get(path(services.links.open(delivery())), headers={"user-agent": "Proofpoint"})
    clock.advance(days=8)
    await services.tracking.sweep()
    assert [entry.name for entry in await told(services)] == ["Email Ignored"]


# --- visitors -------------------------------------------------------------------------------------------------------


async def clicked(services, api, mail: MessageDelivery) -> str:
    """Follow the only link of a mail; return the token that the site is given."""
    answer = await api.get(path(services.links.click(mail, HATS, links=1)), headers=FIREFOX)
    return parse_qs(urlsplit(answer.headers["location"]).query)["relance"][0]


async def known_by_mail(services, api) -> str:
    """A contact who never logged in, known by an e-mail address alone."""
    await api.post("/v1/identify", json={"anonymousId": "form", "traits": {"email": "zoe@home.example"}})
    contact = await services.store.identities.find("email", "zoe@home.example")
    assert contact is not None
    return contact


async def visitor(api, token: str, anonymous: str, **more: object):
    return await api.post("/v1/visitor", json={"token": token, "anonymousId": anonymous}, **more)


async def test_a_visitor_who_came_by_a_mail_is_its_reader(services, api, store):
    await publish(store, "attribute email: text")
    contact = await known_by_mail(services, api)
    await api.post("/v1/page", json={"anonymousId": "browser-7", "name": "Before"})
    token = await clicked(services, api, delivery(contact))
    answer = await visitor(api, token, "browser-7")
    assert answer.json() == {"success": True, "joined": True}
    assert answer.headers["access-control-allow-origin"] == "*"
    await api.post("/v1/page", json={"anonymousId": "browser-7", "name": "After"})
    await drain(store, engine_on(store))
    loaded = await store.contacts.load(contact)
    assert {"Email Link Clicked", "Page Viewed"} == {event.name for event in loaded.tail}
    assert [event.properties.get("name") for event in loaded.tail if event.name == "Page Viewed"] == ["Before", "After"]


async def test_a_browser_that_was_never_seen_is_the_readers_from_then_on(services, api):
    contact = await known_by_mail(services, api)
    await visitor(api, await clicked(services, api, delivery(contact)), "new-browser")
    assert await services.store.identities.find("anonymous", "new-browser") == contact


async def test_a_token_is_for_one_browser_and_half_an_hour(services, api, clock):
    contact = await known_by_mail(services, api)
    token = await clicked(services, api, delivery(contact))
    assert (await visitor(api, token, "mine")).status_code == 200
    assert (await visitor(api, token, "mine")).status_code == 200
    assert (await visitor(api, token, "another")).status_code == 401
    fresh = await clicked(services, api, delivery(contact, id="d2"))
    clock.advance(minutes=31)
    assert (await visitor(api, fresh, "third")).status_code == 401


async def test_a_shared_browser_joins_nobody(services, api, store):
    contact = await known_by_mail(services, api)
    await api.post("/v1/identify", json={"userId": "42", "anonymousId": "shared"})
    await drain(store, engine_on(store))
    answer = await visitor(api, await clicked(services, api, delivery(contact)), "shared")
    assert answer.json() == {"success": True, "joined": False}
    assert await services.store.identities.find("anonymous", "shared") != contact


async def test_a_visitor_needs_no_key_and_a_browser_need_not_ask_first(services, api):
    contact = await known_by_mail(services, api)
    token = await clicked(services, api, delivery(contact))
    body = b'{"token": "%s", "anonymousId": "plain"}' % token.encode()
    api.auth = None
    answer = await api.post("/v1/visitor", content=body, headers={"content-type": "text/plain"})
    assert answer.json()["joined"]
    asked = await api.options("/v1/visitor")
    assert (asked.status_code, asked.headers["access-control-allow-methods"]) == (204, "POST, OPTIONS")


async def test_a_visitor_without_a_token_is_told_why(api):
    for body, status in (
        (b"{}", 400),
        (b'{"token": "x", "anonymousId": ""}', 400),
        (b'{"token": "x", "anonymousId": "a"}', 401),
        (b"[1]", 400),
    ):
        answer = await api.post("/v1/visitor", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == "*"
