"""Deliveries for those who look after them: listed, tried again, dropped."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from bots.commands import run
from rules.contact import Contact
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.model.actor import SYSTEM, Actor
from server.model.outgoing import MessageDelivery
from server.services.contacts import Contacts
from server.services.outgoing import Outgoing
from server.services.reasons import REASONS
from server.store.store import Store
from tests.bots.desk import Desk
from tests.clock import FakeClock
from tests.post_office import PostOffice

MARTA = Actor(id="u-marta", name="Marta", roles=("marketer",), via="slack")
REP = Actor(id="u-rep", name="Rémi", roles=("rep",), via="slack")


@pytest.fixture
async def office(store: Store, clock: FakeClock) -> PostOffice:
    opened = PostOffice(store, clock)
    await opened.publish()
    return opened


@pytest.fixture
def outgoing(office: PostOffice, clock: FakeClock) -> Outgoing:
    return Outgoing(office.store, clock, Contacts(office.store, clock, office.rulebooks))


async def one_of_each(office: PostOffice) -> dict[str, MessageDelivery]:
    """A delivery that was sent, one that failed, one unknown, one refused, one that waits; a second apart."""
    found = {}
    for number, (state, answer) in enumerate(
        [("sent", "ok"), ("failed", "refused"), ("unknown", "lost"), ("refused", ""), ("waiting", "down")]
    ):
        contact = await office.contact(f"u{number:017}")
        office.clock.advance(seconds=1)
        if answer:
            office.email.plays(answer)
        else:
            await office.consent(contact, status="withdrawn")
        found[state] = await office.post(contact)
        await office.send()
        assert (await office.row(found[state])).state == state
    return found


async def test_deliveries_are_listed_by_state_and_contact_page_by_page(office, outgoing):
    made = await one_of_each(office)
    listed = await outgoing.listing(MARTA)
    assert [one.id for one in listed.deliveries] == [made[state].id for state in reversed(made)]
    assert [one.state for one in listed.deliveries] == list(reversed(made))
    for state, delivery in made.items():
        [one] = (await outgoing.listing(MARTA, [state])).deliveries
        assert (one.id, one.contact, one.scenario, one.trigger) == (delivery.id, delivery.contact, "welcome", None)
        [one] = (await outgoing.listing(MARTA, ref=f"{delivery.contact}")).deliveries
        assert one.id == delivery.id
    assert [one.id async for one in _pages(outgoing, 2)] == [one.id for one in listed.deliveries]
    assert {state: number for state, number in (await outgoing.counts(MARTA)).items() if number} == dict.fromkeys(
        made, 1
    )
    with pytest.raises(Invalid):
        await outgoing.listing(MARTA, cursor="'; --")
    with pytest.raises(NotFound):
        await outgoing.listing(MARTA, ref="nobody")


async def _pages(outgoing, size):
    cursor = None
    while True:
        page = await outgoing.listing(MARTA, cursor=cursor, limit=size)
        assert len(page.deliveries) <= size
        for one in page.deliveries:
            yield one
        cursor = page.next
        if cursor is None:
            return


async def test_deliveries_of_one_moment_are_told_apart_by_the_cursor(office, outgoing):
    for number in range(7):
        await office.contact(f"c{number}")
        await office.post(f"c{number}")
    assert len({one.id async for one in _pages(outgoing, 2)}) == 7


async def test_a_contacts_deliveries_are_also_those_of_the_contacts_that_were_joined_into_it(office, outgoing, clock):
    old, new = f"u{1:017}", f"u{2:017}"
    for contact in (old, new):
        await office.contact(contact)
        await office.post(contact)
    await office.send()
    late = await office.post(old)
    await office.write_contact(Contact(id=old, moved_to=new))
    attributes = {"email": "new@example.org"}
    await office.write_contact(Contact(id=new, attributes=attributes, merged=[f"{old}>{new}"]))
    for _ in range(2):
        await office.send()
    listed = (await outgoing.listing(MARTA, ref=old)).deliveries
    assert len(listed) == 3
    assert (await outgoing.get(MARTA, late.id)).contact == new


@pytest.mark.parametrize("state", ["failed", "unknown", "refused"])
async def test_what_did_not_go_out_is_tried_again_with_all_checks(office, outgoing, state):
    delivery = (await one_of_each(office))[state]
    if state == "refused":
        await office.consent(delivery.contact)
    sent = len(office.email.sent)
    again = await outgoing.retry(MARTA, delivery.id.upper())
    assert (again.state, again.reason, again.attempts) == ("waiting", "", 0)
    await office.send()
    assert (await office.row(delivery)).state == "sent"
    assert (await office.row(delivery)).by == MARTA.id
    assert len(office.email.sent) == sent + 1
    assert (await outgoing.listing(MARTA, [state])).deliveries == []


async def test_trying_again_does_not_go_round_consent(office, outgoing):
    delivery = (await one_of_each(office))["refused"]
    await outgoing.retry(MARTA, delivery.id)
    await office.send()
    assert await office.state(delivery) == ("refused", "no_consent")


async def test_what_waits_failed_or_is_uncertain_is_dropped_and_stays_so(office, outgoing, clock):
    made = await one_of_each(office)
    sent = len(office.email.sent)
    for state in ("waiting", "failed", "unknown"):
        assert (await outgoing.drop(MARTA, made[state].id)).state == "dropped"
    clock.advance(days=1)
    await office.send()
    assert len(office.email.sent) == sent
    assert len((await outgoing.listing(MARTA, ["dropped"])).deliveries) == 3
    assert await office.courier.next_due(within=1 << 40) == {}


async def test_what_went_out_is_neither_tried_again_nor_dropped(office, outgoing):
    made = await one_of_each(office)
    for act, states in ((outgoing.retry, ("sent", "waiting")), (outgoing.drop, ("sent", "refused"))):
        for state in states:
            with pytest.raises(Conflict) as conflict:
                await act(MARTA, made[state].id)
            assert conflict.value.current == state


async def test_what_is_being_sent_is_not_dropped(office, outgoing):
    await office.contact()
    delivery = await office.post()
    office.email.latency = 0.2
    sending = asyncio.create_task(office.send())
    while not office.email.calls:
        await asyncio.sleep(0.001)
    with pytest.raises(Conflict):
        await outgoing.drop(MARTA, delivery.id)
    await sending
    assert (await office.row(delivery)).state == "sent"


async def test_two_who_try_again_at_once_send_once(office, outgoing):
    delivery = (await one_of_each(office))["failed"]
    sent = len(office.email.sent)
    answers = await asyncio.gather(*(outgoing.retry(MARTA, delivery.id) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(answer, Conflict) for answer in answers) == 4
    await asyncio.gather(*(office.send(office.hire()) for _ in range(3)))
    assert len(office.email.sent) == sent + 1


async def test_only_who_looks_after_messages_sees_and_changes_them(office, outgoing):
    delivery = (await one_of_each(office))["failed"]
    for call in (
        outgoing.listing(REP),
        outgoing.get(REP, "x"),
        outgoing.retry(REP, delivery.id),
        outgoing.drop(REP, "x"),
    ):
        with pytest.raises(Forbidden):
            await call
    with pytest.raises(NotFound):
        await outgoing.get(SYSTEM, "0-nothing")


# --- over HTTP and in chat ------------------------------------------------------------------------------------------


async def test_programs_list_retry_and_drop_deliveries(services, api):
    office = PostOffice(services.store, services.clock)
    await office.publish()
    made = await one_of_each(office)
    key = await services.sources.add_key("ops", ("read", "write", "admin"))
    head = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=api._transport, base_url="http://relance.test", headers=head) as client:
        listed = (await client.get("/v1/deliveries", params={"state": "unknown"})).json()
        [one] = listed["deliveries"]
        assert (one["id"], one["state"], one["scenario"], listed["next"]) == (
            made["unknown"].id,
            "unknown",
            "welcome",
            None,
        )
        assert len((await client.get("/v1/deliveries", params={"contact": one["contact"]})).json()["deliveries"]) == 1
        assert (await client.get("/v1/deliveries?state=lost")).status_code in (400, 422)
        retried = await client.post(f"/v1/deliveries/{one['id']}/retry")
        assert (retried.status_code, retried.json()["state"]) == (200, "waiting")
        dropped = await client.post(f"/v1/deliveries/{one['id']}/drop")
        assert (dropped.status_code, dropped.json()["state"]) == (200, "dropped")
        assert (await client.get(f"/v1/deliveries/{one['id']}")).json()["state"] == "dropped"
        assert (await client.post(f"/v1/deliveries/{made['sent'].id}/retry")).status_code == 409
        assert (await client.post("/v1/deliveries/0-nothing/drop")).status_code == 404


async def test_a_marketer_looks_at_deliveries_in_chat_and_presses_the_buttons(store, clock):
    desk = Desk(store, clock)
    office = PostOffice(store, clock)
    await office.publish()
    made = await one_of_each(office)
    troubled = await run(desk.services, MARTA, "deliveries", clock=clock)
    assert len(troubled.items) == 3
    failed = next(item for item in troubled.items if made["failed"].id in item.lines[1])
    assert failed.lines[0] == "failed: 552 too large"
    assert [button.command.split()[1] for button in failed.buttons] == ["retry", "drop"]
    again = await run(desk.services, MARTA, failed.buttons[0].command, clock=clock)
    assert again.tone == "good"
    french = await run(desk.services, MARTA, "envois refusés", clock=clock)
    assert french.items[0].lines[0] == "refusé : le contact ne consent pas à sa finalité"
    assert "envoyé : 1" in french.footer
    refused = await run(desk.services, REP, "deliveries", clock=clock)
    assert refused.tone == "bad"


def test_every_reason_is_told_in_french() -> None:
    from server.i18n import translator

    french = translator("fr")
    assert all(french(text) != text for text in REASONS.values())
