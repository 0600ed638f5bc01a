"""Calls of the Segment API become entries of the log."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime

import pytest

from rules.entry import EventReceived, Joined
from rules.moment import instant
from server.services.calls import snake_case
from server.store.rejected import Rejected

DAY = 24 * 3600 * 1000
GOOD = {"type": "track", "userId": "u1", "event": "Order Completed"}


def iso(millis: int) -> str:
    return datetime.fromtimestamp(millis / 1000, UTC).isoformat()


async def taken(services) -> EventReceived:
    """The one entry of the log."""
    [(_, entry)] = await services.logged()
    return entry


async def contacts(services) -> list[str]:
    return [contact for contact, _ in await services.logged()]


# --- what each call becomes -------------------------------------------------------------------------------------


async def test_a_track_call_is_in_the_log_before_it_is_answered(api, services, clock):
    answer = await api.post("/v1/track", json=GOOD | {"properties": {"total": 9.5}})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    [(contact, entry)] = await services.logged()
    assert contact == await services.store.identities.find("user", "u1")
    assert (entry.name, entry.properties, entry.time) == ("Order Completed", {"total": 9.5}, clock.now())
    assert entry.identities == (("user", "u1"),)
    assert entry.message_id
    assert (entry.source, entry.trusted, entry.silent, entry.history_only) == ("shop", True, False, False)


@pytest.mark.parametrize(("kind", "name"), [("page", "Page Viewed"), ("screen", "Screen Viewed")])
async def test_a_page_and_a_screen_are_events_with_their_name_and_category(api, services, kind, name):
    call = {"anonymousId": "a1", "name": "Shoes", "category": "Shop", "properties": {"url": "https://shop.example/"}}
    assert (await api.post(f"/v1/{kind}", json=call)).status_code == 200
    entry = await taken(services)
    assert entry.name == name
    assert entry.properties == {"url": "https://shop.example/", "name": "Shoes", "category": "Shop"}
    assert entry.identities == (("anonymous", "a1"),)


async def test_identify_sets_traits_snake_cased_and_flattened(api, services):
    traits = {
        "firstName": "Zoë",
        "Last Name": "Tester",
        "address": {"postalCode": "75001", "geo": {"lat": 48.8}},
        "tags": ["a", "b"],
        "plan": None,
    }
    await api.post("/v1/identify", json={"userId": "u1", "traits": traits})
    entry = await taken(services)
    assert entry.silent
    assert entry.traits == {
        "first_name": "Zoë",
        "last_name": "Tester",
        "address_postal_code": "75001",
        "address_geo_lat": 48.8,
        "tags": ["a", "b"],
        "plan": None,
    }


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("firstName", "first_name"),
        ("HTMLTitle", "html_title"),
        ("first-name", "first_name"),
        ("  First  Name ", "first_name"),
        ("address.zipCode", "address_zip_code"),
        ("utm_source", "utm_source"),
        ("Größe", "größe"),
        ("age2", "age2"),
    ],
)
def test_names_of_traits_become_snake_case(name, snake):
    assert snake_case(name) == snake


async def test_group_sets_company_attributes_and_the_group(api, services):
    await api.post("/v1/group", json={"userId": "u1", "groupId": "g1", "traits": {"name": "Acme", "employeeCount": 7}})
    entry = await taken(services)
    assert (entry.group, entry.silent) == ("g1", True)
    assert entry.traits == {"company_name": "Acme", "company_employee_count": 7}


async def test_whole_numbers_are_ids_and_spaces_around_an_id_are_not(api, services):
    await api.post("/v1/track", json=GOOD | {"userId": 42, "anonymousId": " a1 "})
    assert (await taken(services)).identities == (("user", "42"), ("anonymous", "a1"))


async def test_traits_of_an_identify_may_be_in_the_context_as_rudderstack_sends_them(api, services):
    inside = {"context": {"traits": {"firstName": "Zoé", "plan": "free"}}, "traits": {"plan": "pro"}}
    await api.post("/v1/identify", json={"userId": "u1", **inside})
    assert (await taken(services)).traits == {"first_name": "Zoé", "plan": "pro"}


async def test_libraries_find_code_and_message_in_a_refusal(api):
    api.auth = ("wrong", "")
    answer = await api.post("/v1/batch", json={"batch": []})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.json()["message"] == answer.json()["detail"]


async def test_locale_and_time_zone_come_from_the_context(api, services):
    await api.post("/v1/track", json=GOOD | {"context": {"locale": "fr-FR", "timezone": "Europe/Paris"}})
    entry = await taken(services)
    assert (entry.locale, entry.timezone) == ("fr-FR", "Europe/Paris")


# --- time -------------------------------------------------------------------------------------------------------


async def test_a_wrong_clock_of_the_sender_is_corrected(api, services, clock):
    wrong = clock.now() - 40 * DAY
    await api.post("/v1/track", json=GOOD | {"originalTimestamp": iso(wrong - 5_000), "sentAt": iso(wrong)})
    entry = await taken(services)
    assert entry.time == clock.now() - 5_000
    assert not entry.history_only


async def test_the_time_of_a_batch_corrects_its_events(api, services, clock):
    ahead = clock.now() + 3 * DAY
    batch = [GOOD | {"timestamp": iso(ahead - 60_000)}]
    await api.post("/v1/batch", json={"batch": batch, "sentAt": iso(ahead)})
    assert (await taken(services)).time == clock.now() - 60_000


async def test_a_time_in_the_future_is_the_time_of_receipt(api, services, clock):
    await api.post("/v1/track", json=GOOD | {"timestamp": iso(clock.now() + 60_000)})
    assert (await taken(services)).time == clock.now()


@pytest.mark.parametrize(("age", "history_only"), [(DAY, False), (DAY + 1, True)])
async def test_what_comes_more_than_a_day_late_is_history(api, services, clock, age, history_only):
    await api.post("/v1/track", json=GOOD | {"timestamp": iso(clock.now() - age)})
    entry = await taken(services)
    assert (entry.time, entry.history_only) == (clock.now() - age, history_only)


async def test_imported_events_are_history_and_keep_their_times(api, services, clock):
    batch = [GOOD | {"timestamp": iso(clock.now() - 1_000)}]
    answer = await api.post("/v1/import", json={"batch": batch, "sentAt": iso(clock.now() + 90 * DAY)})
    assert answer.status_code == 200
    entry = await taken(services)
    assert (entry.time, entry.history_only) == (clock.now() - 1_000, True)


@pytest.mark.parametrize(
    ("times", "path"),
    [
        ({"timestamp": "0001-01-01T00:00:00Z"}, "timestamp"),
        ({"timestamp": "1900-01-01T00:00:00+10:00"}, "timestamp"),
        ({"originalTimestamp": "0001-01-01T00:00:00Z", "sentAt": "9999-12-31T23:59:59Z"}, "originalTimestamp"),
        ({"originalTimestamp": "2026-01-01T00:00:00Z", "sentAt": "9999-12-31T23:59:59Z"}, "originalTimestamp"),
        ({"sentAt": "0001-01-01T00:00:00Z", "timestamp": "2026-01-01T00:00:00Z"}, "sentAt"),
    ],
)
async def test_a_time_that_no_calendar_reaches_is_refused_and_named(api, services, times, path):
    answer = await api.post("/v1/track", json=GOOD | times)
    assert (answer.status_code, [each["path"] for each in answer.json()["errors"]]) == (400, [path])
    assert await services.store.log.lag() == 0


async def test_an_event_as_old_as_an_event_may_be_is_taken(api, services):
    await api.post("/v1/track", json=GOOD | {"timestamp": "1900-01-01T00:00:00Z"})
    assert instant((await taken(services)).time).isoformat() == "1900-01-01T00:00:00+00:00"


async def test_a_time_without_a_zone_is_utc(api, services, clock):
    await api.post("/v1/track", json=GOOD | {"timestamp": iso(clock.now() - 1_000).removesuffix("+00:00")})
    assert (await taken(services)).time == clock.now() - 1_000


# --- who --------------------------------------------------------------------------------------------------------


async def test_events_of_one_visitor_are_one_contact(api, services):
    for call in ({"anonymousId": "a1"}, {"anonymousId": "a1", "userId": "u1"}, {"userId": "u1"}):
        await api.post("/v1/track", json=GOOD | {"userId": None} | call)
    assert len(set(await contacts(services))) == 1


async def test_a_visitor_who_signs_in_as_a_known_user_is_joined(api, services):
    await api.post("/v1/track", json=GOOD)
    await api.post("/v1/page", json={"anonymousId": "a1"})
    await api.post("/v1/identify", json={"userId": "u1", "anonymousId": "a1"})
    user, visitor = [await services.store.identities.find(*each) for each in (("user", "u1"), ("anonymous", "a1"))]
    [(contact, joined)] = [(who, entry) for who, entry in await services.logged() if isinstance(entry, Joined)]
    assert (contact, joined.into) == (visitor, user)
    assert user != visitor


async def test_a_shared_browser_joins_nothing_and_follows_the_new_user(api, services):
    for user in ("u1", "u2"):
        await api.post("/v1/track", json=GOOD | {"userId": user, "anonymousId": "a1"})
    await api.post("/v1/page", json={"anonymousId": "a1"})
    first, second, third = await contacts(services)
    assert first != second == third


async def test_a_batch_applies_its_calls_in_order(api, services):
    calls = [
        {"type": "page", "anonymousId": "a1"},
        {"type": "identify", "userId": "u1", "anonymousId": "a1", "traits": {"plan": "pro"}},
        {"type": "track", "userId": "u1", "event": "Order Completed"},
        {"type": "track", "userId": "u2", "anonymousId": "a1", "event": "Order Completed"},
        {"type": "page", "anonymousId": "a1"},
    ]
    assert (await api.post("/v1/batch", json={"batch": calls})).json() == {"success": True}
    known = {each: await services.store.identities.find("user", each) for each in ("u1", "u2")}
    logged = await services.logged()
    joined = {contact: entry.into for contact, entry in logged if isinstance(entry, Joined)}
    whose = [joined.get(contact, contact) for contact, entry in logged if isinstance(entry, EventReceived)]
    assert sorted(whose) == sorted([known["u1"]] * 3 + [known["u2"]] * 2)


async def test_a_server_source_joins_by_e_mail_address(api, services):
    await api.post("/v1/identify", json={"anonymousId": "a1", "traits": {"email": "Zoe@Shop.example"}})
    await api.post("/v1/identify", json={"userId": "u1", "traits": {"email": "zoe@shop.example"}})
    [(contact, joined)] = [(who, entry) for who, entry in await services.logged() if isinstance(entry, Joined)]
    assert contact == await services.store.identities.find("anonymous", "a1")
    assert joined.into == await services.store.identities.find("user", "u1")


async def test_alias_joins_what_it_names(api, services):
    await api.post("/v1/track", json=GOOD | {"userId": "old"})
    await api.post("/v1/track", json=GOOD | {"userId": "new"})
    assert (await api.post("/v1/alias", json={"userId": "new", "previousId": "old"})).status_code == 200
    [(contact, joined)] = [(who, entry) for who, entry in await services.logged() if isinstance(entry, Joined)]
    assert contact == await services.store.identities.find("user", "old")
    assert joined.into == await services.store.identities.find("user", "new")


async def test_alias_of_an_id_never_seen_makes_it_known(api, services):
    await api.post("/v1/alias", json={"userId": "u1", "previousId": "a9"})
    await api.post("/v1/page", json={"anonymousId": "a9"})
    assert len(set(await contacts(services))) == 1


# --- sources ----------------------------------------------------------------------------------------------------


def basic(key: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


@pytest.mark.parametrize("way", ["basic", "bearer", "body"])
async def test_a_write_key_is_known_in_three_ways(api, services, way):
    api.auth = None
    key = await services.sources.add("other")
    headers = {"basic": basic(key), "bearer": {"authorization": f"Bearer {key}"}, "body": {}}[way]
    extra = {"writeKey": key} if way == "body" else {}
    assert (await api.post("/v1/track", json=GOOD | extra, headers=headers)).status_code == 200
    assert (await api.post("/v1/batch", json={"batch": [GOOD], **extra}, headers=headers)).status_code == 200
    assert {entry.source for _, entry in await services.logged()} == {"other"}


@pytest.fixture
async def browser(api, services):
    """The client, signed in with the public key of a website."""
    api.auth = (await services.sources.add("site", "browser"), "")
    return api


async def test_a_browser_may_not_alias(browser, services):
    assert (await browser.post("/v1/alias", json={"userId": "u1", "previousId": "u2"})).status_code == 403
    answer = await browser.post("/v1/batch", json={"batch": [{"type": "alias", "userId": "u1", "previousId": "u2"}]})
    assert [each["index"] for each in answer.json()["rejected"]] == [0]
    assert await services.logged() == []


async def test_a_browser_claims_no_e_mail_address(browser, services):
    await browser.post("/v1/identify", json={"anonymousId": "a1", "traits": {"email": "zoe@shop.example"}})
    entry = await taken(services)
    assert (entry.trusted, entry.traits) == (False, {"email": "zoe@shop.example"})
    assert entry.identities == (("anonymous", "a1"),)
    assert await services.store.identities.find("email", "zoe@shop.example") is None


@pytest.mark.parametrize(("path", "kind"), [("/v1/t", "track"), ("/v1/p", "page"), ("/v1/i", "identify")])
async def test_browsers_use_short_routes_with_text_bodies_from_other_sites(browser, services, path, kind):
    key, browser.auth = await services.sources.add("blog", "browser"), None
    body = json.dumps({"anonymousId": "a1", "event": "Order Completed", "writeKey": key})
    headers = {"content-type": "text/plain;charset=UTF-8", "origin": "https://shop.example"}
    answer = await browser.post(path, content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_other_sites_may_ask_before_they_send(api):
    asked = {
        "origin": "https://shop.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-retry-count",
    }
    answer = await api.options("/v1/t", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = set(answer.headers["access-control-allow-headers"].split(", "))
    assert {"authorization", "content-type", "x-retry-count"} <= allowed  # analytics.js counts what it sends again


async def test_errors_can_be_read_from_other_sites(api):
    answer = await api.post("/v1/t", content="{", headers={"origin": "https://shop.example"})
    assert answer.status_code == 415
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_analytics_js_gets_its_settings(api, services):
    key = await services.sources.add("site", "browser")
    answer = await api.get(f"/v1/projects/{key}/settings", headers={"origin": "https://shop.example"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    segment = answer.json()["integrations"]["Segment.io"]
    assert (segment["apiKey"], segment["apiHost"], segment["protocol"]) == (key, "relance.test/v1", "http")
    unknown = await api.get("/v1/projects/nobody/settings", headers={"origin": "https://shop.example"})
    assert (unknown.status_code, unknown.headers["access-control-allow-origin"]) == (404, "*")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_events_are_posted(api, method):
    answer = await api.request(method, "/v1/track")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
    assert answer.headers["content-type"] == "application/problem+json"


# --- rates ------------------------------------------------------------------------------------------------------


async def test_a_rate_is_kept_exactly_however_many_send_at_once(api, services, clock):
    api.auth = (await services.sources.add("slow", rate=20), "")
    answers = await asyncio.gather(*(api.post("/v1/track", json=GOOD) for _ in range(60)))
    assert sorted(answer.status_code for answer in answers) == [200] * 20 + [429] * 40
    assert len(await services.logged()) == 20
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["content-type"] == "application/problem+json"
    clock.advance(milliseconds=500)
    answers = await asyncio.gather(*(api.post("/v1/track", json=GOOD) for _ in range(30)))
    assert [answer.status_code for answer in answers].count(200) == 10


async def test_two_servers_share_one_rate(services, clock):
    from server.services.rates import Rates, TooFast
    from server.store.buckets import Buckets

    servers = [Rates(Buckets(services.store.redis), clock) for _ in range(2)]

    async def spend(at: int) -> bool:
        try:
            await servers[at % 2].spend("shop", 1, 10)
        except TooFast:
            return False
        return True

    assert (await asyncio.gather(*(spend(at) for at in range(40)))).count(True) == 10


async def test_a_batch_over_the_rate_passes_once_and_is_paid_back(api, services, clock):
    api.auth = (await services.sources.add("slow", rate=10), "")
    assert (await api.post("/v1/batch", json={"batch": [GOOD] * 30})).status_code == 200
    answer = await api.post("/v1/track", json=GOOD)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    clock.advance(seconds=2)
    assert (await api.post("/v1/track", json=GOOD)).status_code == 429
    clock.advance(seconds=1)
    assert (await api.post("/v1/batch", json={"batch": [GOOD] * 10})).status_code == 200
    assert (await api.post("/v1/track", json=GOOD)).status_code == 429


# --- batches ----------------------------------------------------------------------------------------------------


async def test_one_oversized_event_is_rejected_by_its_place_and_the_others_count(api, services):
    large = GOOD | {"properties": {"text": "x" * 32_768}}
    answer = await api.post("/v1/batch", json={"batch": [GOOD, large, GOOD]})
    assert answer.status_code == 200
    assert [each["index"] for each in answer.json()["rejected"]] == [1]
    assert len(await services.logged()) == 2


async def test_an_event_of_exactly_the_limit_is_taken(api, services):
    frame = len(json.dumps(GOOD | {"properties": {"text": ""}}))
    for length, status in ((32 * 1024, 0), (32 * 1024 + 1, 1)):
        event = json.dumps(GOOD | {"properties": {"text": "x" * (length - frame)}})
        assert len(event) == length
        body = '{"batch":[' + event + "]}"
        answer = await api.post("/v1/batch", content=body, headers={"content-type": "application/json"})
        assert len(answer.json().get("rejected", [])) == status


async def test_the_longest_batch_is_taken_in_its_order(api, services):
    batch = [{"type": "track", "userId": "u1", "event": f"E{n}"} for n in range(2_500)]
    assert (await api.post("/v1/batch", json={"batch": batch})).json() == {"success": True}
    assert [entry.name for _, entry in await services.logged()] == [f"E{n}" for n in range(2_500)]


async def test_an_empty_batch_is_taken(api, services):
    assert (await api.post("/v1/batch", json={"batch": []})).json() == {"success": True}


async def test_a_message_id_is_kept_or_made(api, services):
    for message_id in ("m" * 100, None, ""):
        await api.post("/v1/track", json=GOOD | {"messageId": message_id})
    given, made, made_too = [entry.message_id for _, entry in await services.logged()]
    assert given == "m" * 100
    assert made
    assert made_too
    assert made != made_too


async def test_a_final_slash_changes_nothing(api, services):
    assert (await api.post("/v1/track/", json=GOOD)).status_code == 200


async def test_an_event_that_a_source_may_not_send_is_kept_with_its_reason(browser, services):
    await browser.post("/v1/batch", json={"batch": [{"type": "alias", "userId": "u1", "previousId": "u2"}]})
    [(_, kept)], _ = await Rejected(services.store.redis, services.store.seal).page(None, 10)
    assert (kept.source, kept.trusted, kept.errors[0].path) == ("site", False, "type")
