"""People, their accounts, one-time codes; sources and keys."""

from __future__ import annotations

import asyncio

import pytest

from server.errors import Conflict, Invalid, NotFound
from server.model.source import Source
from server.services.people import People
from server.services.sources import Sources
from server.store.store import Store
from tests.clock import FakeClock


@pytest.fixture
def people(store: Store, clock: FakeClock) -> People:
    return People(store, clock)


@pytest.fixture
def sources(store: Store, clock: FakeClock) -> Sources:
    return Sources(store, clock)


async def test_a_person_is_known_by_the_accounts_they_were_added_with(people: People) -> None:
    person = await people.add("Ann", "rep", slack="T0123/U0456", telegram="123456")
    for platform, workspace, user in (("slack", "T0123", "U0456"), ("telegram", "", "123456")):
        actor = await people.actor(platform, workspace, user)
        assert actor is not None
        assert (actor.id, actor.name, actor.roles, actor.via) == (person.id, "Ann", ("rep",), platform)


async def test_the_same_user_id_in_another_workspace_is_somebody_else(people: People) -> None:
    await people.add("Ann", "rep", slack="T0123/U0456")
    assert await people.actor("slack", "T9999", "U0456") is None
    assert await people.actor("telegram", "T0123", "U0456") is None


async def test_an_account_belongs_to_one_person(people: People) -> None:
    await people.add("Ann", "rep", slack="T0123/U0456")
    with pytest.raises(Conflict):
        await people.add("Bob", "admin", slack="T0123/U0456")
    actor = await people.actor("slack", "T0123", "U0456")
    assert actor is not None
    assert actor.name == "Ann"
    await people.add("Bob", "viewer")  # the failed try left nothing behind


async def test_a_name_is_taken_whatever_its_case_and_its_owner_keeps_it(people: People) -> None:
    person = await people.add("Ann", "rep")
    with pytest.raises(Conflict):
        await people.add("ANN", "rep")
    assert (await people.find("ann")).id == person.id


async def test_a_code_links_an_account_once(people: People) -> None:
    person = await people.add("Ann", "rep")
    code = await people.link_code("Ann")
    actor = await people.link(f" {code.lower()} ", "telegram", "", "7")
    assert actor.id == person.id
    assert await people.actor("telegram", "", "7") == actor
    with pytest.raises(NotFound):
        await people.link(code, "telegram", "", "8")


async def test_two_who_use_one_code_at_once_get_one_link(people: People) -> None:
    await people.add("Ann", "rep")
    code = await people.link_code("Ann")
    outcomes = await asyncio.gather(
        *(people.link(code, "telegram", "", str(user)) for user in range(8)), return_exceptions=True
    )
    assert sum(not isinstance(outcome, NotFound) for outcome in outcomes) == 1


async def test_a_code_is_void_after_a_quarter_of_an_hour(people: People, clock: FakeClock) -> None:
    await people.add("Ann", "rep")
    code = await people.link_code("Ann")
    clock.advance(minutes=15)
    with pytest.raises(NotFound):
        await people.link(code, "telegram", "", "7")


async def test_a_code_does_not_take_an_account_from_somebody(people: People) -> None:
    await people.add("Ann", "rep", telegram="7")
    await people.add("Bob", "admin")
    with pytest.raises(Conflict):
        await people.link(await people.link_code("Bob"), "telegram", "", "7")
    actor = await people.actor("telegram", "", "7")
    assert actor is not None
    assert actor.name == "Ann"


async def test_who_was_removed_may_do_nothing_within_seconds_elsewhere(
    people: People, store: Store, clock: FakeClock
) -> None:
    await people.add("Ann", "rep", telegram="7")
    elsewhere = People(store, clock)
    assert await elsewhere.actor("telegram", "", "7") is not None
    await people.remove("Ann")
    assert await people.actor("telegram", "", "7") is None
    clock.advance(seconds=2)
    assert await elsewhere.actor("telegram", "", "7") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a\nb"},
        {"name": "x" * 101},
        {"role": "boss"},
        {"slack": "U0456"},
        {"slack": "T0123/U0456/"},
        {"telegram": "@ann"},
    ],
)
async def test_a_wrong_person_is_refused(people: People, wrong: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        await people.add(**{"name": "Ann", "role": "rep", **wrong})  # type: ignore[arg-type]
    assert await people.all() == []


async def test_names_and_accounts_are_nowhere_readable(people: People, store: Store) -> None:
    await people.add("Annabelle", "rep", slack="T0123/U0456")
    await people.link_code("Annabelle")
    for key in await store.redis.keys():
        dump = await store.redis.dump(key)
        assert b"Annabelle" not in dump
        assert b"U0456" not in dump


async def test_a_source_is_known_by_its_write_key_alone(sources: Sources, clock: FakeClock) -> None:
    write_key = await sources.add("shop")
    assert await sources.authenticate(write_key) == Source(name="shop", kind="server", rate=0, created=clock.now())
    assert await sources.authenticate(write_key[:-1]) is None
    for stranger in ("", "\ud800", "x" * 10_000):
        assert await sources.authenticate(stranger) is None


async def test_a_browser_source_has_a_rate(sources: Sources) -> None:
    source = await sources.authenticate(await sources.add("site", "browser"))
    assert source is not None
    assert source.kind == "browser"
    assert source.rate > 0


async def test_keys_are_kept_as_hashes(sources: Sources, store: Store) -> None:
    secrets = (await sources.add("shop"), await sources.add_key("crm", ["read"]))
    for key in await store.redis.keys():
        dump = await store.redis.dump(key)
        assert not any(secret.encode() in dump for secret in secrets)


async def test_a_source_that_is_removed_is_unknown_within_seconds_elsewhere(
    sources: Sources, store: Store, clock: FakeClock
) -> None:
    write_key = await sources.add("shop")
    elsewhere = Sources(store, clock)
    assert await elsewhere.authenticate(write_key) is not None
    await sources.remove("shop")
    assert await sources.authenticate(write_key) is None
    clock.advance(seconds=2)
    assert await elsewhere.authenticate(write_key) is None
    assert await sources.authenticate(await sources.add("shop")) is not None


async def test_an_api_key_acts_within_its_scopes(sources: Sources) -> None:
    actor = await sources.authenticate_key(await sources.add_key("crm", ["write", "read"]))
    assert actor is not None
    assert (actor.id, actor.scopes, actor.roles, actor.via) == ("key:crm", ("read", "write"), (), "http")


async def test_a_write_key_is_no_api_key_and_the_other_way_round(sources: Sources) -> None:
    assert await sources.authenticate_key(await sources.add("shop")) is None
    assert await sources.authenticate(await sources.add_key("crm", ["read"])) is None


async def test_removing_a_key_takes_every_key_of_that_name(sources: Sources) -> None:
    keys = [await sources.add_key("crm", ["read"]), await sources.add_key("crm", ["write"])]
    await sources.remove_key("crm")
    assert [await sources.authenticate_key(key) for key in keys] == [None, None]
    with pytest.raises(NotFound):
        await sources.remove_key("crm")


@pytest.mark.parametrize("scopes", [[], ["everything"]])
async def test_wrong_scopes_are_refused(sources: Sources, scopes: list[str]) -> None:
    with pytest.raises(Invalid):
        await sources.add_key("crm", scopes)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "a b", "a\n", "é", "-x", "x" * 65])
async def test_a_name_that_cannot_be_a_sources_is_refused(sources: Sources, name: str) -> None:
    with pytest.raises(Invalid):
        await sources.add(name)
