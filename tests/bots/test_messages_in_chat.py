"""A marketer has a mail sent to their own address from chat."""

from __future__ import annotations

from bots.commands import Caller, run
from server.model.actor import Actor
from server.store.message_outbox import MessageOutbox
from tests.bots.desk import Desk

SOURCE = "---\nsubject: Hi\n---\nHello {{ contact.first_name }}\n"


async def test_a_marketer_sends_a_message_to_themselves(desk: Desk) -> None:
    await desk.hot_lead()
    ann = await desk.services.people.add("Ann", "approver", slack="T0123/U0ANN", email="ann@shop.example")
    actor = Actor(id=ann.id, name="Ann", roles=("approver",), via="slack")
    await desk.services.messages.put(actor, "welcome", "email", "", SOURCE)
    caller = Caller(platform="slack", workspace="T0123", user="U0ANN")
    reply = await run(desk.services, actor, "message test welcome 42", caller=caller, clock=desk.clock)
    assert "on its way to your address" in reply.title
    outbox = MessageOutbox(desk.store.redis, desk.store.seal, desk.store.partitions)
    found = []
    for partition in range(desk.store.partitions):
        taken, _ = await outbox.take(partition, desk.clock.now(), desk.clock.now() + 1000, 10)
        found += [one.delivery for one in taken if one.delivery]
    assert [(one.id, one.by, one.message) for one in found] == [(reply.footer, ann.id, "welcome")]


async def test_who_has_no_address_hears_so(desk: Desk) -> None:
    await desk.hot_lead()
    bob = await desk.person("Bob", "approver", slack="U0BOB")
    await desk.services.messages.put(bob, "welcome", "email", "", SOURCE)
    reply = await run(desk.services, bob, "message essayer welcome 42", clock=desk.clock)
    assert "pas d'adresse e-mail" in reply.title
