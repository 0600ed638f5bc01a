"""The checked, immutable rulebook: one record a statement, and what follows from them."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

__all__ = [
    "Action",
    "AddToList",
    "AlertTeam",
    "AtMost",
    "Attribute",
    "Condition",
    "Duration",
    "OnConsent",
    "OnEnter",
    "OnEvent",
    "OnLeave",
    "OnList",
    "Purpose",
    "RemoveFromList",
    "Rulebook",
    "Score",
    "Segment",
    "StaticList",
    "Target",
    "Team",
    "Trigger",
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


Occasion: TypeAlias = OnEvent | OnEnter | OnLeave | OnList | OnConsent


class AlertTeam(msgspec.Struct, frozen=True, kw_only=True, tag="alert"):
    """`alert TEAM "text"`: a card in chat; `text` is a Jinja2 template."""

    team: str
    text: str
    line: int = 0


class AddToList(msgspec.Struct, frozen=True, kw_only=True, tag="add"):
    list: str
    line: int = 0


class RemoveFromList(msgspec.Struct, frozen=True, kw_only=True, tag="remove"):
    list: str
    line: int = 0


Action: TypeAlias = AlertTeam | AddToList | RemoveFromList


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    occasion: Occasion
    actions: tuple[Action, ...]
    purpose: str | None = None
    at_most: AtMost | None = None
    when: Condition | None = None
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
