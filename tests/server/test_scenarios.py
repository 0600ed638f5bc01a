"""Scenarios through a real engine: runs wait, go on once, follow a changed text, stand still in a pause."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from rules.contact import Contact
from rules.entry import EventReceived, Joined
from server.engine.engine import Engine
from server.errors import Conflict, NotFound
from server.model.actor import SYSTEM
from server.model.outgoing import MessageDelivery
from server.services.contacts import Contacts
from server.services.pauses import Pauses
from server.services.rulebooks import Rulebooks
from server.services.runs import Runs
from server.store import keys
from server.store.store import Store
from tests.clock import FakeClock
from tests.engines import drain, engine_on, event, publish
from tests.post_office import PostOffice

WELCOME = """
scenario welcome: on "Signed Up"
  send email welcome_1
  wait 7 days @pause
  send email welcome_2 valid 1 day
  wait 1 day
  send email welcome_3
"""


def runs_of(store: Store) -> Runs:
    rulebooks = Rulebooks(store)
    return Runs(store, rulebooks, Contacts(store, store.clock, rulebooks))


async def messages(store: Store) -> Counter[str]:
    """How many deliveries of each message there are."""
    return Counter(one.message for one in await deliveries(store))


async def deliveries(store: Store) -> list[MessageDelivery]:
    found = []
    for partition in range(store.partitions):
        for name in await store.redis.zrange(keys.messages_due(partition), 0, -1):
            blob = await store.redis.get(keys.delivery(partition, name.decode()))
            found.append(store.seal.decode("delivery", blob, MessageDelivery))
    return found


async def waiting(store: Store, name: str = "welcome") -> dict[str, int]:
    """How many runs wait at each place."""
    found = await runs_of(store).scenario(SYSTEM, name)
    assert found.elsewhere == 0
    return {step.place: step.waiting for step in found.steps if step.waiting}


async def load(store: Store, contact: str) -> Contact:
    found = await store.contacts.load(contact)
    assert found is not None
    return found


async def settle(store: Store, engine: Engine) -> None:
    """Let an engine work until nothing is due and no sweep is under way; it asks for the version before."""
    await asyncio.sleep(0.3)
    now = store.clock.now()
    for _ in range(2000):
        await drain(store, engine)
        if not any(own.agenda.sweeps or (own.next_timer is not None and own.next_timer <= now) for own in engine.owned):
            return
    raise AssertionError("it never came to rest")


async def sign_up(store: Store, engine: Engine, number: int) -> list[str]:
    ids = [f"u{at:04}" for at in range(number)]
    await store.log.append([(one, event(store, "Signed Up", f"s-{one}")) for one in ids])
    await drain(store, engine)
    return ids


async def test_a_run_waits_and_goes_on_at_its_moment(store: Store, clock: FakeClock) -> None:
    await publish(store, WELCOME)
    engine = engine_on(store, lease=60_000)
    await sign_up(store, engine, 20)
    assert await messages(store) == {"welcome_1": 20}
    assert await waiting(store) == {"1": 20}
    clock.advance(days=7, milliseconds=-1)
    await settle(store, engine)
    assert await waiting(store) == {"1": 20}
    clock.advance(milliseconds=1)
    await settle(store, engine)
    assert await messages(store) == {"welcome_1": 20, "welcome_2": 20}
    assert await waiting(store) == {"3": 20}
    clock.advance(days=1)
    await settle(store, engine)
    assert await messages(store) == {"welcome_1": 20, "welcome_2": 20, "welcome_3": 20}
    [view] = await runs_of(store).scenarios(SYSTEM)
    assert (view.waiting, view.started, view.finished, view.stopped) == (0, 20, 20, 0)
    assert len({one.id for one in await deliveries(store)}) == 60


async def test_after_25_hours_off_each_due_timer_fires_once(store: Store, clock: FakeClock) -> None:
    await publish(store, WELCOME)
    engine = engine_on(store, lease=60_000)
    await sign_up(store, engine, 300)
    clock.advance(days=7, hours=-1)
    await settle(store, engine)
    await engine.leases.end()
    clock.advance(hours=25)
    later = engine_on(store, lease=60_000)
    await settle(store, later)
    assert await messages(store) == {"welcome_1": 300, "welcome_2": 300}
    assert await waiting(store) == {"3": 300}, "a wait counts from the moment at which it was come to"
    second = [one for one in await deliveries(store) if one.message == "welcome_2"]
    now = clock.now()
    assert {now - one.due for one in second} == {24 * 3_600_000}, "it tells when it was due, whenever it was seen to"
    assert {one.valid_until - one.due for one in second} == {24 * 3_600_000}
    clock.advance(hours=1)
    await settle(store, later)
    assert (await messages(store))["welcome_2"] == 300


PAUSED = WELCOME.replace("  wait 7 days @pause\n", '  stop on "Left"\n  wait 7 days @pause\n', 1).replace(
    '  send email welcome_1\n  stop on "Left"\n', '  stop on "Left"\n  send email welcome_1\n'
)


async def test_a_paused_scenario_keeps_its_runs_and_goes_on_at_the_resume(store: Store, clock: FakeClock) -> None:
    await publish(store, PAUSED)
    engine = engine_on(store, lease=60_000)
    ids = await sign_up(store, engine, 50)
    pauses = Pauses(store, clock, Rulebooks(store))
    await pauses.pause(SYSTEM, "welcome")
    with pytest.raises(Conflict):
        await pauses.pause(SYSTEM, "welcome")
    await settle(store, engine)
    await store.log.append([(ids[0], event(store, "Left")), ("new", event(store, "Signed Up"))])
    clock.advance(days=7, hours=2)
    await settle(store, engine)
    assert await messages(store) == {"welcome_1": 50}
    assert await waiting(store) == {"1": 49}
    assert (await runs_of(store).scenarios(SYSTEM))[0].paused
    await pauses.resume(SYSTEM, "welcome")
    await settle(store, engine)
    assert await messages(store) == {"welcome_1": 50, "welcome_2": 49}
    assert await waiting(store) == {"3": 49}
    assert (await load(store, "new")).runs == []
    with pytest.raises(NotFound):
        await pauses.resume(SYSTEM, "welcome")


async def test_a_scenario_that_is_paused_again_at_once_stands_still_and_nothing_waits_for_it(
    store: Store, clock: FakeClock
) -> None:
    await publish(store, PAUSED)
    engine = engine_on(store, lease=60_000)
    await sign_up(store, engine, 5)
    pauses = Pauses(store, clock, Rulebooks(store))
    await pauses.pause(SYSTEM, "welcome")
    await settle(store, engine)
    clock.advance(days=8)
    await pauses.resume(SYSTEM, "welcome")
    await pauses.pause(SYSTEM, "welcome")
    await drain(store, engine)
    assert any(own.agenda.sweeps for own in engine.owned)
    clock.advance(seconds=11)
    await settle(store, engine)
    assert await waiting(store) == {"1": 5}
    await pauses.resume(SYSTEM, "welcome")
    await settle(store, engine)
    assert await waiting(store) == {"3": 5}


EDITS = {
    "shortened": ("wait 7 days @pause", "wait 2 days @pause", {"welcome_1": 1, "welcome_2": 1}, "3"),
    "lengthened": ("wait 7 days @pause", "wait 9 days @pause", {"welcome_1": 1}, "1"),
    "renamed": ("wait 7 days @pause", "wait 7 days @rest", {"welcome_1": 1}, "1"),
    "step before": (
        "  send email welcome_1\n",
        "  send email welcome_0\n  send email welcome_1\n",
        {"welcome_1": 1},
        "2",
    ),
    "step behind": (
        "  send email welcome_2 valid 1 day\n",
        "  send email welcome_x\n  send email welcome_2 valid 1 day\n",
        {"welcome_1": 1},
        "1",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
async def test_a_text_edited_while_a_thousand_runs_wait(store: Store, clock: FakeClock, edit: str) -> None:
    old, new, sent, place = EDITS[edit]
    await publish(store, WELCOME)
    engine = engine_on(store, lease=60_000)
    await sign_up(store, engine, 1000)
    clock.advance(days=3)
    await publish(store, WELCOME.replace(old, new, 1))
    await settle(store, engine)
    clock.advance(milliseconds=1)
    await settle(store, engine)
    assert await messages(store) == {message: 1000 * number for message, number in sent.items()}
    assert await waiting(store) == {place: 1000}
    clock.advance(days=4)
    await settle(store, engine)
    after = await messages(store)
    if edit == "lengthened":
        assert after == {"welcome_1": 1000}
        clock.advance(days=2)
        await settle(store, engine)
        after = await messages(store)
    assert after["welcome_2"] == 1000
    assert after["welcome_0"] == 0
    assert after["welcome_x"] == (1000 if edit == "step behind" else 0)


async def test_runs_at_a_step_that_is_removed_stop(store: Store, clock: FakeClock) -> None:
    await publish(store, WELCOME)
    engine = engine_on(store, lease=60_000)
    await sign_up(store, engine, 1000)
    await publish(store, WELCOME.replace("  wait 7 days @pause\n", "", 1).replace("  wait 1 day\n", "", 1))
    await settle(store, engine)
    assert await waiting(store) == {}
    [view] = await runs_of(store).scenarios(SYSTEM)
    assert (view.started, view.stopped) == (1000, 1000)
    assert await messages(store) == {"welcome_1": 1000}


BRANCHES = """
scenario cart: on "Product Added"
  key event.cart
  wait 3 hours
  if contact.score > 100
    send email rich
    wait 1 day
  else
    split
      50% plain
        wait 2 days @slow
      50% playful
        wait 2 days
  send email end
