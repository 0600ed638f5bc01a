"""Commands about a person's draft of the rulebook: new, edit, delete, test, preview, diff, update, discard."""

from __future__ import annotations

from typing import Final, Self

from msgspec.structs import replace

from bots.commands.base import Asking, Command, Misused, fold
from bots.commands.editing import conflict_reply, draft_buttons, draft_reply, edit_reply, prompt_reply, take_text
from bots.commands.preview import preview_reply, progress_line
from bots.commands.rulebook import kind_of
from bots.commands.verdict import rule_why
from bots.drafts import changed_names, difference, moved_lines, rerouted_lines, rule_name
from bots.replies import Button, Reply
from server.errors import NotFound
from server.i18n import mark
from server.model.draft import Place
from server.model.preview import Progress

__all__ = ["Delete", "Diff", "Discard", "EditRule", "New", "PreviewDraft", "Try", "Update"]

WHOSE: Final = {"mine": "mine", "mien": "mine", "theirs": "theirs", "leur": "theirs"}


class New(Command, frozen=True, kw_only=True, tag="rules_new"):
    en = ("rules new", "rule new", "rules add")
    fr = ("règles ajouter", "règle ajouter", "règles nouvelle")
    role = "marketer"
    usage = mark("[TEXT]")
    summary = mark("add rules to your draft; nothing is published by that")
    takes_text = True

    text: str = ""

    @classmethod
    def read_text(cls, rest: str) -> Self:
        return cls(text=rest)

    @property
    def asks(self) -> bool:
        return not self.text

    async def answer(self, asking: Asking) -> Reply:
        drafts = asking.services.drafts
        if self.text:
            place = Place(what="new", person=asking.actor.id)
            return (await take_text(asking, place, self.text)).reply
        return prompt_reply(asking, await drafts.ask_new(asking.actor))


class EditRule(Command, frozen=True, kw_only=True, tag="rules_edit"):
    en = ("rules edit", "rule edit")
    fr = ("règles modifier", "règle modifier")
    role = "marketer"
    usage = mark("[[KIND] NAME|LINE]")
    summary = mark("change a rule in your draft; without a name, the whole text")
    details = (mark("The new text may also follow at once, from the next line on."),)
    takes_text = True

    kind: str = ""
    name: str = ""
    text: str = ""

    @classmethod
    def read_text(cls, rest: str) -> Self:
        head, _, text = rest.partition("\n")
        return cls(**_named(cls, head.split()), text=text.strip("\n"))

    @property
    def asks(self) -> bool:
        return not self.text

    def typed(self) -> str:
        return " ".join(part for part in (self.said("en"), self.kind, self.name) if part)

    async def answer(self, asking: Asking) -> Reply:
        drafts, actor = asking.services.drafts, asking.actor
        named = self.name or self.kind
        asked = await (drafts.ask(actor, self.name, self.kind) if named else drafts.ask_all(actor))
        if self.text:
            return (await take_text(asking, asked.place, self.text)).reply
        return prompt_reply(asking, asked)


class Delete(Command, frozen=True, kw_only=True, tag="rules_delete"):
    en = ("rules delete", "rule delete", "rules remove")
    fr = ("règles supprimer", "règle supprimer")
    role = "marketer"
    usage = mark("[KIND] NAME")
    summary = mark("take a rule out of your draft")

    kind: str = ""
    name: str = ""

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if not rest:
            raise Misused(cls)
        return cls(**_named(cls, rest))

    async def answer(self, asking: Asking) -> Reply:
        edit = await asking.services.drafts.delete(asking.actor, self.name, self.kind)
        return edit_reply(edit, asking.t)


class Try(Command, frozen=True, kw_only=True, tag="rules_test"):
    en = ("rules test", "rule test", "rules try")
    fr = ("règles tester", "règle tester", "règles essayer")
    role = "marketer"
    usage = mark("[KIND] NAME REF")
    summary = mark("whether a rule of your draft would be true of a contact now, and why")

    kind: str = ""
    name: str
    ref: str

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) < 2:
            raise Misused(cls)
        kind = kind_of(rest[0]) if len(rest) > 2 else ""
        name, *ref = rest[1:] if kind else rest
        return cls(kind=kind, name=name, ref=" ".join(ref))

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        tested = await asking.services.drafts.test(asking.actor, self.name, self.ref, self.kind)
        where = t("In your draft; nothing is published.") if tested.draft else t("As it is published.")
        return replace(rule_why(tested.rule, tested.who, t, asking.zone), footer=where)


