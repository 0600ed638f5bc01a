"""From draft to version: a text is handed in, a second person approves exactly that text, and it is published.

A submission's id binds to its text and to its base. It is over once: approved, rejected or withdrawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog
from msgspec.structs import replace

from rules.editing import Change, changes
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.model.actor import Actor
from server.model.draft import Notice, NoticeKind, Submission
from server.ports import Clock
from server.services.drafts import Drafts
from server.services.people import People
from server.services.rulebooks import Rulebooks, WrongRulebook
from server.store.notices import Notices
from server.store.rulebooks import RulebookVersion
from server.store.store import Store
from server.store.submissions import Submissions as Kept

__all__ = ["BaseMoved", "HandedIn", "Submissions"]

log = structlog.get_logger(__name__)

_ID: Final = 12  # characters of an id
_LONGEST: Final = 500  # characters of a comment or a reason


class HandedIn(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a draft that was handed in: it is `published`, or waits for one of `approvers` (their names)."""

    submission: Submission
    changes: tuple[Change, ...]
    published: RulebookVersion | None = None
    approvers: tuple[str, ...] = ()


class BaseMoved(Conflict):
    """Another version was published since the draft's, or the submission's, base."""

    def __init__(self, current: int) -> None:
        super().__init__(
            f"version {current} was published meanwhile; bring the draft up to it and submit again",
            current=str(current), code="draft_base_moved", version=str(current),
        )  # fmt: skip


