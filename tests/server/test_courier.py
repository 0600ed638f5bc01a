"""One card in one place: whatever the channel answers and whoever dies, it ends at the alert's latest revision."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from rules.contact import Millis
from server.model.actor import SYSTEM
from server.model.delivery import Delivery, Place
from server.services.copies import with_copy
from server.services.deliveries import HELD
from server.services.outcome import GIVE_UP
from server.store import keys
from server.store.store import Store
from tests.clock import FakeClock
from tests.office import REP, SALES, Office
from tests.scripted_channel import ScriptedChannel


@pytest.fixture
def office(store: Store, clock: FakeClock) -> Office:
    return Office(store, clock)


async def deliver_later(office: Office) -> None:
    """Let time pass until a courier calls Slack again."""
    before = len(office.slack.calls)
    while len(office.slack.calls) == before:
        moments = await office.courier.next_due(within=GIVE_UP)
        office.clock.set(max(min(moments.values()), office.clock.now()))
        await office.deliver()


async def test_a_new_alert_becomes_one_card_in_each_place(office):
    telegram = ScriptedChannel("telegram")
    courier = office.hire(office.slack, telegram)
    alert = await office.raise_alert(SALES, Place("slack", "#boss"), Place("telegram", "-1001:7"))
    assert await office.deliver(courier) == {}
    assert sorted(message.address for message in office.slack.messages) == ["#boss", "#sales"]
    [message] = telegram.messages
    assert (message.address, message.repeated) == ("-1001:7", False)
    assert (message.card.alert, message.card.score, message.card.reasons[0].points) == (alert.id, 85.0, 50.0)
    assert (await office.row(alert)).state == "sent"


async def test_what_rings_without_need_changes_nothing(office):
    alert = await office.raise_alert()
    await office.deliver()
    await office.write(alert)
    assert await office.deliver() == {}
    assert office.slack.calls == ["post"]


async def test_a_changed_alert_edits_its_card(office):
    alert = await office.raise_alert()
    await office.deliver()
    await office.change(alert)
    await office.deliver()
    [message] = office.slack.messages
    assert (message.edits, message.card.count, message.card.revision) == (1, 2, 2)


async def test_a_change_during_a_send_is_shown_too(office):
    alert = await office.raise_alert()
    changes: list[asyncio.Task[None]] = []
    office.slack.latency = 0.05

    def change(call: str) -> None:
        if call == "post":
            changes.append(asyncio.ensure_future(office.change(alert)))

    office.slack.seen = change
    await office.deliver()
    [message] = office.slack.messages
    assert message.card.revision == 2
    assert (await office.row(alert)).revision == 2


async def test_a_busy_channel_is_left_alone_until_it_said(office):
    alert = await office.raise_alert()
    office.slack.plays("busy")
    [moment] = (await office.deliver()).values()
    assert moment == office.clock.now() + 7000
    other = await office.raise_alert()
    await office.deliver()
    assert office.slack.calls == ["post"], "nobody else calls the address meanwhile"
    await office.change(alert)
    office.clock.advance(milliseconds=6999)
    await office.deliver()
    assert office.slack.calls == ["post"]
    office.clock.advance(milliseconds=1)
    await office.deliver()
    await deliver_later(office)
    assert sorted(message.card.alert for message in office.slack.messages) == sorted([alert.id, other.id])
    assert not any(message.repeated for message in office.slack.messages)


async def test_a_channel_that_is_down_is_tried_again_after_pauses_that_grow(office):
    alert = await office.raise_alert()
    office.slack.plays(*["down"] * 12)
    times = []
    office.slack.seen = lambda call: times.append(office.clock.now())
    await office.deliver()
    while not office.slack.messages:
        await deliver_later(office)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert len(pauses) == 12
    assert 500 <= pauses[0] <= 1000
    assert 150_000 <= pauses[-1] <= 300_000
    assert not office.slack.messages[0].repeated, "nothing had been sent"
    assert (await office.row(alert)).attempts == 0


async def test_a_card_is_given_up_after_a_day_in_vain(office):
    alert = await office.raise_alert()
    office.slack.plays("down")
    await office.deliver()
    office.slack.plays("down")
    office.clock.advance(milliseconds=GIVE_UP + 1)
    assert await office.deliver() == {}
    row = await office.row(alert)
    assert (row.state, row.reason) == ("failed", "connection refused")


async def test_a_refused_card_is_listed_with_its_reason_and_tried_at_the_next_change(office):
    alert = await office.raise_alert()
    office.slack.plays("refused")
    assert await office.deliver() == {}
    [given_up] = await office.courier.undelivered(SYSTEM)
    assert (given_up.alert, given_up.place, given_up.delivery.reason) == (alert.id, SALES, "channel_not_found")
    assert (await office.courier.of_alert(REP, alert.id))[SALES].state == "failed"
    office.clock.advance(minutes=1)
    await office.change(alert)
    await office.deliver()
    assert len(office.slack.messages) == 1
    assert await office.courier.undelivered(SYSTEM) == []


async def test_a_platform_that_is_not_set_up_is_recorded_and_stops_no_other(office):
    alert = await office.raise_alert(SALES, Place("email", "sales@example.com"))
    await office.deliver()
    assert len(office.slack.messages) == 1
    assert (await office.row(alert, Place("email", "sales@example.com"))).reason == "email is not set up"


async def test_a_card_whose_answer_was_lost_is_looked_for_and_adopted(office):
    alert = await office.raise_alert()
    office.slack.plays("lost")
    await office.deliver()
    assert (await office.row(alert)).state == "unknown"
    office.clock.advance(seconds=1)
    await office.change(alert)
    await office.deliver()
    [message] = office.slack.messages
    assert office.slack.calls == ["post", "find", "edit"]
    assert (message.repeated, message.card.revision) == (False, 2)
    assert (await office.row(alert)).reference == "#sales:0"


async def test_a_card_that_cannot_be_looked_for_is_repeated_and_marked(office):
    office.slack.finds = False
    await office.raise_alert()
    office.slack.plays("lost")
    await office.deliver()
    await deliver_later(office)
    assert [message.repeated for message in office.slack.messages] == [False, True]


async def test_a_card_that_was_given_up_while_unsure_is_marked_when_it_comes(office):
    office.slack.finds = False
    alert = await office.raise_alert()
    office.slack.plays("lost", "ok", "refused")
    await office.deliver()
    await deliver_later(office)
    assert (await office.row(alert)).state == "failed"
    office.clock.advance(seconds=10)
    await office.change(alert)
    await office.deliver()
    assert [message.repeated for message in office.slack.messages] == [False, True]


async def test_an_adopted_card_is_not_forgotten_when_its_edit_fails(office):
    alert = await office.raise_alert()
    office.slack.plays("lost", "ok", "down")
    await office.deliver()
    await deliver_later(office)
    assert (await office.row(alert)).reference == "#sales:0"
    await deliver_later(office)
    assert office.slack.calls == ["post", "find", "edit", "edit"]


async def test_a_channel_that_never_answers_is_not_waited_for(office):
    alert = await office.raise_alert()
    office.slack.plays("hangs")
    await office.deliver(office.hire(timeout=50))
    row = await office.row(alert)
    assert (row.state, row.reason) == ("unknown", "no answer in time")


async def test_a_fault_of_a_channel_stops_no_other_card(office):
    broken = await office.raise_alert(contact="c1")
    fine = await office.raise_alert(Place("slack", "#boss"), contact="c1")
    office.slack.plays("breaks")
    await office.deliver()
    assert (await office.row(broken)).reason == "ZeroDivisionError"
    assert (await office.row(fine, Place("slack", "#boss"))).state == "sent"


async def test_a_damaged_row_is_taken_for_an_unknown_card(office):
    alert = await office.raise_alert()
    await office.store.redis.hset(keys.card(office.store.partition("c1"), alert.id), str(SALES), b"\x01rubbish")
    await office.deliver()
    assert [message.repeated for message in office.slack.messages] == [True]


async def test_a_damaged_alert_is_put_off_and_stops_no_other(office):
    broken = await office.raise_alert()
    await office.raise_alert()
    await office.store.redis.set(keys.alert(office.store.partition("c1"), broken.id), b"\x01rubbish")
    moments = await office.deliver()
    assert len(office.slack.messages) == 1
    assert min(moments.values()) > office.clock.now()
    assert (await office.row(broken)).reason == "SealError"


async def test_a_card_without_an_alert_is_forgotten(office):
    alert = await office.raise_alert()
    await office.store.redis.delete(keys.alert(office.store.partition("c1"), alert.id))
    assert await office.deliver() == {}
    assert office.slack.calls == []
    assert await office.courier.next_due(within=GIVE_UP) == {}


# --- couriers that race and couriers that die ---------------------------------------------------------------------


async def test_two_couriers_never_have_one_card(office):
    places = [Place("slack", f"#team{number}") for number in range(20)]
    alerts = [await office.raise_alert(*places) for _ in range(3)]
    office.slack.latency = 0.01
    await asyncio.gather(*(office.deliver(office.hire()) for _ in range(4)))
    for alert in alerts:
        await office.change(alert, *places)
    office.clock.advance(minutes=1)
    for _ in range(3):
        await asyncio.gather(*(office.deliver(office.hire()) for _ in range(4)))
        office.clock.advance(minutes=1)
    assert office.slack.doubled == 0
    assert len(office.slack.messages) == 60
    assert all(message.card.revision == 2 for message in office.slack.messages)


@pytest.mark.parametrize("finds", [True, False], ids=["found", "repeated"])
async def test_a_courier_that_dies_after_the_post_leaves_one_card_or_a_marked_one(office, finds):
    office.slack.finds = finds
    alert = await office.raise_alert()
    office.slack.plays("hangs")
    dying = asyncio.create_task(office.deliver())
    while not office.slack.messages:
        await asyncio.sleep(0.001)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)

    heir = office.hire()
    await office.deliver(heir)
    assert len(office.slack.messages) == 1, "the dead courier's time is not over"
    assert await heir.next_due(within=HELD) == {office.store.partition("c1"): office.clock.now() + HELD}
    office.clock.advance(milliseconds=HELD)
    await office.deliver(heir)
    assert [message.repeated for message in office.slack.messages] == ([False] if finds else [False, True])
    assert (await office.row(alert)).state == "sent"


async def test_a_courier_that_dies_over_an_edit_leaves_one_card(office):
    alert = await office.raise_alert()
    await office.deliver()
    await office.change(alert)
    office.slack.plays("hangs")
    dying = asyncio.create_task(office.deliver())
    while "edit" not in office.slack.calls:
        await asyncio.sleep(0.001)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    office.clock.advance(milliseconds=HELD)
    await office.deliver()
    [message] = office.slack.messages
    assert message.card.revision == 2


async def test_a_courier_that_comes_back_too_late_overwrites_nothing(office):
    alert = await office.raise_alert()
    partition, now = office.store.partition("c1"), office.clock.now()
    [late], _ = await office.outbox.take(partition, now, now + HELD, 10)
    office.clock.advance(milliseconds=HELD)
    await office.deliver()
    row = await office.row(alert)
    assert await office.outbox.finish(late, late.delivery, office.clock.now(), again=office.clock.now()) is None
    assert await office.row(alert) == row
    assert await office.courier.next_due(within=GIVE_UP) == {}


# --- pace ---------------------------------------------------------------------------------------------------------


async def test_a_slack_channel_gets_one_new_message_a_second_from_all_couriers(office):
    times: list[Millis] = []
    office.slack.seen = lambda call: times.append(office.clock.now())
    start = office.clock.now()
    for number in range(6):
        await office.raise_alert(contact=f"c{number}")
    couriers = [office.hire(), office.hire()]
    while len(office.slack.messages) < 6:
        await asyncio.gather(*(office.deliver(courier) for courier in couriers))
        office.clock.advance(milliseconds=100)
    assert [time - start for time in times] == [0, 1000, 2000, 3000, 4000, 5000]


async def test_channels_of_one_name_in_two_workspaces_do_not_wait_for_each_other(office):
    times: list[Millis] = []
    office.slack.seen = lambda call: times.append(office.clock.now())
    start = office.clock.now()
    for number in range(3):
        await office.raise_alert(Place("slack", "#sales"), Place("slack", "T0SHOP/#sales"), contact=f"c{number}")
    while len(office.slack.messages) < 6:
        await office.deliver()
        office.clock.advance(milliseconds=100)
    assert [time - start for time in times] == [0, 0, 1000, 1000, 2000, 2000]


@pytest.mark.parametrize("addresses", [["-100200"], ["-100200/7", "-100200/8", "-100200"]], ids=["group", "topics"])
async def test_a_telegram_group_gets_at_most_twenty_messages_in_any_minute(office, addresses):
    telegram = ScriptedChannel("telegram")
    times: list[Millis] = []
    telegram.seen = lambda call: times.append(office.clock.now())
    courier = office.hire(telegram)
    for number in range(30):
        await office.raise_alert(Place("telegram", addresses[number % len(addresses)]), contact=f"c{number}")
    while len(telegram.messages) < 30:
        await office.deliver(courier)
        office.clock.advance(milliseconds=500)
    assert max(sum(start <= time < start + 60_000 for time in times) for start in times) <= 20
    assert times[-1] - times[0] < 120_000


async def test_one_slow_place_does_not_hold_up_the_others(office):
    for number in range(5):
        await office.raise_alert(contact=f"c{number}")
    await office.raise_alert(Place("slack", "#boss"))
    await office.deliver()
    assert sorted(message.address for message in office.slack.messages) == ["#boss", "#sales"]


# --- contacts that are joined -------------------------------------------------------------------------------------


async def test_the_card_of_a_contact_that_was_joined_into_another_is_edited_not_doubled(office):
    alert = await office.raise_alert(contact="c1")
    await office.deliver()
    home = office.store.partition("c1")
    survivor = next(f"s{n}" for n in range(99) if office.store.partition(f"s{n}") != home)
    await office.store.redis.set(keys.alert(home, alert.id), ">" + survivor)
    alert.contact = survivor
    await office.change(alert)
    assert await office.deliver() == {}
    [message] = office.slack.messages
    assert (message.edits, message.card.revision) == (1, 2)


# --- copies -------------------------------------------------------------------------------------------------------


async def test_a_copy_that_somebody_presses_is_kept_up_to_date_too(office):
    office.slack.finds = False
    alert = await office.raise_alert()
    office.slack.plays("lost")
    await office.deliver()
    await deliver_later(office)
    first, second = office.slack.messages
    await office.change(alert)
    office.clock.advance(seconds=10)
    await office.courier.noticed(alert.id, "slack", "#sales:0")
    await office.deliver()
    assert (first.card.revision, second.card.revision) == (2, 2)
    await office.change(alert)
    await office.deliver()
    assert (first.card.revision, second.card.revision) == (3, 3)
    calls = len(office.slack.calls)
    await office.courier.noticed(alert.id, "slack", "#sales:0")
    await office.courier.noticed(alert.id, "slack", "#sales:1:repeated")
    await office.courier.noticed(alert.id, "slack", "#elsewhere:1")
    assert len(office.slack.calls) == calls


def test_of_two_places_in_one_chat_each_card_is_known_as_its_own() -> None:
    known = {
        Place("telegram", "-1001/7"): Delivery(state="sent", reference="-1001:5"),
        Place("telegram", "-1001/42"): Delivery(state="sent", reference="-1001:6", copies=("-1001:9",)),
    }
    assert [with_copy(known, "telegram", f"-1001:{number}") for number in (5, 6, 9)] == [None] * 3
    assert with_copy(known, "telegram", "-1001:4") is not None


async def test_a_press_on_a_card_whose_answer_was_lost_tells_where_it_is(office):
    office.slack.finds = False
    alert = await office.raise_alert()
    office.slack.plays("lost")
    await office.deliver()
    await office.courier.noticed(alert.id, "slack", "#sales:0")
    await deliver_later(office)
    [message] = office.slack.messages
    assert (message.edits, (await office.row(alert)).reference) == (1, "#sales:0")


async def test_a_card_that_another_clock_made_due_a_little_later_is_not_left_to_the_sweep(office):
    alert = await office.raise_alert()
    await office.deliver()
    alert.revision += 1
    await office.write(alert)
    office.clock.set(office.clock.now() - 20)
    moments = await office.deliver()
    assert moments == {office.store.partition("c1"): office.clock.now() + 20}
    office.clock.advance(milliseconds=20)
    assert await office.deliver() == {}
    assert office.slack.messages[0].card.revision == 2


async def test_what_a_later_version_put_into_the_outbox_is_left_there(office):
    due = keys.due(office.store.partition("c1"))
    await office.store.redis.zadd(due, {"letter:42": office.clock.now()})
    await office.raise_alert()
    await office.deliver()
    assert len(office.slack.messages) == 1
    assert await office.store.redis.zrange(due, 0, -1) == [b"letter:42"]
