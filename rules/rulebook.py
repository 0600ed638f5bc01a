"""The checked, immutable rulebook: one record a statement, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

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


class Duration(msgspec.Struct, frozen=True):
    """A length of time as written: `2 hours`. Whole days, weeks and months keep local clock time where it matters."""

    number: int
    unit: Literal["minute", "hour", "day", "week", "month"]

    @property
    def milliseconds(self) -> int:
        """The exact length; a month counts 30 days (rolling windows and half-lives take no calendar)."""
        seconds = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000}[self.unit]
        return self.number * seconds * 1000


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """An expression with its place. `expression` is a `rules.expression.Expression`."""

    text: str
    expression: Any
    line: int = 0
    column: int = 0


class AtMost(msgspec.Struct, frozen=True, kw_only=True):
    """`at most K per day|week|month` (calendar, in the contact's zone) · `at most K per D` (rolling) · `at most K ever`."""

    number: int
    per: Literal["day", "week", "month", "ever"] | Duration


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
    """Where a team hears of things: a Slack channel, a Telegram chat, an e-mail address."""

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
    """`+N on "Event" … [when …]` (then `event` is set) or `+N while …` (then `event` is None and `when` is the while)."""

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


class OnEvent(msgspec.Struct, frozen=True, tag="event"):
    event: str


class OnEnter(msgspec.Struct, frozen=True, tag="enter"):
    segment: str


class OnLeave(msgspec.Struct, frozen=True, tag="leave"):
    segment: str


class OnList(msgspec.Struct, frozen=True, tag="list"):
    list: str


class OnConsent(msgspec.Struct, frozen=True, tag="consent"):
    purpose: str


class EveryYear(msgspec.Struct, frozen=True, tag="every year"):
    """Each year on the day of a date attribute; 29 February falls on the 28th in other years."""

    attribute: str
    time: str  # HH:MM in the contact's zone


class At(msgspec.Struct, frozen=True, tag="at"):
    """Once, at a local moment, to the contacts for whom `to` is true (a digest: None)."""

    moment: str  # YYYY-MM-DD HH:MM
    to: Condition | None = None


class Every(msgspec.Struct, frozen=True, tag="every"):
    """Each day, or each named weekday, at a time, to the contacts for whom `to` is true (a digest: None)."""

    day: str  # "day", "monday" …
    time: str
    to: Condition | None = None


class OnBroadcast(msgspec.Struct, frozen=True, tag="broadcast"):
    """An event about no contact, to the contacts for whom `to` is true."""

    event: str
    to: Condition


class OnFeed(msgspec.Struct, frozen=True, tag="feed"):
    """A new entry of an RSS or Atom feed."""

    url: str
    to: Condition


Occasion: TypeAlias = OnEvent | OnEnter | OnLeave | OnList | OnConsent | EveryYear | At | Every | OnBroadcast | OnFeed


class Send(msgspec.Struct, frozen=True, kw_only=True, tag="send"):
    """A message to the contact over a channel; `valid`: not sent later than this after it was due."""

    channel: str
    message: str
    purpose: str | None = None
    valid: Duration | None = None
    line: int = 0
    label: str = ""


class AlertTeam(msgspec.Struct, frozen=True, kw_only=True, tag="alert"):
    """`alert TEAM "text"`: a card in chat; `text` is a Jinja2 template. Unclaimed in time, `otherwise` is told."""

    team: str
    text: str
    line: int = 0
    claim_within: Duration | None = None
    otherwise: str = ""  # a team
    label: str = ""


class Task(msgspec.Struct, frozen=True, kw_only=True, tag="task"):
    team: str
    text: str
    line: int = 0
    label: str = ""


class AddToList(msgspec.Struct, frozen=True, kw_only=True, tag="add"):
    list: str
    line: int = 0
    label: str = ""


class RemoveFromList(msgspec.Struct, frozen=True, kw_only=True, tag="remove"):
    list: str
    line: int = 0
    label: str = ""


class AddPoints(msgspec.Struct, frozen=True, kw_only=True, tag="points"):
    tenths: int
    line: int = 0
    label: str = ""


class SetAttribute(msgspec.Struct, frozen=True, kw_only=True, tag="set"):
    attribute: str
    value: Condition
    line: int = 0
    label: str = ""


class Convert(msgspec.Struct, frozen=True, kw_only=True, tag="convert"):
    name: str
    amount: Condition | None = None
    line: int = 0
    label: str = ""


class StartScenario(msgspec.Struct, frozen=True, kw_only=True, tag="start scenario"):
    scenario: str
    line: int = 0
    label: str = ""


class StopScenario(msgspec.Struct, frozen=True, kw_only=True, tag="stop scenario"):
    scenario: str
    line: int = 0
    label: str = ""


Action: TypeAlias = (
    AlertTeam
    | AddToList
    | RemoveFromList
    | Send
    | Task
    | AddPoints
    | SetAttribute
    | Convert
    | StartScenario
    | StopScenario
)


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    occasion: Occasion
    actions: tuple[Action, ...]
    purpose: str | None = None
    at_most: AtMost | None = None
    when: Condition | None = None
    line: int = 0


class Wait(msgspec.Struct, frozen=True, kw_only=True, tag="wait"):
    duration: Duration
    line: int = 0
    label: str = ""


class WaitUntil(msgspec.Struct, frozen=True, kw_only=True, tag="wait until"):
    """Until a time of day, on a named weekday where `day` says so, or until the moment that `moment` gives."""

    time: str = ""
    day: str = ""
    moment: Condition | None = None
    line: int = 0
    label: str = ""


class WaitFor(msgspec.Struct, frozen=True, kw_only=True, tag="wait for"):
    """Until an event comes or the time is up; `arrived` then tells which."""

    event: str
    up_to: Duration
    when: Condition | None = None
    line: int = 0
    label: str = ""


class Stop(msgspec.Struct, frozen=True, kw_only=True, tag="stop"):
    line: int = 0
    label: str = ""


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """One arm of an `if`; `condition` is None for `else`."""

    condition: Condition | None
    steps: tuple[Step, ...]
    line: int = 0
    label: str = ""


class If(msgspec.Struct, frozen=True, kw_only=True, tag="if"):
    branches: tuple[Branch, ...]
    line: int = 0


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """One block of a split: its share in percent, its name (which is its label)."""

    percent: int
    name: str
    steps: tuple[Step, ...]
    line: int = 0


class Split(msgspec.Struct, frozen=True, kw_only=True, tag="split"):
    shares: tuple[Share, ...]
    line: int = 0
    label: str = ""


Step: TypeAlias = Action | Wait | WaitUntil | WaitFor | If | Split | Stop


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
