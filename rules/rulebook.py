"""The checked, immutable rulebook: one record a statement, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from rules.actions import (
    Action,
    AddPoints,
    AddToList,
    AlertTeam,
    At,
    AtMost,
    Branch,
    Condition,
    Convert,
    Duration,
    Every,
    EveryYear,
    If,
    Occasion,
    OnBroadcast,
    OnConsent,
    OnEnter,
    OnEvent,
    OnFeed,
    OnLeave,
    OnList,
    RemoveFromList,
    Send,
    SetAttribute,
    Share,
    Split,
    StartScenario,
    Step,
    Stop,
    StopScenario,
    Task,
    Wait,
    WaitFor,
    WaitUntil,
)
from rules.contact import Millis

__all__ = [
    "Action",
    "AddPoints",
    "AddToList",
    "AlertTeam",
    "At",
    "AtMost",
    "Attribute",
    "Branch",
    "Condition",
    "Convert",
    "Digest",
    "Duration",
    "Every",
    "EveryYear",
    "Goal",
    "If",
    "Limit",
    "Occasion",
    "OnBroadcast",
    "OnConsent",
    "OnEnter",
    "OnEvent",
    "OnEventWhen",
    "OnFeed",
    "OnLeave",
    "OnList",
    "Purpose",
    "QuietHours",
    "RemoveFromList",
    "Rulebook",
    "Scenario",
    "Score",
    "Segment",
    "Send",
    "SetAttribute",
    "Share",
    "Split",
    "StartScenario",
    "Statement",
    "StaticList",
    "Step",
    "Stop",
    "StopScenario",
    "Target",
    "Task",
    "Team",
    "Trigger",
    "Wait",
    "WaitFor",
    "WaitUntil",
    "meaning",
]


class Attribute(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    type: Literal["text", "number", "yes/no", "date", "datetime", "list of text", "one of"]
    options: tuple[str, ...] = ()  # of `one of`
    personal: bool = False
    shown_in_alerts: bool = False
    keep: Duration | None = None
    trait: str = ""  # the snake_cased, flattened trait it is read from; its own name where none is given
    label: str = ""
    line: int = 0


class Purpose(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    wording: str
    channels: tuple[str, ...] = ()  # none: all
    double_opt_in: bool = False
    profiling: bool = False
    open_tracking: bool = False
    renew_after: Duration | None = None
    ask_again: bool = False
    line: int = 0


class Target(msgspec.Struct, frozen=True):
    """Where a team hears of things: a Slack channel, a Telegram chat or a topic of it, an e-mail address."""

    platform: Literal["slack", "telegram", "email"]
    address: str


class Team(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    targets: tuple[Target, ...]
    line: int = 0


class StaticList(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    label: str = ""
    line: int = 0


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """`+N on "Event" …`, or `+N while …`: then `event` is None, and `when` is the condition after `while`."""

    name: str
    tenths: int
    event: str | None = None
    purpose: str | None = None
    at_most: AtMost | None = None
    halves: Duration | None = None
    lasts: Duration | None = None
    when: Condition | None = None
    line: int = 0


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    condition: Condition
    purpose: str | None = None
    line: int = 0


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    occasion: Occasion
    actions: tuple[Action, ...]
    purpose: str | None = None
    at_most: AtMost | None = None
    when: Condition | None = None
    line: int = 0


class OnEventWhen(msgspec.Struct, frozen=True, kw_only=True):
    """`stop on` or `restart on` an event, or (with no event) `stop when`."""

    event: str | None = None
    when: Condition | None = None
    line: int = 0


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    occasion: Occasion
    steps: tuple[Step, ...]
    purpose: str | None = None
    when: Condition | None = None
    key: Condition | None = None
    again_after: Duration | None = None
    stops: tuple[OnEventWhen, ...] = ()
    restarts: tuple[OnEventWhen, ...] = ()
    line: int = 0


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """The `top` contacts of a segment (else a list) by a number, told to a team."""

    name: str
    occasion: At | Every
    top: int
    of: str
    by: Condition
    alert: AlertTeam
    line: int = 0


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    channel: str
    at_most: AtMost
    line: int = 0


class QuietHours(msgspec.Struct, frozen=True, kw_only=True):
    start: str  # HH:MM
    end: str
    line: int = 0


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """`number` entries into a segment, or events, per week or month."""

    name: str
    number: int
    per: Literal["week", "month"]
    segment: str | None = None
    event: str | None = None
    line: int = 0


class Rulebook(msgspec.Struct, frozen=True, kw_only=True):
    """All statements by kind and name, in the order of the text. `version` is 0 until published."""

    text: str = ""
    version: int = 0
    attributes: dict[str, Attribute] = msgspec.field(default_factory=dict)
    purposes: dict[str, Purpose] = msgspec.field(default_factory=dict)
    teams: dict[str, Team] = msgspec.field(default_factory=dict)
    lists: dict[str, StaticList] = msgspec.field(default_factory=dict)
    scores: dict[str, Score] = msgspec.field(default_factory=dict)
    segments: dict[str, Segment] = msgspec.field(default_factory=dict)
    triggers: dict[str, Trigger] = msgspec.field(default_factory=dict)
    sources: dict[tuple[str, str], str] = msgspec.field(default_factory=dict)  # (kind, name) → the statement's text
    warnings: tuple[Any, ...] = ()
    scenarios: dict[str, Scenario] = msgspec.field(default_factory=dict)
    digests: dict[str, Digest] = msgspec.field(default_factory=dict)
    limits: dict[str, Limit] = msgspec.field(default_factory=dict)  # by channel
    quiet_hours: QuietHours | None = None
    goals: dict[str, Goal] = msgspec.field(default_factory=dict)
    languages: dict[tuple[str, str], str] = msgspec.field(default_factory=dict)  # (kind, name) → "en" or "fr"
    paused: frozenset[str] = frozenset()  # triggers and scenarios that stand still, whatever the text says
    published: Millis = 0  # when; dated rules that are new in it count from then on

    def statements(self) -> list[Statement]:
        """All statements in the order of the text."""
        tables: tuple[Mapping[str, Statement], ...] = (
            self.attributes, self.purposes, self.teams, self.lists, self.scores, self.segments,
            self.triggers, self.scenarios, self.digests, self.limits, self.goals,
        )  # fmt: skip
        found: list[Statement] = [record for table in tables for record in table.values()]
        if self.quiet_hours is not None:
            found.append(self.quiet_hours)
        return sorted(found, key=lambda record: record.line)


Statement: TypeAlias = (
    Attribute | Purpose | Team | StaticList | Score | Segment | Trigger | Scenario | Digest | Limit | QuietHours | Goal
)


def meaning(value: Any) -> Any:
    """A record without its places: two texts mean the same where this is equal (their language does not matter)."""
    if isinstance(value, Rulebook):
        return [meaning(record) for record in value.statements()]
    if isinstance(value, msgspec.Struct):
        kept = (name for name in value.__struct_fields__ if name not in ("line", "column", "expression"))
        return (type(value).__name__, *((name, meaning(getattr(value, name))) for name in kept))
    if isinstance(value, tuple):
        return tuple(meaning(item) for item in value)
    return value
