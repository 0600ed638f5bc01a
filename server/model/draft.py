"""What people prepare of the rulebook: drafts, what an edit is about, submissions, pauses, notices."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from rules.contact import Millis

__all__ = ["Draft", "Notice", "NoticeKind", "Pause", "Place", "Submission", "SubmissionStatus", "Touched", "What"]

What: TypeAlias = Literal["new", "statement", "rulebook", "reason", "command"]
SubmissionStatus: TypeAlias = Literal["waiting", "approved", "rejected", "withdrawn"]
NoticeKind: TypeAlias = Literal["submitted", "approved", "rejected", "reminder"]


class Draft(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """A person's text, made from version `base`. `revision` counts its changes; 0: it is not kept yet."""

    person: str
    name: str
    text: str
    base: int
    created: Millis
    updated: Millis
    revision: int = 0


class Touched(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """Which statements a draft changes, by kind and name: kept beside it, so that others can be told."""

    person: str
    name: str
    statements: tuple[tuple[str, str], ...]


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a text is asked for: new statements, another text of one, of all, the reason of a rejection, or what follows
    the words of a command, which are the `name`.

    `digest` is of the statement's text as it was shown, by which a change meanwhile is seen; `submission` is what is
    rejected; `person` is who was asked; `base` the version that a whole text is known to be made from.
    """

    what: What
    kind: str = ""
    name: str = ""
    digest: str = ""
    submission: str = ""
    person: str = ""
    base: int | None = None


class Submission(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """A text that was handed in for approval, frozen. `id` binds to text and base; `hash` is the text's SHA-256.

    `text` is "" when it is over. `decider` is who approved or rejected it, `version` what it was published as.
    """

    id: str
    hash: str
    text: str
    base: int
    author: str
    author_name: str
    comment: str
    time: Millis
    status: SubmissionStatus = "waiting"
    decider: str = ""
    decider_name: str = ""
    reason: str = ""
    version: int = 0
    decided: Millis = 0


class Pause(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """A rule that does not fire: since when, and by whom."""

    kind: str
    name: str
    by: str
    since: Millis


class Notice(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """Something that a person should hear of, at one of their accounts: what became of a submission; that an alert or
    task (`reminder`) is due, or back."""

    kind: NoticeKind
    workspace: str
    user: str
    person: str
    submission: str
    time: Millis
    alert: str = ""
