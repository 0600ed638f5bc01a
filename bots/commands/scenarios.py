"""Commands about what goes on over time: scenarios, scenario, runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Self

from bots.commands.base import Asking, Command, Misused
from bots.replies import Button, Field, Item, Reply, Table
from rules.moment import millis
from server.i18n import Translator, mark
from server.services.runs import RunView, ScenarioSteps, ScenarioView

__all__ = ["Runs", "ScenarioCard", "Scenarios"]

RUNS: Final = 20  # of a contact that are shown


class Scenarios(Command, frozen=True, kw_only=True, tag="scenarios"):
    en = ("scenarios",)
    fr = ("scénarios",)
    role = "viewer"
    summary = mark("the scenarios, and how many runs wait in each")

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        listed = await asking.services.runs.scenarios(asking.actor)
        if not listed:
            return Reply(title=t("Scenarios"), lines=(t("There are none yet."),))
        rows = tuple(
            (one.name + (" ⏸" if one.paused else ""), *(t.number(count) for count in _counts(one))) for one in listed
        )
        columns = (t("Scenario"), t("Waiting"), t("Started"), t("Finished"), t("Stopped"))
        table = Table(columns=columns, rows=rows, numbers=frozenset({1, 2, 3, 4}))
        footer = t("⏸ is paused. `scenario NAME` shows the steps.")
        return Reply(title=t("Scenarios"), table=table, footer=footer)


class ScenarioCard(Command, frozen=True, kw_only=True, tag="scenario"):
    en = ("scenario",)
    fr = ("scénario",)
    role = "viewer"
    usage = mark("NAME")
    summary = mark("a scenario's steps, and how many runs wait at each")

    name: str

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) != 1:
            raise Misused(cls)
        return cls(name=rest[0])

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        found = await asking.services.runs.scenario(asking.actor, self.name)
        scenario = found.scenario
        labels = (t("Waiting"), t("Started"), t("Finished"), t("Stopped"))
        fields = [Field(label, t.number(count)) for label, count in zip(labels, _counts(scenario), strict=True)]
        if found.elsewhere:
            fields.append(Field(t("Moving to the new text"), t.number(found.elsewhere)))
        buttons = []
        if asking.actor.has("approver"):
            act = "resume" if scenario.paused else "pause"
            label = t("Resume") if scenario.paused else t("Pause")
            buttons.append(Button(label, f"rules {act} {scenario.name}"))
        return Reply(
            title=scenario.name,
            lines=(t("It is paused: runs stay where they are, and nobody begins one."),) if scenario.paused else (),
            fields=tuple(fields),
            code="\n".join(drawn(found, t)),
            footer=t("rulebook {version}", version=scenario.version),
            buttons=tuple(buttons),
        )


class Runs(Command, frozen=True, kw_only=True, tag="runs"):
    en = ("runs",)
    fr = ("parcours",)
    role = "marketer"
    usage = mark("REF")
    summary = mark("where a contact is in the scenarios")

    ref: str

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) != 1:
            raise Misused(cls)
        return cls(ref=rest[0])

    async def answer(self, asking: Asking) -> Reply:
        t, contacts = asking.t, asking.services.contacts
        contact = await contacts.find(asking.actor, self.ref, "marketer")
        runs = await asking.services.runs.runs(asking.actor, contact.id)
        who = contacts.display(contact, await asking.services.rulebooks.live())
        title = t("{who}: runs", who=who)
        if not runs:
            return Reply(title=title, lines=(t("This contact is in no scenario now."),), footer=contact.id)
        items = tuple(_item(run, asking) for run in runs[:RUNS])
        more = (t("… and {number} more", number=t.number(len(runs) - RUNS)),) if len(runs) > RUNS else ()
        return Reply(title=title, lines=more, items=items, footer=contact.id)


def drawn(found: ScenarioSteps, t: Translator) -> Iterator[str]:
    """The steps line by line; before each, how many runs wait there.

    `t` tells numbers; the text itself is the rulebook's.
    """
    head = found.scenario.text.splitlines()[0] if found.scenario.text else found.scenario.name
    counts = [t.number(step.waiting) if step.waiting else "" for step in found.steps]
    width = max((len(count) for count in counts), default=0)
    yield f"{'':>{width}}  {head}"
    for count, step in zip(counts, found.steps, strict=True):
        yield f"{count:>{width}}  {'  ' * (step.depth + 1)}{step.text}"


def _counts(scenario: ScenarioView) -> tuple[int, int, int, int]:
    return scenario.waiting, scenario.started, scenario.finished, scenario.stopped


def _item(run: RunView, asking: Asking) -> Item:
    t, zone = asking.t, asking.zone
    since = t("since {moment}", moment=t.local(millis(run.since), zone))
    if run.paused:
        due = t("paused")
    elif run.due is None:
        due = t("until something happens")
    else:
        due = t("until {moment}", moment=t.local(millis(run.due), zone))
    began = t("begun {moment} by {event}", moment=t.local(millis(run.started), zone), event=run.entry)
    step = f"`{run.text.replace('`', chr(39))}`" if run.text else t("at a step that the text does not have any more")
    return Item(title=run.scenario, lines=(step, f"{since}, {due}", began))
