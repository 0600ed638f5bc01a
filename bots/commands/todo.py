"""Commands about what is to be done and to be remembered: tasks, task, note."""

from __future__ import annotations

from typing import Final, Self

from bots.cards import card_buttons, known_as, status_text
from bots.commands.acting import asked_for
from bots.commands.alerts import pages_of
from bots.commands.base import Asking, Command, Misused, fold
from bots.commands.moments import moment_of
from bots.replies import Item, Reply
from rules.contact import Alert, Millis
from server.i18n import mark

__all__ = ["Note", "TaskNew", "Tasks"]

PAGE: Final = 10
PAGES: Final = 100
_BY: Final = frozenset({"by", "avant", "pour", "due"})


class Tasks(Command, frozen=True, kw_only=True, tag="tasks"):
    en = ("tasks", "todo")
    fr = ("tâches", "à faire")
    role = "rep"
    summary = mark("what is to be done: your own tasks, and those that nobody has taken on")

    page: int = 1

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) > 1 or not all(word.isascii() and word.isdigit() for word in rest):
            raise Misused(cls)
        return cls(page=min(max(int(rest[0][:6]), 1), PAGES) if rest else 1)

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        found = await asking.services.tasks.open(asking.actor)
        start = (self.page - 1) * PAGE
        items = [await _item(asking, task) for task in found[start : start + PAGE]]
        if not items:
            return Reply(title=t("Tasks"), lines=(t("There is nothing to be done."),))
        pages = pages_of(t, self.page, start + PAGE < len(found), lambda page: Tasks(page=page))
        return Reply(title=t("Tasks"), items=tuple(items), pages=pages)


class TaskNew(Command, frozen=True, kw_only=True, tag="task"):
    en = ("task",)
    fr = ("tâche",)
    role = "rep"
    usage = mark("REF TEXT [by tomorrow 9:00]")
    summary = mark("put something to be done about a contact on your list")
    details = (mark("Behind `by` stands when it is due: `tomorrow 9:00`, `2 days`, `monday`, `2027-03-02 9:00`."),)
    takes_text = True

    ref: str
    text: str = ""

    @classmethod
    def read_text(cls, rest: str) -> Self:
        return cls(**_with_ref(cls, rest))

    @property
    def asks(self) -> bool:
        return not self.text

    async def answer(self, asking: Asking) -> Reply:
        t, zone = asking.t, asking.zone
        if not self.text:
            return await _asked(asking, f"task {self.ref}", self.ref, t("What is to be done?"))
        text, due = _due(self.text, asking.clock.now(), zone)
        task = await asking.services.tasks.add(asking.actor, self.ref, text, due)
        when = (t("Due {moment}", moment=t.local(due, zone)),) if due else ()
        if task is None:
            return Reply(title=t("Noted"), lines=(text, *when), tone="good")
        card = await asking.services.alerts.card(task)
        buttons = card_buttons(card, t, few=True)
        title = t("On your list: {text}", text=text)
        return Reply(title=title, lines=(card.who, *when), footer=task.id, buttons=buttons, tone="good")


class Note(Command, frozen=True, kw_only=True, tag="note"):
    en = ("note",)
    fr = ("note", "noter")
    role = "rep"
    usage = mark("REF TEXT")
    summary = mark("write something down about a contact; `timeline` shows it")
    takes_text = True

    ref: str
    text: str = ""

    @classmethod
    def read_text(cls, rest: str) -> Self:
        return cls(**_with_ref(cls, rest))

    @property
    def asks(self) -> bool:
        return not self.text

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        if not self.text:
            return await _asked(asking, f"note {self.ref}", self.ref, t("What is to be remembered?"))
        await asking.services.tasks.note(asking.actor, self.ref, self.text)
        contact = await asking.services.contacts.find(asking.actor, self.ref)
        who = asking.services.contacts.display(contact, await asking.services.rulebooks.live())
        return Reply(title=t("Written down about {who}", who=who), tone="good")


def _with_ref(command: type[Command], rest: str) -> dict[str, str]:
    words = rest.split(maxsplit=1)
    if not words:
        raise Misused(command)
    return {"ref": words[0], "text": words[1].strip() if len(words) == 2 else ""}


async def _asked(asking: Asking, command: str, ref: str, title: str) -> Reply:
    """Ask for the text, where there is such a contact."""
    contact = await asking.services.contacts.find(asking.actor, ref)
    who = asking.services.contacts.display(contact, await asking.services.rulebooks.live())
    return asked_for(asking, command, title, who + "." if who else "")


def _due(text: str, now: Millis, timezone: str) -> tuple[str, Millis]:
    """The text without the moment that it ends with, and that moment; 0 where it ends with none."""
    words = text.split()
    for at in range(len(words) - 1, 0, -1):
        if fold(words[at]) in _BY and (moment := moment_of(words[at + 1 :], now, timezone)) is not None:
            return " ".join(words[:at]), moment
    return " ".join(words), 0


async def _item(asking: Asking, task: Alert) -> Item:
    t, zone = asking.t, asking.zone
    card = await asking.services.alerts.card(task)
    parts = [task.id, status_text(card.status, card.owner, t)]
    if task.due:
        late = task.due <= asking.clock.now()
        moment = t.local(task.due, zone)
        parts.append(t("late: it was due {moment}", moment=moment) if late else t("due {moment}", moment=moment))
    elif card.team:
        parts.append(card.team)
    return Item(
        title=card.text or card.trigger,
        lines=(f"{known_as(card.who, card.company)} · {t.number(card.score)}", " · ".join(parts)),
        buttons=card_buttons(card, t, few=True),
    )