class PreviewDraft(Command, frozen=True, kw_only=True, tag="rules_preview"):
    en = ("rules preview", "rule preview")
    fr = ("règles aperçu",)
    role = "marketer"
    usage = mark("[full]")
    summary = mark("what publishing your draft would change: who enters and leaves, how many alerts a day")
    details = (mark("`full`: over all histories instead of a sample of 20,000."),)

    full: str = ""

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) > 1 or (rest and fold(rest[0]) not in ("full", "complet", "--full")):
            raise Misused(cls)
        return cls(full="full" if rest else "")

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        view = await asking.services.drafts.view(asking.actor)

        def progress(made: Progress) -> None:
            if asking.working is not None:
                line = progress_line(made.done, made.of, t)
                asking.working(Reply(title=t("Working the preview out …"), lines=(line,)))

        text = view.draft.text
        preview = await asking.services.previews.run(asking.actor, text, bool(self.full), progress)
        reply = preview_reply(preview, t, draft_buttons(view, t, preview=False))
        return replace(reply, lines=(*moved_lines(view.moved, t), *reply.lines))


class Diff(Command, frozen=True, kw_only=True, tag="rules_diff"):
    en = ("rules diff", "rule diff", "rules changes")
    fr = ("règles différences", "règles diff")
    role = "marketer"
    usage = mark("[N]")
    summary = mark("what your draft changes; with a version, what is between that and now")

    number: int | None = None

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) > 1 or (rest and not (rest[0].isascii() and rest[0].isdigit() and len(rest[0]) < 10)):
            raise Misused(cls)
        return cls(number=int(rest[0]) if rest else None)

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        found = await asking.services.drafts.difference(asking.actor, self.number)
        old, new = (t("version {number}", number=n) if n else t("your draft") for n in (found.old or -1, found.new))
        if not found.old:
            old = t("nothing")
        title = t("From {old} to {new}", old=old, new=new)
        if not found.changes:
            return Reply(title=title, lines=(t("There is no difference."),))
        lines = [changed_names(found.changes, t)]
        for one in found.rerouted:
            lines += [
                t("{name}: {value}", name=rule_name("scenario", one.scenario, t), value=line)
                for line in rerouted_lines(one.steps, t)
            ]
        buttons: tuple[Button, ...] = ()
        if not found.new:
            view = await asking.services.drafts.view(asking.actor)
            lines += moved_lines(view.moved, t)
            buttons = draft_buttons(view, t, diff=False)
        return Reply(title=title, lines=tuple(lines), code=difference(found.changes, t), buttons=buttons)


class Update(Command, frozen=True, kw_only=True, tag="rules_update"):
    en = ("rules update", "rule update", "rules merge")
    fr = ("règles actualiser", "règles fusionner")
    role = "marketer"
    usage = mark("[mine|theirs]")
    summary = mark("bring your draft up to the published version")
    details = (mark("Where both changed a rule, say whose is to stand: `mine` or `theirs`."),)

    keep: str = ""

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        said = {
            "mine": "mine",
            "mien": "mine",
            "miens": "mine",
            "theirs": "theirs",
            "leur": "theirs",
            "leurs": "theirs",
        }
        if len(rest) > 1 or (rest and fold(rest[0]) not in said):
            raise Misused(cls)
        return cls(keep=said[fold(rest[0])] if rest else "")

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        updated = await asking.services.drafts.update(asking.actor, self.keep)
        if updated.conflicts:
            return conflict_reply(updated, t)
        title = t("Your draft is up to version {version}", version=updated.view.draft.base)
        reply = draft_reply(updated.view, t)
        return replace(reply, title=title, lines=(*moved_lines(updated.moved, t), *reply.lines))


class Discard(Command, frozen=True, kw_only=True, tag="rules_discard"):
    en = ("rules discard", "rule discard")
    fr = ("règles abandonner", "règles jeter")
    role = "marketer"
    summary = mark("throw your draft away, and withdraw what you submitted")

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        if not await asking.services.submissions.discard(asking.actor):
            raise NotFound("there is no draft", code="no_draft")
        return Reply(title=t("The draft is gone."), lines=(t("What is published stays as it is."),), tone="good",
                     settles=True)  # fmt: skip


def _named(command: type[Command], rest: list[str]) -> dict[str, str]:
    """A rule by its name, or its kind and its name."""
    match rest:
        case []:
            return {}
        case [_, _] if kind_of(" ".join(rest)):  # quiet hours have no name
            return {"kind": kind_of(" ".join(rest))}
        case [name]:
            return {"name": name}
        case [word, name] if kind := kind_of(word):
            return {"kind": kind, "name": name}
    raise Misused(command)