"""


async def test_the_steps_of_a_scenario_are_shown_with_how_many_wait_at_each(store: Store, clock: FakeClock) -> None:
    await publish(store, BRANCHES)
    engine = engine_on(store, lease=60_000)
    for cart in ("a", "b"):
        added = [
            (f"u{at}", event(store, "Product Added", f"{at}{cart}", properties={"cart": cart})) for at in range(40)
        ]
        await store.log.append(added)
    await drain(store, engine)
    assert await waiting(store, "cart") == {"0": 80}
    clock.advance(hours=3)
    await settle(store, engine)
    there = await waiting(store, "cart")
    assert set(there) == {"1.1.0.0.0", "1.1.0.1.0"}
    assert sum(there.values()) == 80
    found = await runs_of(store).scenario(SYSTEM, "cart")
    assert [(step.place, step.depth, step.text) for step in found.steps] == [
        ("0", 0, "wait 3 hours"),
        ("1.0", 0, "if contact.score > 100"),
        ("1.0.0", 1, "send email rich"),
        ("1.0.1", 1, "wait 1 day"),
        ("1.1", 0, "else"),
        ("1.1.0", 1, "split"),
        ("1.1.0.0", 2, "50% plain"),
        ("1.1.0.0.0", 3, "wait 2 days @slow"),
        ("1.1.0.1", 2, "50% playful"),
        ("1.1.0.1.0", 3, "wait 2 days"),
        ("2", 0, "send email end"),
    ]
    runs = runs_of(store).of(await load(store, "u1"), await Rulebooks(store).live())
    assert len(runs) == 2
    assert runs[0].text.startswith("wait 2 days")
    assert runs[0].due is not None


async def test_a_contact_that_is_joined_into_another_takes_its_runs_along(store: Store, clock: FakeClock) -> None:
    await publish(store, WELCOME)
    engine = engine_on(store, lease=60_000)
    await sign_up(store, engine, 2)
    other = EventReceived(name="Visit", time=clock.now(), received=clock.now(), message_id="v1")
    await store.log.append([("z1", other)])
    await drain(store, engine)
    await store.log.append([("u0001", Joined(time=clock.now(), merge="m1", into="z1"))])
    await drain(store, engine)
    assert await waiting(store) == {"1": 2}
    await store.log.append([("u0000", Joined(time=clock.now(), merge="m2", into="z1"))])
    await drain(store, engine)
    assert await waiting(store) == {"1": 1}, "of two runs of a scenario the older stays"
    assert len((await load(store, "z1")).runs) == 1


LETTERS = """
attribute email: text, personal
purpose newsletter: "Yes, write to me."
scenario welcome for newsletter: on "Signed Up"
  wait 7 days
  send email welcome_2 valid 1 day
