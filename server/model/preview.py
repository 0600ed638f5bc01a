"""What publishing a rulebook would change, and what would have happened under it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from rules.errors import Problem
from rules.estimate import Estimate

__all__ = [
    "Change",
    "Flow",
    "Left",
    "MishapPreview",
    "MovedStep",
    "Mover",
    "Movers",
    "Preview",
    "Progress",
    "RuleName",
    "ScenarioPreview",
    "ScorePreview",
    "SegmentPreview",
    "TriggerPreview",
]

Change: TypeAlias = Literal["new", "changed", "same", "removed"]
Kind: TypeAlias = Literal["score", "segment", "trigger", "scenario"]


class Progress(msgspec.Struct, frozen=True):
    """How many contacts have been looked at, and how many there are."""

    done: int
    of: int


class Mover(msgspec.Struct, frozen=True):
    """A contact that would enter or leave; `name` is masked, as channels show it."""

    id: str
    name: str


class Movers(msgspec.Struct, frozen=True, kw_only=True):
    """How many contacts would enter, or leave, and the first twenty in the order of their ids, the oldest first."""

    count: int
    first: list[Mover]


class SegmentPreview(msgspec.Struct, frozen=True, kw_only=True):
    """A segment: members now and after publishing, who enters and who leaves; over all contacts.

    `change` is that of its own text; another rule that it reads may move contacts too. `left_out` are those for whom
    its condition is true, and who have not consented to its purpose.
    """

    name: str
    change: Change
    before: int
    after: int
    enter: Movers
    leave: Movers
    left_out: int


class ScorePreview(msgspec.Struct, frozen=True, kw_only=True):
    """A score: for how many contacts it counts after publishing; `left_out` as of a segment."""

    name: str
    change: Change
    contacts: int
    left_out: int


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """What would have gone to a team, or over a channel: in all, a day, and a day under the present rulebook."""

    to: str
    total: Estimate
    per_day: Estimate
    per_day_before: Estimate | None = None


class TriggerPreview(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger: how often it would have fired over history, for how many contacts; what would have come of it.

    `before` is how often the trigger of this name would have fired as it is published; None where there is none.
    `alerts` are cards by team, `messages` by channel. `left_out` are contacts for whom it would have fired but for
    want of consent.
    """

    name: str
    change: Change
    fired: Estimate
    contacts: Estimate
    per_day: Estimate
    before: Estimate | None
    alerts: list[Flow]
    messages: list[Flow]
    left_out: Estimate


class MovedStep(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting step that is written otherwise, or stands elsewhere, in the draft: its text there (None: it is gone,
    and the runs that wait at it stop). `line` and `new_line` are where it stands."""

    before: str
    after: str | None
    line: int
    new_line: int


class ScenarioPreview(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario: how often it would have started over history, for how many contacts; what would have come of it.

    `before`, `alerts` (tasks too), `messages`, `left_out` as of a trigger. A dated one, a broadcast and a feed do not
    come again: `reach` is for how many contacts the `to` of a dated one is true now (None: it has no date). `moved` are
    the steps of the published text at which runs wait.
    """

    name: str
    change: Change
    started: Estimate
    contacts: Estimate
    per_day: Estimate
    before: Estimate | None
    alerts: list[Flow]
    messages: list[Flow]
    left_out: Estimate
    reach: int | None = None
    moved: list[MovedStep] = []


class RuleName(msgspec.Struct, frozen=True):
    """A rule by its kind and name."""

    kind: Kind
    name: str


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """How many contacts a rule leaves out because they have not consented to its purpose."""

    kind: Kind
    name: str
    purpose: str
    contacts: Estimate


class MishapPreview(msgspec.Struct, frozen=True, kw_only=True):
    """For how many contacts a rule does not match because a value is missing, or because of another error.

    `symbols` are the names concerned, where they are known; never a value.
    """

    kind: Kind
    name: str
    missing: Estimate
    errors: Estimate
    symbols: list[str]


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a text would do if it were published now, after version `base`.

    Segments and scores are counted over all `contacts`; triggers and scenarios over the histories of `sampled` of them
    (`exact`: of all), as estimates for all contacts with their 95 % intervals. Messages are those to contacts who had
    consented; limits and quiet hours are not simulated. `since` is the earliest event, `days` the time from
    it to now (at least one): what "a day" divides by. `failed` contacts could not be worked out and are not counted;
    of `cut` histories time brought more than is followed.
    """

    base: int
    hash: str
    time: datetime
    contacts: int
    sampled: int
    exact: bool
    since: datetime | None
    days: float
    rescored: int
    segments: list[SegmentPreview]
    scores: list[ScorePreview]
    triggers: list[TriggerPreview]
    alerts: list[Flow]
    messages: list[Flow]
    never: list[RuleName]
    everybody: list[RuleName]
    left_out: list[Left]
    mishaps: list[MishapPreview]
    warnings: list[Problem]
    failed: int = 0
    cut: int = 0
    scenarios: list[ScenarioPreview] = []
