"""Asking for the text of a rule, taking it, and what comes of it: as replies."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from bots.commands.base import Asking
from bots.drafts import changed_names, difference, moved_lines, problem_items, rival_lines, rule_name
from bots.replies import Button, Field, Prompt, Reply
from rules.errors import Problem
from server.i18n import Translator, mark
from server.model.draft import Place
from server.services.edits import Asked, DraftView, Edit, StatementChanged, Updated

__all__ = ["Answer", "conflict_reply", "draft_buttons", "draft_reply", "edit_reply", "prompt_reply", "take_text"]

HINTS: Final = {
    "slack": mark("Press the button to write it."),
    "telegram": mark("Answer this message with the text, or with a .rules file."),
    "terminal": mark("Write the text; a line with a single full stop ends it."),
}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a text that was asked for; `problems` are its mistakes, where it was not taken for them."""

    reply: Reply
    problems: tuple[Problem, ...] = ()


async def take_text(asking: Asking, place: Place, text: str, *, slack: bool = False, strict: bool = False) -> Answer:
    """Take a text that was asked for; raises what the services raise.

    One with mistakes is not taken; a whole rulebook is, unless `strict`, so that it can be mended rule by rule.
    """
    drafts = asking.services.drafts
    try:
        edit = await drafts.put(asking.actor, place, text, slack=slack, strict=strict or place.what != "rulebook")
    except StatementChanged as changed:
        return Answer(reply=await _changed(asking, changed))
    if not edit.saved:
        return Answer(reply=mistakes_reply(asking, edit, place, text), problems=edit.here)
    if edit.here:
        return Answer(reply=await _with_mistakes(asking, edit))
    return Answer(reply=edit_reply(edit, asking.t))


def prompt_reply(asking: Asking, asked: Asked) -> Reply:
    """Ask for a text."""
    t = asking.t
    return Reply(
        title=_titled(asking, asked.place),
        lines=(*rival_lines(asked.rivals, t), *moved_lines(asked.moved, t)),
        code=difference([rival.change for rival in asked.rivals], t),
        prompt=prompt_for(asking, asked.place, asked.text, asked.base),
    )


def prompt_for(asking: Asking, place: Place, text: str, base: int = 0) -> Prompt:
    """The prompt for a place's text."""
    command = "rules new" if place.what == "new" else f"rules edit {place.kind} {place.name}".rstrip()
    return Prompt(
        place=place,
        title=_titled(asking, place),
        hint=asking.t(HINTS.get(asking.caller.platform, HINTS["terminal"])),
        text=text,
        file=f"rulebook-{base}.rules" if place.what == "rulebook" else f"{place.name or 'rule'}.rules",
        command=command,
    )


def mistakes_reply(asking: Asking, edit: Edit, place: Place, text: str) -> Reply:
    """A text was not taken: where its mistakes are, and the text to be mended."""
    t = asking.t
    return Reply(
        title=t.count("One mistake: nothing was changed", "{number} mistakes: nothing was changed", len(edit.here)),
        items=problem_items(edit.here, t),
        prompt=prompt_for(asking, place, text),
        tone="bad",
    )


def edit_reply(edit: Edit, t: Translator) -> Reply:
    """A draft after an edit."""
    reply = draft_reply(edit.view, t)
    rivals = tuple(rival_lines(edit.rivals, t))
    if not rivals:
        return reply
    return replace(reply, lines=(*reply.lines, *rivals), code=difference([one.change for one in edit.rivals], t))


def draft_reply(view: DraftView, t: Translator) -> Reply:
    """A draft as it stands, and what can be done with it; warnings are told once there are no mistakes."""
    problems, warnings = view.checked.problems, view.checked.warnings
    if not view.changes:
        title = t("Your draft changes nothing")
    elif problems:
        title = t.count("Your draft, with one mistake", "Your draft, with {number} mistakes", len(problems))
    else:
        title = t("Your draft has no mistakes")
    fields = [Field(t("Made from"), t("version {number}", number=view.draft.base))]
    if view.changes:
        fields.append(Field(t("Changes"), changed_names(view.changes, t)))
    if warnings:
        fields.append(Field(t("Warnings"), t.number(len(warnings))))
    same = view.moved.same if view.moved else ()
    return Reply(
        title=title,
        lines=tuple(moved_lines(view.moved, t)),
        fields=tuple(fields),
        items=problem_items(problems, t, buttons=True) or problem_items(warnings, t),
        code=difference(same, t),
        buttons=draft_buttons(view, t),
        tone="bad" if problems else "good",
    )


def draft_buttons(view: DraftView, t: Translator, *, preview: bool = True, diff: bool = True) -> tuple[Button, ...]:
    """What can be done with a draft."""
    fine = view.checked.ok and bool(view.changes)
    found = []
    if view.moved is not None:
        found.append(Button(t("Update"), "rules update"))
    if fine and preview:
        found.append(Button(t("Preview"), "rules preview"))
    if diff and view.changes:
        found.append(Button(t("Difference"), "rules diff"))
    if fine and view.moved is None:
        found.append(Button(t("Submit"), "rules submit", "primary"))
    return (*found, Button(t("Discard"), "rules discard", "danger"))


def conflict_reply(updated: Updated, t: Translator) -> Reply:
    """Both changed the same rules: the difference between what is published and the draft, and how to go on."""
    return Reply(
        title=t("Both changed the same: {rules}", rules=changed_names(updated.conflicts, t)),
        lines=(*moved_lines(updated.moved, t), t("− as it is published now, + as in your draft:")),
        code=difference(updated.conflicts, t),
        buttons=(Button(t("Keep mine"), "rules update mine"), Button(t("Take theirs"), "rules update theirs")),
        tone="bad",
    )


async def _with_mistakes(asking: Asking, edit: Edit) -> Reply:
    """A whole text was taken with its mistakes: where they are, and the rule of the first one to be mended."""
    t, first = asking.t, edit.here[0]
    asked = await asking.services.drafts.ask(asking.actor, str(first.line))
    others = tuple(Button(t("Correct line {line}", line=one.line), f"rules edit {one.line}") for one in edit.here[1:5])
    return Reply(
        title=t.count("Taken, with one mistake to mend", "Taken, with {number} mistakes to mend", len(edit.here)),
        lines=tuple(moved_lines(edit.view.moved, t)),
        fields=(Field(t("Changes"), changed_names(edit.view.changes, t)),),
        items=problem_items(edit.here, t),
        prompt=prompt_for(asking, asked.place, asked.text),
        buttons=others,
        tone="bad",
    )


async def _changed(asking: Asking, changed: StatementChanged) -> Reply:
    """Somebody else changed the statement while it was being written: the difference, and the statement anew."""
    t, change = asking.t, changed.change
    reply = Reply(
        title=t("{rule} was changed meanwhile, by {name}", rule=rule_name(change.kind, change.name, t),
                name=changed.fields["by"]),
        lines=(t("Nothing of yours was taken. − as it is now, + as you wrote it:"),),
        code=difference([change], t),
        tone="bad",
    )  # fmt: skip
    if change.before is None:
        return reply
    asked = await asking.services.drafts.ask(asking.actor, change.name, change.kind)
    return replace(reply, prompt=prompt_for(asking, asked.place, change.after or ""))


def _titled(asking: Asking, place: Place) -> str:
    t = asking.t
    match place.what:
        case "new":
            return t("New rules")
        case "rulebook":
            return t("The whole rulebook")
        case _:
            return rule_name(place.kind, place.name, t)
