"""The API for programs: contacts, consents, segments, lists, the rulebook, alerts, rejected events, operation."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from litestar import Litestar

from server.api.refusals import describe_refusals
from server.app import create_app
from tests.engines import drain, engine_on

RULES = """attribute email: text, personal
attribute first_name: text, personal, shown in alerts
attribute plan: one of "free" | "pro"
attribute seats: number
purpose newsletter: "I want the newsletter.", via email
team sales: slack "#hot-leads"
list customers: "Customers"

score visit: +10 on "Page Viewed"
score pro: +5.5 while contact.plan == "pro"
segment warm: contact.score >= 20
segment lively: count("Page Viewed", t"PT2H") > 0

trigger warm_lead: on enter warm
  alert sales "{{ contact.score }} points"
trigger bought: on "Order Completed"
  add to list customers
"""
ALL = ("read", "write", "rules", "consent", "admin")


class Documented:
    """Holds that what is answered is what the OpenAPI document says of the route: its status, its media type."""

    def __init__(self, app: Litestar) -> None:
        describe_refusals(app.openapi_schema)
        self._paths = app.openapi_schema.to_schema()["paths"]

    async def check(self, answer: httpx.Response) -> None:
        path = answer.request.url.path.rstrip("/")
        found = [known for known in self._paths if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path)]
        operation = self._paths[min(found, key=lambda known: known.count("{"))] if found else {}
        said = operation.get(answer.request.method.lower())
        if said is None:
            assert answer.status_code in (404, 405) or path.startswith("/docs") or answer.request.method == "OPTIONS"
            return
        assert str(answer.status_code) in said["responses"], f"{answer.request.method} {path}: {answer.status_code}"
        media = answer.headers.get("content-type", "").partition(";")[0]
        content = said["responses"][str(answer.status_code)].get("content") or {}
        assert not content or media in content, f"{path}: {media} is not documented"


@pytest.fixture
async def program(services, app) -> AsyncIterator[Callable[..., Awaitable[httpx.AsyncClient]]]:
    """Makes clients that hold an API key with some scopes."""
    made: list[httpx.AsyncClient] = []
    documented = Documented(app)

    async def make(*scopes: str) -> httpx.AsyncClient:
        key = await services.sources.add_key(f"key{len(made)}", scopes or ALL)
        transport = httpx.ASGITransport(app)
        headers = {"authorization": f"Bearer {key}"}
        hooks = {"response": [documented.check]}
        made.append(
            httpx.AsyncClient(transport=transport, base_url="http://relance.test", headers=headers, event_hooks=hooks)
        )
        return made[-1]

    yield make
    for client in made:
        await client.aclose()


@pytest.fixture
async def client(program) -> httpx.AsyncClient:
    return await program()


@pytest.fixture
async def engine(store) -> AsyncIterator[Any]:
    """An engine that runs beside the test."""
    running, stop = engine_on(store), asyncio.Event()
    task = asyncio.create_task(running.run(stop))
    yield running
    stop.set()
    await task


@pytest.fixture
async def shop(api, client, services, engine):
    """The write-key client of a shop whose rulebook is published."""
    assert (await client.put("/v1/rulebook", content=RULES, headers=TEXT)).status_code == 200
    for _ in range(200):
        figures = (await services.status.snapshot()).figures
        if figures.held == figures.partitions and not figures.recomputing:
            return api
        await asyncio.sleep(0.02)
    raise AssertionError("the engine never took the rulebook up")


TEXT = {"content-type": "text/plain; charset=utf-8"}


async def settled(client: httpx.AsyncClient) -> None:
    """Wait until every event has taken effect, as a program would."""
    for _ in range(200):
        answer = await client.get("/ready")
        if answer.status_code == 200 and answer.json()["lag"] == 0:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"it never settled: {answer.text}")


def is_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert {"type", "title", "detail"} <= problem.keys()
    return problem


# --- contacts ---------------------------------------------------------------------------------------------------


async def test_a_contact_is_shown_whole(shop, client, clock):
    await shop.post(
        "/v1/identify", json={"userId": "42", "traits": {"email": "zoe@shop.example", "plan": "pro", "x": 1}}
    )
    await shop.post("/v1/page", json={"userId": "42", "anonymousId": "a1", "name": "Shoes"})
    await settled(client)
    answer = await client.get("/v1/contacts/user:42")
    assert answer.status_code == 200
    contact = answer.json()
    assert contact.pop("id").startswith("u")
    assert sorted((each["namespace"], each["value"]) for each in contact.pop("identities")) == [
        ("anonymous", "a1"),
        ("email", "zoe@shop.example"),
        ("user", "42"),
    ]
    assert contact == {
        "attributes": {"email": "zoe@shop.example", "plan": "pro"},
        "score": 15.5,
        "segments": ["lively"],
        "lists": [],
        "consents": {},
        "created": "2026-03-02T09:00:00Z",
        "last_seen": "2026-03-02T09:00:00Z",
    }


async def test_a_contact_is_found_by_each_of_its_names(shop, client):
    await shop.post("/v1/identify", json={"userId": "42", "traits": {"email": "zoe@shop.example"}})
    await shop.post("/v1/page", json={"userId": "42", "anonymousId": "a1"})
    await settled(client)
    found = {
        (await client.get(f"/v1/contacts/{ref}")).json()["id"]
        for ref in (
            "user:42",
            "email:zoe@shop.example",
            "email:ZOE@Shop.example",
            "anonymous:a1",
            "42",
            "zoe@shop.example",
        )
    }
    assert len(found) == 1
    assert (await client.get(f"/v1/contacts/{found.pop()}")).status_code == 200
    answer = await client.get("/v1/contacts", params={"search": "zoe@shop.example"})
    assert len(answer.json()["contacts"]) == 1


@pytest.mark.parametrize(
    "ref", ["user:1", "email:", "u00000000000000000", "anonymous:x", "nobody", "x" * 400, "a:b:c", "é"]
)
async def test_an_unknown_contact_is_not_found(client, ref):
    is_problem(await client.get(f"/v1/contacts/{ref}"), 404)
    is_problem(await client.get(f"/v1/contacts/{ref}/timeline"), 404)
    is_problem(await client.get(f"/v1/contacts/{ref}/why"), 404)
    is_problem(await client.get(f"/v1/contacts/{ref}/consents"), 404)


async def test_attributes_are_changed_by_name(shop, client):
    await shop.post("/v1/identify", json={"userId": "42", "traits": {"plan": "free", "first_name": "Zoe"}})
    await settled(client)
    answer = await client.patch(
        "/v1/contacts/user:42", json={"attributes": {"plan": "pro", "first_name": None, "seats": 3}}
    )
    assert answer.status_code == 200
    assert answer.json()["attributes"] == {"plan": "pro", "seats": 3}
    assert answer.json()["score"] == 5.5


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"attributes": {"plan": "gold"}}, 422),
        ({"attributes": {"seats": "many"}}, 422),
        ({"attributes": {"seats": True}}, 422),
        ({"attributes": {"unknown": 1}}, 422),
        ({"attributes": {}}, 422),
        ({"attributes": []}, 400),
        ({}, 400),
        ({"attributes": {"plan": "pro"}, "more": 1}, 400),
    ],
)
async def test_attributes_that_do_not_fit_are_refused_whole(shop, client, body, status):
    await shop.post("/v1/identify", json={"userId": "42", "traits": {"first_name": "Zoe"}})
    await settled(client)
    problem = is_problem(await client.patch("/v1/contacts/user:42", json=body), status)
    assert problem["errors"][0]["message"]
    assert (await client.get("/v1/contacts/user:42")).json()["attributes"] == {"first_name": "Zoe"}


async def test_a_change_that_waits_for_the_engine_is_answered_as_pending(api, client, services, store):
    await client.put("/v1/rulebook", content=RULES, headers=TEXT)
    await api.post("/v1/page", json={"userId": "42"})
    await drain(store, engine_on(store))
    answer = await client.patch("/v1/contacts/user:42", json={"attributes": {"plan": "pro"}})
    assert (answer.status_code, answer.json()["pending"]) == (202, True)


async def test_a_timeline_is_paged_and_stays_in_step(shop, client, clock):
    for number in range(5):
        await shop.post("/v1/track", json={"userId": "42", "event": "Page Viewed", "properties": {"n": number}})
        clock.advance(minutes=number % 2)
    await settled(client)
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/contacts/user:42/timeline", params=params)).json()
        seen += [entry for entry in page["entries"] if entry["kind"] == "event"]
        cursor = page["next"]
        if cursor is None:
            break
        await shop.post("/v1/track", json={"userId": "42", "event": "Order Completed"})
        await settled(client)
    viewed = [entry["properties"]["n"] for entry in seen if entry["name"] == "Page Viewed"]
    assert viewed == [4, 3, 2, 1, 0]
    assert all(entry["time"].endswith("Z") for entry in seen)


async def test_why_lists_the_score_line_by_line(shop, client):
    await shop.post("/v1/identify", json={"userId": "42", "traits": {"plan": "pro"}})
    for _ in range(2):
        await shop.post("/v1/page", json={"userId": "42"})
    await settled(client)
    why = (await client.get("/v1/contacts/user:42/why")).json()
    assert why["score"] == 25.5
    lines = {line["rule"]: (line["points"], line["hits"], line["counted"]) for line in why["lines"]}
    assert lines == {"visit": (20, 2, 2), "pro": (5.5, 0, 0)}
    assert why["lines"][0]["text"] == 'score visit: +10 on "Page Viewed"'
    assert why["adjustments"] == []
    rule = (await client.get("/v1/contacts/user:42/why", params={"rule": "warm"})).json()["rule"]
    assert (rule["kind"], rule["true"]) == ("segment", True)
    is_problem(await client.get("/v1/contacts/user:42/why", params={"rule": "nonesuch"}), 404)


async def test_contacts_are_listed_by_segment_by_list_and_all(shop, client):
    for number in range(5):
        for _ in range(number):
            await shop.post("/v1/page", json={"userId": f"u{number}"})
    await shop.post("/v1/track", json={"userId": "u4", "event": "Order Completed"})
    await settled(client)
    warm = (await client.get("/v1/contacts", params={"segment": "warm"})).json()
    assert [contact["score"] for contact in warm["contacts"]] == [40, 30, 20]
    bought = (await client.get("/v1/contacts", params={"list": "customers"})).json()
    assert [contact["identities"][0]["value"] for contact in bought["contacts"]] == ["u4"]
    found, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/contacts", params=params)).json()
        found += [contact["id"] for contact in page["contacts"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(found) == len(set(found)) == 4
    is_problem(await client.get("/v1/contacts", params={"segment": "nonesuch"}), 404)
    is_problem(await client.get("/v1/contacts", params={"segment": "warm", "list": "customers"}), 422)
    is_problem(await client.get("/v1/contacts", params={"cursor": "x"}), 422)


# --- consents ---------------------------------------------------------------------------------------------------


async def test_a_consent_holds_before_it_is_answered_even_of_somebody_unknown(shop, client):
    act = {"purpose": "newsletter", "action": "grant", "source": "checkout", "time": "2026-03-01T00:00:00Z"}
    answer = await client.post("/v1/contacts/email:new@shop.example/consents", json=act)
    assert (answer.status_code, answer.json()) == (200, {"newsletter": "granted"})
    await settled(client)
    contact = (await client.get("/v1/contacts/email:new@shop.example")).json()
    assert contact["consents"] == {"newsletter": "granted"}
    assert contact["identities"] == [{"namespace": "email", "value": "new@shop.example"}]
    assert contact["attributes"] == {"email": "new@shop.example"}
    answer = await client.post(
        "/v1/contacts/email:new@shop.example/consents", json=act | {"action": "withdraw", "time": None}
    )
    assert answer.json() == {"newsletter": "withdrawn"}
    assert (await client.get("/v1/contacts/email:new@shop.example/consents")).json() == {"newsletter": "withdrawn"}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"purpose": "nonesuch"}, 422),
        ({"action": "maybe"}, 400),
        ({"channel": "sms"}, 422),
        ({"time": "yesterday"}, 422),
        ({"source": None}, 400),
        ({"source": ""}, 400),
        ({"time": "0001-01-01T00:00:00+10:00"}, 422),
        ({"extra": 1}, 400),
        ({"purpose": 7}, 400),
    ],
)
async def test_a_wrong_consent_is_refused_and_makes_nobody(shop, client, services, change, status):
    act = {"purpose": "newsletter", "action": "grant", "source": "checkout"} | change
    is_problem(await client.post("/v1/contacts/email:new@shop.example/consents", json=act), status)
    assert await services.store.contacts.count() == 0
    assert await services.store.log.lag() == 0


async def test_a_refusal_does_not_repeat_what_was_sent(shop, client):
    act = {"purpose": "newsletter", "action": "zoe@shop.example", "source": "checkout"}
    answer = await client.post("/v1/contacts/user:42/consents", json=act)
    assert [error["path"] for error in is_problem(answer, 400)["errors"]] == ["action"]
    assert "zoe" not in answer.text
    answer = await client.post("/v1/contacts/user:42/consents", json={"zoe@shop.example": 1, **act, "action": "grant"})
    assert "zoe" not in is_problem(answer, 400)["errors"][0]["message"]
    answer = await client.post("/v1/contacts/user:42/consents", json={"purpse": 1, **act, "action": "grant"})
    assert "`purpse`" in is_problem(answer, 400)["errors"][0]["message"]


async def test_a_consent_of_an_unknown_id_is_not_found(shop, client):
    act = {"purpose": "newsletter", "action": "grant", "source": "checkout"}
    is_problem(await client.post("/v1/contacts/u00000000000000000/consents", json=act), 404)


# --- segments and lists -----------------------------------------------------------------------------------------


async def test_segments_tell_their_text_size_and_members(shop, client):
    for number in range(4):
        for _ in range(number):
            await shop.post("/v1/page", json={"userId": f"u{number}"})
    await settled(client)
    assert (await client.get("/v1/segments/warm")).json() == {
        "name": "warm",
        "text": "segment warm: contact.score >= 20",
        "count": 2,
        "version": 1,
    }
    assert [each["name"] for each in (await client.get("/v1/segments")).json()["segments"]] == ["warm", "lively"]
    params = {"order": "score", "limit": 1}
    first = (await client.get("/v1/segments/warm/members", params=params)).json()
    second = (await client.get("/v1/segments/warm/members", params=params | {"cursor": first["next"]})).json()
    assert [each["score"] for each in first["members"] + second["members"]] == [30, 20]
    assert second["next"] is None
    assert first["members"][0].keys() == {"id", "score", "attributes"}


async def test_contacts_are_put_on_lists_and_taken_off(shop, client):
    await shop.post("/v1/page", json={"userId": "u1"})
    await settled(client)
    path = "/v1/lists/customers/members/user:u1"
    assert (await client.put(path)).json() == {"success": True}
    assert (await client.get("/v1/contacts/user:u1")).json()["lists"] == ["customers"]
    assert (await client.delete(path)).json() == {"success": True}
    assert (await client.get("/v1/contacts/user:u1")).json()["lists"] == []
    is_problem(await client.put("/v1/lists/none/members/user:u1"), 404)
    is_problem(await client.put("/v1/lists/customers/members/user:u2"), 404)


async def test_lists_tell_their_members(shop, client):
    await shop.post("/v1/track", json={"userId": "u1", "event": "Order Completed"})
    await settled(client)
    assert (await client.get("/v1/lists/customers")).json()["count"] == 1
    assert len((await client.get("/v1/lists/customers/members")).json()["members"]) == 1
    assert [each["name"] for each in (await client.get("/v1/lists")).json()["lists"]] == ["customers"]


@pytest.mark.parametrize(
    "path", ["/v1/segments/none", "/v1/segments/none/members", "/v1/lists/none", "/v1/nonesuch", "/"]
)
async def test_what_does_not_exist_is_not_found(shop, client, path):
    is_problem(await client.get(path), 404)


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "true", "x", "1e9", "9" * 400, "201"])
async def test_a_limit_is_a_whole_number_within_bounds(shop, client, limit):
    problem = is_problem(await client.get("/v1/segments/warm/members", params={"limit": limit}), 400)
    assert "limit" in problem["detail"]
    assert len(limit) < 4 or limit not in json.dumps(problem)


PAGED = (
    "/v1/contacts", "/v1/contacts?segment=warm", "/v1/contacts?list=customers", "/v1/contacts/user:42/timeline",
    "/v1/segments/warm/members", "/v1/lists/customers/members", "/v1/alerts", "/v1/alerts?owner=u1",
    "/v1/deliveries", "/v1/rejected",
)  # fmt: skip


async def test_a_cursor_that_is_none_of_ours_is_refused(shop, client):
    await shop.post("/v1/identify", json={"userId": "42"})
    await settled(client)
    for path in PAGED:
        for cursor in ("null", "(", "nan:A", "+inf:", "1e9:A", "☃"):
            problem = is_problem(await client.get(path, params={**httpx.URL(path).params, "cursor": cursor}), 422)
            assert [error["path"] for error in problem["errors"]] == ["cursor"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/deliveries?state=zoe@shop.example", "state"),
        ("/v1/alerts?status=zoe@shop.example", "status"),
        ("/v1/contacts?limit=zoe@shop.example", "limit"),
        ("/v1/runs", "contact"),
    ],
)
async def test_a_parameter_that_does_not_fit_is_named_as_it_was_sent(client, path, name):
    answer = await client.get(path)
    problem = is_problem(answer, 400)
    assert [error["path"] for error in problem["errors"]] == [name]
    assert "shop.example" not in answer.text


async def test_a_header_that_does_not_fit_is_named_as_it_was_sent(client):
    answer = await client.put("/v1/rulebook", content="", headers={"if-match": '"' + "1" * 40 + '"'})
    assert [error["path"] for error in is_problem(answer, 400)["errors"]] == ["If-Match"]


# --- the rulebook -----------------------------------------------------------------------------------------------


async def test_a_rulebook_is_published_over_the_version_it_was_made_from(client, services):
    is_problem(await client.get("/v1/rulebook"), 404)
    first = await client.put("/v1/rulebook", content=RULES, headers=TEXT, params={"comment": "the first"})
    assert (first.status_code, first.json()["version"]) == (200, 1)
    current = await client.get("/v1/rulebook")
    assert current.headers["etag"] == '"1"'
    assert current.json() == {
        "version": 1,
        "hash": first.json()["hash"],
        "text": RULES,
        "author": "key0",
        "comment": "the first",
        "time": "2026-03-02T09:00:00Z",
    }
    is_problem(await client.put("/v1/rulebook", content=RULES, headers=TEXT), 428)
    second = await client.put(
        "/v1/rulebook", content=RULES + "\n", headers=TEXT | {"if-match": current.headers["etag"]}
    )
    assert second.json()["version"] == 2
    is_problem(await client.put("/v1/rulebook", content=RULES, headers=TEXT | {"if-match": '"1"'}), 409)
    assert (await client.get("/v1/rulebook/versions/1")).json()["text"] == RULES
    assert [each["version"] for each in (await client.get("/v1/rulebook/versions")).json()["versions"]] == [2, 1]
    is_problem(await client.get("/v1/rulebook/versions/9"), 404)


async def test_an_earlier_text_is_published_again(client):
    await client.put("/v1/rulebook", content=RULES, headers=TEXT)
    await client.put("/v1/rulebook", content=RULES + "\n", headers=TEXT | {"if-match": "*"})
    back = await client.post("/v1/rulebook/rollback", json={"version": 1})
    assert (back.status_code, back.json()["version"], back.headers["etag"]) == (200, 3, '"3"')
    current = (await client.get("/v1/rulebook")).json()
    assert (current["text"], current["comment"]) == (RULES, "rollback to 1")
    is_problem(await client.post("/v1/rulebook/rollback", json={"version": 9}), 404)
    for wrong in ({}, {"version": 0}, {"version": "1"}, {"version": True}, {"version": 1, "x": 1}, [1]):
        is_problem(await client.post("/v1/rulebook/rollback", json=wrong), 400)


async def test_a_wrong_rulebook_is_refused_with_every_mistake_at_its_place(client):
    wrong = 'attribute country: text\n\nsegment fr: contact.contry == "FR"\nscore x: +1 on\n'
    found = (await client.post("/v1/rulebook/check", content=wrong, headers=TEXT)).json()
    assert found["ok"] is False
    assert found["errors"][0].keys() == {"line", "column", "message", "suggestion", "excerpt"}
    assert (found["errors"][0]["line"], found["errors"][0]["suggestion"]) == (3, "country")
    assert {error["line"] for error in found["errors"]} == {3, 4}
    problem = is_problem(await client.put("/v1/rulebook", content=wrong, headers=TEXT), 422)
    assert problem["errors"] == found["errors"]
    assert (await client.post("/v1/rulebook/check", content=RULES, headers=TEXT)).json()["ok"] is True


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"\xff\xfe", TEXT, 400),
        (b"a\x00b", TEXT, 400),
        (RULES.encode(), {"content-type": "application/json"}, 415),
        (RULES.encode(), {"content-type": "text/plain; charset=latin-1"}, 415),
        (b"# " + b"x" * 1_100_000, TEXT, 413),
        (RULES.encode(), TEXT | {"if-match": "x"}, 400),
    ],
)
async def test_a_text_that_is_none_is_refused(client, content, headers, status):
    is_problem(await client.put("/v1/rulebook", content=content, headers=headers), status)


# --- alerts -----------------------------------------------------------------------------------------------------


async def test_an_alert_is_listed_claimed_and_released(shop, client, program):
    for _ in range(2):
        await shop.post("/v1/page", json={"userId": "42"})
    await settled(client)
    [alert] = (await client.get("/v1/alerts")).json()["alerts"]
    contact = (await client.get("/v1/contacts/user:42")).json()["id"]
    assert alert == {
        "id": alert["id"],
        "contact": contact,
        "trigger": "warm_lead",
        "team": "sales",
        "status": "open",
        "owner": None,
        "created": "2026-03-02T09:00:00Z",
        "count": 1,
        "kind": "alert",
        "text": alert["text"],
        "also": [],
        "due": None,
        "until": None,
        "outcome": "",
    }
    claimed = await client.post(f"/v1/alerts/{alert['id']}/claim")
    assert (claimed.status_code, claimed.json()["status"], claimed.json()["owner"]) == (200, "claimed", "key0")
    other = await program("read", "write")
    problem = is_problem(await other.post(f"/v1/alerts/{alert['id']}/claim"), 409)
    assert problem["current"] == "key0"
    assert (await client.get("/v1/alerts", params={"status": "open"})).json() == {"alerts": [], "next": None}
    released = await client.post(f"/v1/alerts/{alert['id']}/release")
    assert (released.status_code, released.json()["status"]) == (200, "open")
    is_problem(await client.get("/v1/alerts", params={"status": "lost"}), 400)
    is_problem(await client.post("/v1/alerts/ZZZZ/claim"), 404)


async def test_an_alert_is_snoozed_and_finished(shop, client, program):
    for _ in range(2):
        await shop.post("/v1/page", json={"userId": "42"})
    await settled(client)
    [alert] = (await client.get("/v1/alerts")).json()["alerts"]
    where = f"/v1/alerts/{alert['id']}"
    is_problem(await client.post(f"{where}/snooze", json={"until": "2026-03-02T08:59:00Z"}), 422)
    is_problem(await client.post(f"{where}/snooze", json={"until": "2026-03-02T12:00:00"}), 400)
    is_problem(await client.post(f"{where}/done", json={"outcome": "lots"}), 400)
    is_problem(await client.post(f"{where}/dismiss", json={"reason": " "}), 422)
    snoozed = await client.post(f"{where}/snooze", json={"until": "2026-03-02T13:00:00+01:00"})
    assert snoozed.status_code == 200
    assert (snoozed.json()["status"], snoozed.json()["owner"]) == ("snoozed", "key0")
    assert snoozed.json()["until"] == "2026-03-02T12:00:00Z"
    other = await program("read", "write")
    is_problem(await other.post(f"{where}/done", json={}), 409)
    done = await client.post(f"{where}/done", json={"outcome": "won"})
    assert (done.status_code, done.json()["status"], done.json()["outcome"]) == (200, "done", "won")
    is_problem(await client.post(f"{where}/dismiss", json={"reason": "too late"}), 409)


# --- rejected events --------------------------------------------------------------------------------------------


async def test_a_rejected_event_is_kept_and_taken_once_it_is_mended(api, client, services):
    good = {"type": "track", "userId": "u1", "event": "Order Completed"}
    batch = {"batch": [good, {"type": "track", "userId": "u2"}, {"type": "nonesuch", "userId": "u3"}]}
    answer = (await api.post("/v1/batch", json=batch)).json()
    assert answer["success"] is True
    assert [(each["index"], each["errors"][0]["path"]) for each in answer["rejected"]] == [(1, "event"), (2, "type")]
    kept = (await client.get("/v1/rejected")).json()["rejected"]
    assert [json.loads(each["text"])["userId"] for each in kept] == ["u3", "u2"]
    assert [each["errors"][0]["path"] for each in kept] == ["type", "event"]
    assert {each["source"] for each in kept} == {"shop"}
    is_problem(await client.post(f"/v1/rejected/{kept[1]['id']}/replay"), 422)
    mended = {"type": "track", "userId": "u2", "event": "Order Completed"}
    assert (await client.post(f"/v1/rejected/{kept[1]['id']}/replay", json=mended)).json() == {"success": True}
    assert [entry.identities[0][1] for _, entry in await services.logged()] == ["u1", "u2"]
    is_problem(await client.post(f"/v1/rejected/{kept[1]['id']}/replay", json=mended), 404)
    assert len((await client.get("/v1/rejected")).json()["rejected"]) == 1


async def test_rejected_events_are_paged(api, client):
    for number in range(5):
        await api.post("/v1/track", json={"userId": f"u{number}"})
    first = (await client.get("/v1/rejected", params={"limit": 3})).json()
    second = (await client.get("/v1/rejected", params={"limit": 3, "cursor": first["next"]})).json()
    assert [json.loads(each["text"])["userId"] for each in first["rejected"] + second["rejected"]] == [
        "u4", "u3", "u2", "u1", "u0"
    ]  # fmt: skip
    assert second["next"] is None
    is_problem(await client.get("/v1/rejected", params={"cursor": "-"}), 422)


async def test_rejected_events_are_sealed(api, client, redis):
    await api.post("/v1/track", json={"userId": "private@person.fr"})
    [(_, fields)] = await redis.xrange("relance:rejected")
    assert b"private" not in fields[b"e"]


# --- who may ----------------------------------------------------------------------------------------------------

REQUESTS = [
    ("read", "GET", "/v1/contacts", None),
    ("read", "GET", "/v1/contacts/user:42", None),
    ("read", "GET", "/v1/contacts/user:42/timeline", None),
    ("read", "GET", "/v1/contacts/user:42/why", None),
    ("read", "GET", "/v1/contacts/user:42/consents", None),
    ("write", "PATCH", "/v1/contacts/user:42", {"attributes": {"plan": "pro"}}),
    ("consent", "POST", "/v1/contacts/user:42/consents", {"purpose": "newsletter", "action": "grant", "source": "x"}),
    ("read", "GET", "/v1/segments", None),
    ("read", "GET", "/v1/segments/warm", None),
    ("read", "GET", "/v1/segments/warm/members", None),
    ("read", "GET", "/v1/lists", None),
    ("read", "GET", "/v1/lists/customers", None),
    ("read", "GET", "/v1/lists/customers/members", None),
    ("write", "PUT", "/v1/lists/customers/members/user:42", None),
    ("write", "DELETE", "/v1/lists/customers/members/user:42", None),
    ("read", "GET", "/v1/rulebook", None),
    ("read", "GET", "/v1/rulebook/versions", None),
    ("read", "GET", "/v1/rulebook/versions/1", None),
    ("read", "POST", "/v1/rulebook/check", RULES),
    ("read", "POST", "/v1/rulebook/preview", RULES),
    ("rules", "PUT", "/v1/rulebook", RULES),
    ("read", "GET", "/v1/alerts", None),
    ("read", "GET", "/v1/alerts/7K2Q", None),
    ("write", "POST", "/v1/alerts/7K2Q/claim", None),
    ("write", "POST", "/v1/alerts/7K2Q/release", None),
    ("write", "POST", "/v1/alerts/7K2Q/snooze", {"until": "2026-03-02T12:00:00Z"}),
    ("write", "POST", "/v1/alerts/7K2Q/done", {}),
    ("write", "POST", "/v1/alerts/7K2Q/dismiss", {"reason": "none"}),
    ("read", "GET", "/v1/rejected", None),
    ("write", "POST", "/v1/rejected/1-0/replay", None),
]


def content(body: Any) -> dict[str, Any]:
    if isinstance(body, str):
        return {"content": body, "headers": TEXT | {"if-match": "*"}}
    return {} if body is None else {"json": body}


@pytest.mark.parametrize(("scope", "method", "path", "body"), REQUESTS, ids=[f"{r[1]} {r[2]}" for r in REQUESTS])
async def test_a_key_may_do_what_its_scopes_say(shop, client, program, scope, method, path, body):
    await shop.post("/v1/page", json={"userId": "42"})
    await settled(client)
    without = await program(*(each for each in ALL if each not in (scope, "admin")))
    is_problem(await without.request(method, path, **content(body)), 403)
    nobody = {"headers": {"authorization": ""}} if "headers" not in content(body) else {}
    if nobody:
        is_problem(await without.request(method, path, **(content(body) | nobody)), 401)
    having = await program(scope)
    assert (await having.request(method, path, **content(body))).status_code in (200, 404)


async def test_a_write_key_is_no_api_key(api, client):
    key = api.auth._auth_header.split()[1]
    for authorization in (f"Basic {key}", f"Bearer {key}", "Bearer", "x"):
        is_problem(await client.get("/v1/contacts/user:1", headers={"authorization": authorization}), 401)


# --- operation --------------------------------------------------------------------------------------------------


async def test_health_ready_and_figures(shop, client):
    assert (await client.get("/health")).json() == {"status": "ok"}
    await shop.post("/v1/page", json={"userId": "42"})
    await settled(client)
    assert (await client.get("/ready")).json() == {"ready": True, "lag": 0, "bots": {}}
    assert [(await client.head(path)).status_code for path in ("/health", "/ready")] == [200, 200]
    answer = await client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    figures = answer.text
    assert 'relance_events_total{outcome="taken",source="shop"} 1.0' in figures
    assert "relance_log_entries_waiting 0" in figures


async def test_not_ready_without_an_engine(client):
    answer = await client.get("/ready")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)


async def test_every_route_is_documented(client):
    paths = (await client.get("/docs/openapi.json")).json()["paths"]
    for _, method, path, _ in REQUESTS:
        shape = path.replace("user:42", "{ref}").replace("7K2Q", "{alert}").replace("1-0", "{event}")
        shape = (
            shape.replace("/warm", "/{name}")
            .replace("/customers", "/{name}")
            .replace("versions/1", "versions/{number}")
        )
        assert method.lower() in paths[shape], shape
    for path in ("track", "identify", "page", "screen", "group", "alias", "batch", "import", "t", "b"):
        operation = paths[f"/v1/{path}"]["post"]
        assert {"200", "400", "401", "413", "415", "429", "503"} <= operation["responses"].keys()
        assert operation["requestBody"]
    assert (await client.get("/docs")).status_code == 200
    assert {"/slack", "/telegram", "/health", "/ready", "/metrics", "/v1/projects/{write_key}/settings"} <= paths.keys()


async def test_a_method_that_a_path_does_not_have_is_refused(client):
    is_problem(await client.delete("/v1/segments"), 405)


# --- chat -------------------------------------------------------------------------------------------------------


class Echo:
    """A bot that answers with what reached it."""

    async def dispatch(self, headers, body):
        return 202, {"content-type": "application/x-echo", "x-signature": headers["x-signature"]}, body[::-1]


async def test_requests_of_chat_platforms_reach_the_bots_untouched(services):
    app = create_app(services, bots={"slack": Echo()})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://relance.test") as http:
        headers = {"x-signature": "v0=1", "content-type": "application/x-www-form-urlencoded"}
        answer = await http.post("/slack", content=b"\xff\x00raw", headers=headers)
        assert (answer.status_code, answer.content) == (202, b"war\x00\xff")
        assert (answer.headers["content-type"], answer.headers["x-signature"]) == ("application/x-echo", "v0=1")
        is_problem(await http.post("/telegram", content=b"{}", headers=headers), 404)
        is_problem(await http.post("/slack", content=b"x" * 1_100_000, headers=headers), 413)


# --- when Redis is away -----------------------------------------------------------------------------------------


async def test_what_cannot_be_stored_is_refused_with_a_time_to_come_back(api, client, redis, services):
    good = {"userId": "u1", "event": "Order Completed"}
    assert (await api.post("/v1/track", json=good)).status_code == 200
    await redis.config_set("maxmemory", "1")
    try:
        answers = [
            await api.post("/v1/track", json=good),
            await api.post("/v1/batch", json={"batch": [good | {"type": "track"}]}),
        ]
    finally:
        await redis.config_set("maxmemory", "0")
    for answer in answers:
        is_problem(answer, 503)
        assert int(answer.headers["retry-after"]) >= 1
    assert (await api.post("/v1/track", json=good)).status_code == 200
    assert len(await services.logged()) == 2
