"""One message: whatever speaks against it at that moment stops it, and it goes out once or is known to be uncertain."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from rules.contact import Contact
from server.services.message_outcome import GIVE_UP, TRIES
from server.services.sending import HELD, Rate
from server.store import keys
from server.store.store import Store
from tests.clock import FakeClock
from tests.post_office import RULES, PostOffice
from tests.scripted_message_channel import ScriptedMessageChannel

DAY = 86_400_000


@pytest.fixture
async def office(store: Store, clock: FakeClock) -> PostOffice:
    opened = PostOffice(store, clock)
    await opened.publish()
    return opened


async def later(office: PostOffice) -> None:
    """Let time pass until a courier calls the channel again, or nothing is due any more."""
    before = office.email.calls
    while office.email.calls == before:
        moments = await office.courier.next_due(within=1 << 40)
        if not moments:
            return
        office.clock.set(max(min(moments.values()), office.clock.now()))
        await office.send()


async def test_a_message_is_handed_over_once_and_the_contacts_history_learns_it(office):
    await office.contact()
    delivery = await office.post()
    assert await office.send() == {}
    await office.send()
    [sent] = office.email.sent
    assert (sent.to, sent.rendered.subject, sent.tracked) == ("c1@example.org", "hello", True)
    assert sent.unsubscribe.startswith("https://relance.example/unsubscribe/")
    row = await office.row(delivery)
    assert (row.state, row.reference) == ("sent", "reference 1")
    [event] = await office.told()
    assert (event.name, event.source, event.message_id) == ("Email Sent", "relance", f"{delivery.id}:sent")
    assert event.properties == {
        "message": "hello", "channel": "email", "purpose": "newsletter", "delivery": delivery.id, "scenario": "welcome",
    }  # fmt: skip
    assert 0 < await office.store.redis.pttl(keys.delivery(office.store.partition("c1"), delivery.id)) <= 90 * DAY


# --- what stops it --------------------------------------------------------------------------------------------------


async def refused(office: PostOffice, **more: object) -> str:
    """Post and send one message that may not go; why."""
    delivery = await office.post(**more)
    await office.send()
    assert office.email.calls == 0
    row = await office.row(delivery)
    assert row.state == "refused"
    [event] = await office.told(delivery.contact)
    assert event.name == "Message Refused"
    assert event.properties == {
        "message": row.message, "channel": row.channel, "purpose": row.purpose, "reason": row.reason,
    }  # fmt: skip
    return row.reason


async def told_nothing(office: PostOffice) -> None:
    for partition in range(office.store.partitions):
        await office.store.redis.delete(keys.log(partition))


async def test_a_withdrawal_between_schedule_and_hand_over_stops_the_message(office, clock):
    await office.contact()
    delivery = await office.post(not_before=clock.now() + 1000)
    await office.send()
    assert await office.state(delivery) == ("waiting", "")
    await office.consent("c1", status="withdrawn")
    await told_nothing(office)
    clock.advance(seconds=1)
    await office.send()
    assert await office.state(delivery) == ("refused", "no_consent")
    [event] = await office.told()
    assert event.properties["reason"] == "no_consent"


@pytest.mark.parametrize("status", ["pending", "denied", "withdrawn"])
async def test_only_a_consent_that_is_given_and_confirmed_counts(office, status):
    await office.contact()
    await office.consent("c1", status=status)
    await told_nothing(office)
    assert await refused(office) == "no_consent"


async def test_consent_to_another_purpose_does_not_count(office):
    await office.contact("c1", "targeting")
    await told_nothing(office)
    assert await refused(office) == "no_consent"


async def test_a_message_without_a_purpose_is_refused(office):
    await office.contact()
    await told_nothing(office)
    assert await refused(office, purpose="") == "no_purpose"


async def test_consent_counts_over_the_channels_that_it_was_given_for(office):
    await office.contact()
    await office.consent("c1", channels=("sms",))
    await told_nothing(office)
    assert await refused(office) == "not_over_channel"


async def test_a_purpose_counts_over_the_channels_that_it_is_for(office):
    await office.contact()
    await told_nothing(office)
    sms = ScriptedMessageChannel("sms")
    delivery = await office.post(channel="sms", purpose="targeting")
    await office.send(office.hire(sms))
    assert await office.state(delivery) == ("refused", "not_over_channel")


async def test_a_consent_that_is_too_old_does_not_count(office, clock):
    await office.publish(RULES.replace("open tracking", "renew after 1 month"))
    await office.contact()
    clock.advance(days=27)
    delivery = await office.post()
    await office.send()
    assert await office.state(delivery) == ("sent", "")
    clock.advance(days=4)
    delivery = await office.post()
    await office.send()
    assert await office.state(delivery) == ("refused", "no_consent")


async def test_a_contact_without_an_address_gets_nothing(office):
    await office.contact(email="")
    await told_nothing(office)
    assert await refused(office) == "no_address"


async def test_nothing_goes_to_a_suppressed_address(office):
    await office.contact()
    await office.suppressions.add("email", "C1@example.org", "complaint")
    await told_nothing(office)
    assert await refused(office) == "suppressed"


async def test_a_message_is_not_sent_later_than_it_is_valid(office, clock):
    await office.contact()
    await told_nothing(office)
    in_time = await office.post(valid_until=clock.now())
    await office.send()
    assert await office.state(in_time) == ("sent", "")
    late = await office.post(valid_until=clock.now() - 1)
    await office.send()
    assert await office.state(late) == ("refused", "too_late")


async def test_a_message_that_there_is_not_is_refused(office):
    await office.contact()
    await told_nothing(office)
    office.messages.missing.add("hello")
    assert await refused(office) == "no_template"


async def test_words_that_cannot_be_filled_in_are_not_sent(office):
    await office.contact()
    await told_nothing(office)
    office.messages.broken.add("hello")
    assert await refused(office) == "bad_template"


async def test_a_channel_that_is_not_set_up_is_recorded(office):
    await office.contact()
    delivery = await office.post(channel="push")
    await office.send()
    assert await office.state(delivery) == ("failed", "no_channel")


async def test_a_contact_that_is_gone_is_not_made_anew_by_its_message(office):
    await office.publish()
    delivery = await office.post()
    await office.send()
    assert await office.state(delivery) == ("refused", "no_contact")
    assert await office.told() == []


async def test_a_webhook_needs_a_purpose_as_soon_as_its_words_are_personal(office):
    await office.contact()
    hook = ScriptedMessageChannel("webhook")
    plain = await office.post(message="plain", channel="webhook", purpose="")
    personal = await office.post(message="personal", channel="webhook", purpose="")
    agreed = await office.post(message="personal", channel="webhook", purpose="newsletter")
    await office.send(office.hire(hook))
    assert await office.state(plain) == ("sent", "")
    assert await office.state(personal) == ("refused", "no_purpose")
    assert await office.state(agreed) == ("sent", "")


# --- what makes it wait ---------------------------------------------------------------------------------------------


async def test_a_message_waits_until_quiet_hours_in_the_contacts_zone_are_over(office, clock):
    await office.publish(RULES + "quiet hours: 21:00 to 08:00\n")
    await office.contact(timezone="America/New_York")
    clock.set(datetime(2026, 3, 8, 4, 30, tzinfo=UTC))  # 23:30 before the night in which the clocks go forward
    delivery = await office.post()
    await office.send()
    assert office.email.calls == 0
    row = await office.row(delivery)
    assert (row.state, row.not_before) == ("waiting", _millis(datetime(2026, 3, 8, 12, 0, tzinfo=UTC)))
    clock.set(row.not_before - 1)
    await office.send()
    assert office.email.calls == 0
    clock.set(row.not_before)
    await office.send()
    assert len(office.email.sent) == 1


async def test_a_message_that_quiet_hours_make_too_late_is_refused(office, clock):
    await office.publish(RULES + "quiet hours: 21:00 to 08:00\n")
    await office.contact()
    clock.set(datetime(2026, 3, 2, 22, 0, tzinfo=UTC))
    delivery = await office.post(valid_until=clock.now() + 3_600_000)
    await office.send()
    clock.set((await office.row(delivery)).not_before)
    await office.send()
    assert await office.state(delivery) == ("refused", "too_late")


async def test_quiet_hours_disturb_no_webhook(office, clock):
    await office.publish(RULES + "quiet hours: 21:00 to 08:00\n")
    await office.contact()
    clock.set(datetime(2026, 3, 2, 22, 0, tzinfo=UTC))
    hook = ScriptedMessageChannel("webhook")
    await office.post(channel="webhook")
    await office.send(office.hire(hook))
    assert len(hook.sent) == 1


async def test_messages_of_a_paused_scenario_wait_for_its_resume(office, clock):
    await office.contact()
    delivery = await office.post()
    await _pause(office, paused=True)
    await office.send()
    clock.advance(hours=5)
    await office.send()
    assert await office.state(delivery) == ("waiting", "")
    await _pause(office, paused=False)
    clock.advance(minutes=5)
    await office.send()
    assert await office.state(delivery) == ("sent", "")


async def test_a_channel_gets_so_many_messages_a_second_and_at_once(office, clock):
    for number in range(6):
        await office.contact(f"c{number}")
        await office.post(f"c{number}")
    office.email.latency = 0.01
    courier = office.hire(email=Rate(at_once=2, per_second=1))
    sent = []
    for _ in range(8):
        await office.send(courier)
        sent.append(len(office.email.sent))
        clock.advance(seconds=1)
    assert sent == [2, 3, 4, 5, 6, 6, 6, 6]
    assert office.email.most <= 2


# --- the limit ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "still", "free"),
    [
        ("2 per 7 days", "2026-03-09T08:59:59.999Z", "2026-03-09T09:00Z"),
        ("2 per day", "2026-03-02T22:59Z", "2026-03-02T23:00Z"),
        ("2 per week", "2026-03-08T22:59Z", "2026-03-08T23:00Z"),
        ("2 per month", "2026-03-31T21:59Z", "2026-03-31T22:00Z"),
        ("2 ever", "2027-03-01T00:00Z", ""),
    ],
)
async def test_a_limit_counts_in_its_window_or_in_the_contacts_calendar(office, clock, limit, still, free):
    await office.publish(RULES + f"limit email: at most {limit}\n")
    await office.contact(timezone="Europe/Paris")
    for _ in range(2):
        await office.post()
    await office.send()
    assert len(office.email.sent) == 2
    clock.set(datetime.fromisoformat(still))
    over = await office.post()
    await office.send()
    assert await office.state(over) == ("refused", "over_limit")
    if free:
        clock.set(datetime.fromisoformat(free))
        await office.post()
        await office.send()
        assert len(office.email.sent) == 3


async def test_two_couriers_do_not_go_over_a_limit_together(office):
    await office.publish(RULES + "limit email: at most 3 per 7 days\n")
    office.email.latency = 0.001
    for contact in ("c1", "c2", "c3", "c4"):
        await office.contact(contact)
        for _ in range(10):
            await office.post(contact)
    await asyncio.gather(*(office.send(office.hire(office.email)) for _ in range(4)))
    await office.send()
    counts = [sum(sent.to == f"c{n}@example.org" for sent in office.email.sent) for n in range(1, 5)]
    assert counts == [3, 3, 3, 3]


async def test_what_was_not_sent_does_not_count_against_the_limit(office):
    await office.publish(RULES + "limit email: at most 1 per 7 days\n")
    await office.contact()
    office.email.plays("refused")
    failed = await office.post()
    await office.send()
    assert (await office.row(failed)).state == "failed"
    office.email.plays("down")
    down = await office.post()
    await office.send()
    await later(office)
    assert await office.state(down) == ("sent", "")
    over = await office.post()
    await office.send()
    assert await office.state(over) == ("refused", "over_limit")


async def test_what_may_have_been_sent_counts_against_the_limit(office):
    await office.publish(RULES + "limit email: at most 1 per 7 days\n")
    await office.contact()
    office.email.plays("lost")
    await office.post()
    await office.send()
    over = await office.post()
    await office.send()
    assert await office.state(over) == ("refused", "over_limit")


# --- what the channel says ------------------------------------------------------------------------------------------


async def test_a_busy_channel_is_asked_again_when_it_said(office, clock):
    await office.contact()
    office.email.plays("busy")
    await office.post()
    assert list((await office.send()).values()) == [clock.now() + 7000]
    clock.advance(milliseconds=6999)
    await office.send()
    assert office.email.calls == 1
    clock.advance(milliseconds=1)
    await office.send()
    assert len(office.email.sent) == 1


async def test_a_channel_that_is_down_is_tried_again_after_pauses_that_grow(office, clock):
    await office.contact()
    times: list[int] = []
    office.email.seen = lambda outbound: times.append(clock.now())
    office.email.plays(*["down"] * 8)
    await office.post()
    await office.send()
    while not office.email.sent:
        await later(office)
    pauses = [after - before for before, after in pairwise(times)]
    assert len(pauses) == 8
    assert all(2500 << n <= pause <= 5000 << n for n, pause in enumerate(pauses))


async def test_a_message_is_given_up_after_a_day_and_so_many_tries(office, clock):
    await office.contact()
    office.email.plays(*["down"] * (TRIES + 1))
    delivery, began = await office.post(), clock.now()
    await office.send()
    while (await office.row(delivery)).state == "waiting":
        await later(office)
    assert office.email.calls <= TRIES
    assert clock.now() - began <= GIVE_UP + 7_200_000
    assert await office.state(delivery) == ("failed", "connection refused")
    assert await office.told() == []


async def test_a_refusal_of_the_channel_is_final_and_a_dead_address_suppressed(office):
    await office.contact()
    office.email.plays("refused", "dead")
    first, second = await office.post(), await office.post()
    await office.send()
    assert {await office.state(first), await office.state(second)} == {
        ("failed", "552 too large"), ("failed", "550 5.1.1"),
    }  # fmt: skip
    [bounced] = await office.told()
    assert (bounced.name, bounced.message_id.partition(":")[2]) == ("Email Bounced", "bounced")
    assert (bounced.properties["kind"], bounced.properties["reason"]) == ("hard", "5.1.1")
    third = await office.post()
    await office.send()
    assert await office.state(third) == ("refused", "suppressed")


@pytest.mark.parametrize("answer", ["lost", "vanished", "breaks", "hangs"])
async def test_a_message_of_which_nobody_knows_whether_it_arrived_is_not_repeated(office, clock, answer):
    await office.contact()
    office.email.plays(answer)
    delivery = await office.post()
    courier = office.hire(timeout=50)
    await office.send(courier)
    assert (await office.row(delivery)).state == "unknown"
    clock.advance(days=2)
    assert await office.courier.next_due(within=DAY) == {}
    await office.send()
    assert office.email.calls == 1


# --- couriers -------------------------------------------------------------------------------------------------------


async def test_a_courier_that_dies_while_it_sends_leaves_its_message_unknown(office, clock):
    await office.contact()
    delivery = await office.post()
    office.email.plays("hangs")
    dying = asyncio.create_task(office.send())
    while not office.email.calls:
        await asyncio.sleep(0.001)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert (await office.row(delivery)).state == "sending"
    [until] = (await office.courier.next_due(within=DAY)).values()
    clock.set(until - 1)
    await office.send()
    assert (await office.row(delivery)).state == "sending", "the courier may still live"
    clock.set(until)
    await office.send()
    assert await office.state(delivery) == ("unknown", "died")
    assert office.email.calls == 1


async def test_a_webhook_of_which_nobody_knows_whether_it_arrived_is_repeated_under_its_id(office, clock):
    await office.contact()
    hook = ScriptedMessageChannel("webhook")
    courier = office.hire(hook, timeout=50)
    hook.plays("hangs", "lost")
    delivery = await office.post(channel="webhook", message="personal")
    await office.send(courier)
    for _ in range(2):
        clock.set(max(clock.now(), *(await courier.next_due(within=DAY)).values()))
        await office.send(courier)
    assert [sent.delivery.id for sent in hook.sent] == [delivery.id] * 3
    hook.plays("hangs")
    delivery = await office.post(channel="webhook", message="personal")
    dying = asyncio.create_task(office.send(office.hire(hook)))
    while hook.calls < 4:
        await asyncio.sleep(0.001)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    clock.advance(minutes=1)
    await office.send(courier)
    assert await office.state(delivery) == ("sent", "")


async def test_a_courier_that_dies_before_it_sends_leaves_its_message_to_the_next(office, clock):
    await office.contact()
    delivery = await office.post()
    partition = office.store.partition("c1")
    await office.outbox.take(partition, clock.now(), clock.now() + HELD, 10)
    await office.send()
    assert office.email.calls == 0
    clock.advance(milliseconds=HELD)
    await office.send()
    assert await office.state(delivery) == ("sent", "")


async def test_a_courier_whose_time_is_over_writes_and_sends_nothing(office, clock):
    await office.contact()
    await office.post()
    partition = office.store.partition("c1")
    [slow], _ = await office.outbox.take(partition, clock.now(), clock.now() + HELD, 10)
    clock.advance(milliseconds=HELD)
    await office.send()
    assert slow.delivery is not None
    start, _, _ = await office.outbox.begin(
        slow, slow.delivery, records=None, limit=None, now=clock.now(), until=clock.now() + HELD
    )
    assert start == "lost"
    assert not await office.outbox.finish(slow, slow.delivery, clock.now(), again=clock.now())
    assert len(office.email.sent) == 1


@pytest.mark.parametrize("new", ["c2", "c3", "c4", "new"])
async def test_messages_go_after_a_contact_that_was_joined_into_another(office, new):
    await office.contact("old")
    await office.contact(new)
    delivery = await office.post("old")
    await office.write_contact(Contact(id="old", moved_to=new))
    for _ in range(2):
        await office.send()
    [sent] = office.email.sent
    assert (sent.to, sent.delivery.contact) == (f"{new}@example.org", new)
    assert await office.state(delivery) == ("sent", ""), "it is found under its id as before"
    assert [event.name for event in await office.told(new)][-1:] == ["Email Sent"]


async def test_a_join_during_the_look_at_a_message_is_noticed(office, store):
    await office.contact("old")
    await office.contact("new")
    await office.consent("new", status="withdrawn")
    delivery = await office.post("old")
    await store.redis.hset(keys.joined(store.partition("old")), "old", "new")
    for _ in range(2):
        await office.send()
    assert await office.state(delivery) == ("refused", "no_consent")


async def test_a_message_that_cannot_be_opened_stops_no_other(office, clock):
    await office.contact()
    broken, whole = await office.post(), await office.post()
    name = keys.delivery(office.store.partition("c1"), broken.id)
    row = await office.store.redis.get(name)
    await office.store.redis.set(name, b"damaged")
    await office.send()
    assert await office.state(whole) == ("sent", "")
    await office.store.redis.set(name, row)
    clock.advance(minutes=10)
    await office.send()
    assert await office.state(broken) == ("sent", "")


async def test_messages_to_one_contact_are_handed_over_one_after_the_other(office):
    await office.contact()
    office.email.latency = 0.005
    for _ in range(5):
        await office.post()
    await office.send()
    assert (len(office.email.sent), office.email.most) == (5, 1)


async def test_a_test_goes_to_its_sender_alone_and_needs_no_consent(office):
    await office.contact("c1", "targeting")
    await told_nothing(office)
    delivery = await office.post(statement="", rule="", by="u1")
    stranger = await office.post(statement="", rule="", by="u2")
    await office.send()
    assert [sent.to for sent in office.email.sent] == ["ana@shop.example"]
    assert await office.state(delivery) == ("sent", "")
    assert await office.state(stranger) == ("refused", "no_address")
    assert await office.told() == []


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


async def _pause(office: PostOffice, *, paused: bool) -> None:
    from server.model.draft import Pause
    from server.store.pauses import Pauses

    kept = Pauses(office.store.redis, office.store.seal)
    if paused:
        await kept.begin(Pause(kind="scenario", name="welcome", by="u1", since=office.clock.now()))
    else:
        await kept.end("scenario", "welcome")
    office.rulebooks.look_again()
