"""Tasks and notes: what somebody wants to do, or to write down, about a contact.

A task is an alert of the kind `task`: it has a card, and is claimed and finished as any other. One that a rule put on a
team's list is open until somebody takes it on; one that a person wrote down is that person's own.
"""

from __future__ import annotations

from typing import Final

from rules.contact import Alert, Millis
from rules.entry import NoteAdded, TaskAdded
from server.errors import FieldError, Invalid
from server.model.actor import Actor
from server.ports import Clock
from server.services.access import require
from server.services.contacts import Contacts
from server.store.store import Store

__all__ = ["LONGEST", "MOST", "Tasks"]

LONGEST: Final = 1000  # characters of a task or note
MOST: Final = 2000  # open tasks that are looked at
_LATER: Final = 1 << 62


class Tasks:
    """Puts tasks on a person's list and notes into a contact's history; lists what is to be done."""

    def __init__(self, store: Store, clock: Clock, contacts: Contacts) -> None:
        self._store = store
        self._clock = clock
        self._contacts = contacts

    async def add(self, actor: Actor, ref: str, text: str, due: Millis = 0) -> Alert | None:
        """Put a to-do about a contact on one's own list; None where that has not taken effect yet.

        Raises `Forbidden`, `NotFound`, `Invalid` for a text that is empty or too long, or a moment that is past.
        """
        contact = await self._contacts.locate(actor, ref)
        text, now = _checked(text), self._clock.now()
        if due and due <= now:
            raise Invalid("a task is due at a moment to come", [FieldError("due", "is past")], code="wrong_moment")
        name = actor.name or actor.id
        entry = TaskAdded(time=now, text=text, by=actor.id, owner=actor.id, owner_name=name, due=due)
        [position] = await self._store.log.append([(contact, entry)])
        if not await self._store.log.wait(position):
            return None
        after = await self._store.contacts.load(contact)
        found = [task for task in after.alerts.values() if task.kind == "task"] if after else []
        own = [task for task in found if task.owner == actor.id and task.text == text and task.due == due]
        return max(own, key=lambda task: task.created, default=None)

    async def note(self, actor: Actor, ref: str, text: str) -> bool:
        """Write something down about a contact; False where it has not taken effect yet. Raises as `add` does."""
        contact = await self._contacts.locate(actor, ref)
        entry = NoteAdded(time=self._clock.now(), text=_checked(text), by=actor.id, by_name=actor.name or actor.id)
        [position] = await self._store.log.append([(contact, entry)])
        return await self._store.log.wait(position)

    async def open(self, actor: Actor) -> list[Alert]:
        """What is to be done: the actor's own tasks and those that nobody has taken on, what is due first before.

        Raises `Forbidden`.
        """
        require(actor, "read", "rep")
        found = await self._store.alerts.tasks(MOST)
        own = [task for task in found if task.owner in ("", actor.id)]
        return sorted(own, key=lambda task: (task.due or _LATER, task.created, task.id))


def _checked(text: str) -> str:
    text = " ".join(text.split())
    if not text or len(text) > LONGEST:
        wrong = FieldError("text", f"must have 1 to {LONGEST} characters")
        raise Invalid("write what it is about, in at most a thousand characters", [wrong], code="no_text")
    return text