class Submissions:
    """Takes drafts in, and lets approvers decide."""

    def __init__(self, store: Store, clock: Clock, rulebooks: Rulebooks, drafts: Drafts, people: People) -> None:
        self._store = store
        self._clock = clock
        self._rulebooks = rulebooks
        self._drafts = drafts
        self._people = people
        self._kept = Kept(store.redis, store.seal)
        self._notices = Notices(store.redis, store.seal)

    async def alone(self) -> bool:
        """Whether an approver may publish without a second person."""
        return await self._kept.alone()

    async def set_alone(self, actor: Actor, alone: bool) -> None:
        """Switch the second person off, for a team of one, or on again. Raises `Forbidden` without the role admin."""
        actor.require("admin")
        await self._kept.set_alone(alone)
        log.warning("approval by a second person", required=not alone, by=actor.id)

    async def submit(self, actor: Actor, comment: str = "") -> HandedIn:
        """Hand the draft in, frozen as it is; it takes the place of what the same person had handed in.

        Where no second person is needed and the actor is an approver, it is published. Raises `Forbidden`, `NotFound`
        (no draft), `WrongRulebook`, `BaseMoved`, `Conflict` where somebody else has handed in the very same.
        """
        view = await self._drafts.view(actor)
        if view.moved is not None:
            raise BaseMoved(view.moved.version)
        if not view.checked.ok:
            raise WrongRulebook(view.checked)
        draft = view.draft
        submission = Submission(
            id=hashlib.sha256(f"{draft.base}\n{draft.text}".encode()).hexdigest()[:_ID],
            hash=hashlib.sha256(draft.text.encode()).hexdigest(),
            text=draft.text,
            base=draft.base,
            author=actor.id,
            author_name=draft.name,
            comment=comment[:_LONGEST],
            time=self._clock.now(),
        )
        waiting = await self._kept.waiting()
        same = next((one for one in waiting if one.id == submission.id), None)
        if same is not None and same.author != actor.id:
            raise Conflict("this very text is handed in already", code="same_submission", name=same.author_name)
        for earlier in waiting:
            if earlier.author == actor.id and earlier.id != submission.id:
                await self._kept.end(replace(earlier, status="withdrawn", text="", decided=self._clock.now()))
        if same is None:
            await self._kept.open(submission)
        else:
            submission = same
        log.info("rulebook submitted", submission=submission.id, by=actor.id)
        if actor.has("approver") and await self._kept.alone():
            version = await self._publish(actor, submission)
            return HandedIn(submission=submission, changes=view.changes, published=version)
        told = await self._tell_approvers(submission) if same is None else await self._approvers(submission)
        return HandedIn(submission=submission, changes=view.changes, approvers=told)

    async def waiting(self, actor: Actor) -> list[Submission]:
        """What waits for approval, oldest first. Raises `Forbidden`."""
        actor.require("viewer")
        return await self._kept.waiting()

    async def show(self, actor: Actor, submission_id: str) -> tuple[Submission, list[Change]]:
        """A submission and what it changes of its base; noted as shown to the actor. Raises `Forbidden`, `NotFound`."""
        actor.require("marketer")
        submission = await self._find(submission_id)
        await self._kept.show(submission.id, actor.id)
        return submission, await self._changes(submission)

    async def approve(self, actor: Actor, submission_id: str = "") -> tuple[Submission, RulebookVersion]:
        """Publish exactly what was handed in. Without an id: the one that waits, if the actor was shown it.

        Raises `Forbidden` (the author, or no approver), `NotFound`, `Conflict` where it is over (`BaseMoved` where
        another version came first), `Invalid` where it must be named.
        """
        actor.require("approver")
        submission = await self._find(submission_id) if submission_id else await self._only(actor)
        if submission.status != "waiting":
            raise _over(submission)
        if submission.author == actor.id and not await self._kept.alone():
            raise Forbidden("a second person has to approve what you wrote", code="own_submission")
        version = await self._publish(actor, submission)
        await self._tell_author(submission, "approved", actor)
        return submission, version

    async def reject(self, actor: Actor, reason: str, submission_id: str = "") -> Submission:
        """Send back what was handed in, with the reason. Raises as `approve` does, and `Invalid` without a reason."""
        actor.require("approver")
        submission = await self._find(submission_id) if submission_id else await self._only(actor, shown=False)
        if submission.status != "waiting":
            raise _over(submission)
        if not reason.strip():
            raise Invalid("say why", code="no_reason")
        rejected = replace(
            submission, status="rejected", text="", decider=actor.id, decider_name=actor.name or actor.id,
            reason=reason.strip()[:_LONGEST], decided=self._clock.now(),
        )  # fmt: skip
        if not await self._kept.end(rejected):
            raise _over(await self._find(submission.id))
        log.info("rulebook rejected", submission=submission.id, by=actor.id)
        await self._tell_author(submission, "rejected", actor)
        return rejected

    async def discard(self, actor: Actor) -> bool:
        """Forget the actor's draft and withdraw what they handed in; False where there was neither."""
        removed = await self._drafts.discard(actor)
        for one in await self._kept.waiting():
            if one.author == actor.id:
                withdrawn = replace(one, status="withdrawn", text="", decided=self._clock.now())
                removed = await self._kept.end(withdrawn) or removed
        return removed

    async def rollback(self, actor: Actor, number: int) -> tuple[RulebookVersion, list[Change]]:
        """Publish an earlier version's text again. It was approved then, so an approver does it alone.

        Raises `Forbidden`, `NotFound`, `WrongRulebook`, `Conflict` where something was published meanwhile.
        """
        actor.require("approver")
        before = await self._rulebooks.current()
        version = await self._rulebooks.restore(actor, number)
        log.info("rulebook rolled back", to=number, version=version.version, by=actor.id)
        return version, changes(before.text, version.text)

    # --- within -------------------------------------------------------------------------------------------------

    async def _publish(self, actor: Actor, submission: Submission) -> RulebookVersion:
        # what was right once may not be so for a newer release, and a message may be gone
        checked = await self._rulebooks.publishable(submission.text)
        if not checked.ok:
            raise WrongRulebook(checked)
        now, alone = self._clock.now(), submission.author == actor.id
        version = RulebookVersion(
            version=submission.base + 1, hash=submission.hash, text=submission.text, author=submission.author_name,
            comment=submission.comment, time=now, approver="" if alone else actor.name or actor.id,
        )  # fmt: skip
        over = replace(
            submission, status="approved", text="", decider=actor.id, decider_name=actor.name or actor.id,
            version=version.version, decided=now,
        )  # fmt: skip
        match await self._kept.approve(over, version):
            case "over":
                raise _over(await self._find(submission.id))
            case "base moved":
                raise BaseMoved(await self._store.rulebooks.current_version())
        self._rulebooks.look_again()
        log.info("rulebook published", submission=submission.id, version=version.version, by=actor.id, alone=alone)
        await self._drafts.published(submission.author, submission.text)
        return version

    async def _find(self, submission_id: str) -> Submission:
        found = await self._kept.load(submission_id.lower()) if submission_id.isalnum() else None
        if found is None:
            raise NotFound("nothing of this name was handed in", code="no_submission")
        return found

    async def _only(self, actor: Actor, *, shown: bool = True) -> Submission:
        """The submission that is meant where none is named: the only one; for an approval, one that they have seen."""
        waiting = [one for one in await self._kept.waiting() if one.author != actor.id] or await self._kept.waiting()
        if not waiting:
            raise NotFound("nothing waits for approval", code="nothing_waits")
        if len(waiting) > 1 or (shown and not await self._kept.shown(waiting[0].id, actor.id)):
            raise Invalid("say which one", code="which_submission")
        return waiting[0]

    async def _changes(self, submission: Submission) -> list[Change]:
        """What it changes; of one that was sent back, nothing is known any more."""
        text = submission.text or await self._version_text(submission.version)
        return changes(await self._version_text(submission.base), text) if text else []

    async def _version_text(self, number: int) -> str:
        return (await self._rulebooks.version(number)).text if number else ""

    async def _approvers(self, submission: Submission) -> tuple[str, ...]:
        return tuple(
            one.name
            for one in await self._people.all()
            if one.id != submission.author and Actor(id=one.id, roles=one.roles).has("approver") and one.accounts
        )

    async def _tell_approvers(self, submission: Submission) -> tuple[str, ...]:
        names = await self._approvers(submission)
        for person in await self._people.all():
            if person.name in names:
                await self._tell(person.id, submission, "submitted")
        return names

    async def _tell_author(self, submission: Submission, kind: NoticeKind, actor: Actor) -> None:
        if submission.author != actor.id:
            await self._tell(submission.author, submission, kind)

    async def _tell(self, person_id: str, submission: Submission, kind: NoticeKind) -> None:
        for person in await self._people.all():
            for account in person.accounts if person.id == person_id else ():
                notice = Notice(
                    kind=kind, workspace=account.workspace, user=account.user, person=person.id,
                    submission=submission.id, time=self._clock.now(),
                )  # fmt: skip
                await self._notices.add(account.platform, notice)

    async def notices(self, platform: str) -> Sequence[tuple[str, Notice]]:
        """What people on a platform are to be told, for its bot. Raises `Unavailable`."""
        return await self._notices.take(platform)

    async def notice(self, notice: Notice) -> tuple[Submission, list[Change]] | None:
        """What a notice is about; None where it is not of interest any more."""
        submission = await self._kept.load(notice.submission)
        if submission is None or (notice.kind == "submitted" and submission.status != "waiting"):
            return None
        if notice.kind == "submitted":
            await self._kept.show(submission.id, notice.person)
        return submission, await self._changes(submission)

    async def told(self, platform: str, notice_id: str) -> None:
        """Forget a notice that was told. Raises `Unavailable`."""
        await self._notices.told(platform, notice_id)


def _over(submission: Submission) -> Conflict:
    status = "over" if submission.status == "waiting" else submission.status
    return Conflict(
        f"this is {status} already", code=f"submission_{status}", name=submission.decider_name,
        version=str(submission.version),
    )  # fmt: skip
