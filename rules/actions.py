"""The parts that triggers and scenarios are made of: clauses, occasions, actions, steps."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

__all__ = [
    "Action",
    "AddPoints",
    "AddToList",
    "AlertTeam",
    "At",
    "AtMost",
    "Branch",
    "Condition",
    "Convert",
    "Duration",
    "Every",
    "EveryYear",
    "If",
    "Occasion",
    "OnBroadcast",
    "OnConsent",
    "OnEnter",
    "OnEvent",
    "OnFeed",
    "OnLeave",
    "OnList",
    "RemoveFromList",
    "Send",
    "SetAttribute",
    "Share",
    "Split",
    "StartScenario",
    "Step",
    "Stop",
    "StopScenario",
    "Task",
    "Wait",
    "WaitFor",
    "WaitUntil",
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
    """`at most K per day` (week, month: by the calendar) · `at most K per D` (a rolling window) · `at most K ever`."""

    number: int
    per: Literal["day", "week", "month", "ever"] | Duration


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