"""


async def test_after_25_hours_off_messages_go_out_once_and_those_past_valid_do_not(
    store: Store, clock: FakeClock
) -> None:
    office = PostOffice(store, clock)
    await office.publish(LETTERS)
    engine = engine_on(store, lease=60_000)
    early, late = [f"e{at}" for at in range(40)], [f"l{at}" for at in range(40)]
    for group in (early, late):
        for contact in group:
            await office.consent(contact, "newsletter")
            traits = {"email": f"{contact}@shop.example"}
            await store.log.append([(contact, event(store, "Signed Up", contact, traits=traits))])
        await drain(store, engine)
        clock.advance(hours=3)
    clock.advance(days=7, hours=-6, minutes=-30)
    await settle(store, engine)
    assert await office.send() == {}
    await engine.leases.end()
    clock.advance(hours=25)
    later = engine_on(store, lease=60_000)
    await settle(store, later)
    for _ in range(3):
        await office.send()
    assert sorted(sent.contact.id for sent in office.email.sent) == sorted(late)
    await settle(store, later)
    reasons = {
        contact: [
            one.properties["reason"] for one in (await load(store, contact)).tail if one.name == "Message Refused"
        ]
        for contact in early
    }
    assert {tuple(found) for found in reasons.values()} == {("too_late",)}
