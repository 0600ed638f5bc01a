"""Commands on the way from a draft to a version: submit, approve, reject, history, rollback."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Self

from bots.commands.base import Asking, Command, Misused
from bots.commands.drafts import Update
from bots.drafts import changed_names, difference
from bots.replies import Button, Item, Prompt, Reply
from rules.editing import Change
from server.errors import Invalid
from server.i18n import Translator, mark
from server.model.draft import Place, Submission
from server.services.submissions import BaseMoved

if TYPE_CHECKING:
    from server.store.rulebooks import RulebookVersion

__all__ = ["Approve", "History", "Reject", "Rollback", "Submit", "submission_reply"]

ID: Final = re.compile(r"[0-9a-f]{12}")
PAGE: Final = 10
REASONS: Final = {
    "slack": mark("Press the button to write why."),
    "telegram": mark("Answer this message with the reason."),
    "terminal": mark("Write the reason; a line with a single full stop ends it."),
}


class Submit(Command, frozen=True, kw_only=True, tag="rules_submit"):
    en = ("rules submit", "rule submit")
    fr = ("règles soumettre",)
    role = "marketer"
    usage = mark("[COMMENT]")
    summary = mark("hand your draft in, exactly as it is now, to be approved by somebody else")
    takes_text = True

    comment: str = ""

    @classmethod
    def read_text(cls, rest: str) -> Self:
        return cls(comment=" ".join(rest.split()))

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        try:
            handed = await asking.services.submissions.submit(asking.actor, self.comment)
        except BaseMoved:
            return await Update().answer(asking)  # shows what was published meanwhile, and what both changed
        names = changed_names(handed.changes, t)
        if handed.published is not None:
            return _published(handed.published, names, t)
        lines = [t("Changes: {changes}", changes=names)]
        if handed.approvers:
            lines.append(t("Asked: {names}", names=", ".join(handed.approvers)))
        else:
            lines.append(t("Nobody else is an approver with a chat account; an admin can add one."))
        return Reply(
            title=t("Submitted for approval"),
            lines=tuple(lines),
            footer=t("The text is frozen as {id}; your draft can go on.", id=handed.submission.id),
            buttons=(Button(t("Withdraw"), "rules discard", "danger"),),
            tone="good",
        )


class _Decision(Command, frozen=True, kw_only=True):
    """A command about what was handed in; it is named by its id, or it is the only one that waits."""

    role = "approver"
    submission: str = ""

    async def _which(self, asking: Asking) -> Reply:
        """Several wait, or they have not seen it: show what waits."""
        t = asking.t
        waiting = await asking.services.submissions.waiting(asking.actor)
        if len(waiting) == 1:
            submission, changes = await asking.services.submissions.show(asking.actor, waiting[0].id)
            return submission_reply(submission, changes, t)
        items = []
        for one in waiting:
            title = f"{one.author_name} · {t.ago(one.time, asking.clock.now())}"
            show = Button(t("Show"), f"rules approve show {one.id}")
            items.append(Item(title=title, lines=(one.comment,) if one.comment else (), buttons=(show,)))
        return Reply(title=t("Several drafts wait for approval"), items=tuple(items))


class Approve(_Decision, frozen=True, kw_only=True, tag="rules_approve"):
    en = ("rules approve", "rule approve")
    fr = ("règles approuver",)
    usage = mark("[ID]")
    summary = mark("publish what somebody else submitted: exactly the text that you were shown")

    show: bool = False

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        show = bool(rest) and rest[0] == "show"
        rest = rest[1:] if show else rest
        if len(rest) > 1 or (rest and not ID.fullmatch(rest[0].lower())) or (show and not rest):
            raise Misused(cls)
        return cls(submission=rest[0].lower() if rest else "", show=show)

    async def answer(self, asking: Asking) -> Reply:
        t, submissions = asking.t, asking.services.submissions
        if self.show:
            return submission_reply(*await submissions.show(asking.actor, self.submission), t)
        try:
            submission, version = await submissions.approve(asking.actor, self.submission)
        except Invalid as error:
            if error.code != "which_submission":
                raise
            return await self._which(asking)
        return _published(version, t("written by {name}", name=submission.author_name), t)


class Reject(_Decision, frozen=True, kw_only=True, tag="rules_reject"):
    en = ("rules reject", "rule reject")
    fr = ("règles refuser", "règles rejeter")
    usage = mark("[ID] WHY")
    summary = mark("send back what somebody else submitted, with the reason")
    takes_text = True

    why: str = ""

    @classmethod
    def read_text(cls, rest: str) -> Self:
        first, _, more = rest.partition(" ")
        if ID.fullmatch(first.lower()):
            return cls(submission=first.lower(), why=more.strip())
        return cls(why=rest.strip())

    @property
    def asks(self) -> bool:
        return bool(self.submission) and not self.why

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        if not self.why:
            if not self.submission:
                raise Misused(type(self))
            submission, _ = await asking.services.submissions.show(asking.actor, self.submission)
            hint = t(REASONS.get(asking.caller.platform, REASONS["terminal"]))
            place = Place(what="reason", submission=submission.id, person=asking.actor.id)
            title = t("Why is it rejected?")
            return Reply(
                title=title,
                prompt=Prompt(place=place, title=title, hint=hint, command=f"rules reject {submission.id}"),
            )
        try:
            rejected = await asking.services.submissions.reject(asking.actor, self.why, self.submission)
        except Invalid as error:
            if error.code != "which_submission":
                raise
            return await self._which(asking)
        title = t("Rejected; {name} is told why.", name=rejected.author_name)
        return Reply(title=title, lines=(rejected.reason,), settles=True)


class History(Command, frozen=True, kw_only=True, tag="rules_history"):
    en = ("rules history", "rule history", "rules versions")
    fr = ("règles historique", "règles versions")
    role = "marketer"
    summary = mark("the published versions: who, when, why")

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        versions = await asking.services.rulebooks.versions(PAGE)
        items = tuple(_version(version, at > 0, asking) for at, version in enumerate(versions))
        return Reply(title=t("Versions"), items=items, lines=() if items else (t("There are none yet."),))


class Rollback(Command, frozen=True, kw_only=True, tag="rules_rollback"):
    en = ("rules rollback", "rule rollback")
    fr = ("règles revenir", "règles rétablir")
    role = "approver"
    usage = mark("N")
    summary = mark("publish the text of an earlier version again, as a new version")

    number: int

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) != 1 or not (rest[0].isascii() and rest[0].isdigit() and len(rest[0]) < 10):
            raise Misused(cls)
        return cls(number=int(rest[0]))

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        version, changes = await asking.services.submissions.rollback(asking.actor, self.number)
        return Reply(
            title=t("Version {version} is published: the text of version {number}", version=version.version,
                    number=self.number),
            lines=(t("Changes: {changes}", changes=changed_names(changes, t)),) if changes else (),
            footer=t("Contacts are brought up to date now; nothing fires by that. `status` shows how far it is."),
            tone="good",
        )  # fmt: skip


def submission_reply(submission: Submission, changes: list[Change], t: Translator) -> Reply:
    """What was handed in, for those who are to approve it."""
    waits = submission.status == "waiting"
    buttons = (
        Button(t("Approve"), f"rules approve {submission.id}", "primary"),
        Button(t("Reject"), f"rules reject {submission.id}", "danger"),
    )
    lines = [submission.comment] if submission.comment else []
    return Reply(
        title=t("{name} asks to publish rules", name=submission.author_name),
        lines=(*lines, t("Changes: {changes}", changes=changed_names(changes, t))),
        code=difference(changes, t),
        footer=t("Text {id}, made from version {base}; what is approved is exactly this.", id=submission.id,
                 base=submission.base),
        buttons=buttons if waits else (),
    )  # fmt: skip


def _published(version: RulebookVersion, what: str, t: Translator) -> Reply:
    return Reply(
        title=t("Version {version} is published", version=version.version),
        lines=(what,),
        footer=t("Contacts are brought up to date now; nothing fires by that. `status` shows how far it is."),
        buttons=(Button(t("History"), "rules history"),),
        tone="good",
        settles=True,
    )


def _version(version: RulebookVersion, earlier: bool, asking: Asking) -> Item:
    t = asking.t
    by = version.author
    if version.approver:
        by = t("{author}, approved by {approver}", author=version.author, approver=version.approver)
    lines = [by, *([version.comment] if version.comment else [])]
    buttons = [Button(t("Difference"), f"rules diff {version.version}")] if earlier else []
    if earlier and asking.actor.has("approver"):
        buttons.append(Button(t("Roll back"), f"rules rollback {version.version}", "danger"))
    title = t("Version {version} · {moment}", version=version.version, moment=t.moment(version.time, asking.zone))
    return Item(title=title, lines=tuple(lines), buttons=tuple(buttons))
