"""A contact's state: everything the engine keeps of a person, as one record.

Times are whole milliseconds since 1970-01-01T00:00:00Z (`Millis`). Attribute values and event properties are
plain JSON values: text, whole and floating numbers, booleans, null, lists and mappings of these. Attributes hold
the value as its type stores it: `date` and `datetime` as ISO 8601 text, `yes/no` as a boolean.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

__all__ = [
    "Adjustment",
    "Alert",
    "AlertStatus",
    "Consent",
    "ConsentStatus",
    "Contact",
    "Event",
    "Membership",
    "Millis",
    "Reason",
    "Run",
    "TimedIndex",
    "Value",
]

Millis: TypeAlias = int
Value: TypeAlias = Any  # a JSON value; msgspec has no recursive alias to say so

AlertStatus: TypeAlias = Literal["open", "claimed", "snoozed", "done", "dismissed"]
ConsentStatus: TypeAlias = Literal["granted", "pending", "denied", "withdrawn"]


class Event(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Something that happened to a contact: its name, when, its properties, the source that told of it."""

    name: str
    time: Millis
    properties: dict[str, Value]
    source: str = ""


class Consent(msgspec.Struct, array_like=True, gc=False, frozen=True, kw_only=True):
    """What the engine knows of a contact's consent to one purpose; the ledger is the record."""

    status: ConsentStatus
    since: Millis
    wording_version: str = ""
    channels: tuple[str, ...] = ()
    granted: tuple[tuple[Millis, Millis | None], ...] = ()  # periods in which consent held: [from, until)


class Membership(msgspec.Struct, array_like=True, gc=False, frozen=True, kw_only=True):
    """Since when a contact is in a segment, by which entry of the log, under which version of the rulebook."""

    entered: Millis
    entry: str
    version: int


class Adjustment(msgspec.Struct, array_like=True, gc=False, frozen=True, kw_only=True):
    """Points given or taken by hand or by an action, in tenths of a point."""

    time: Millis
    tenths: int
    by: str
    reason: str = ""


class Reason(msgspec.Struct, array_like=True, gc=False, frozen=True, kw_only=True):
    """One of the strongest parts of a score when an alert was raised: the rule, its tenths of a point, its hits."""

    rule: str
    tenths: int
    hits: int = 0


class Alert(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """A card for a team: at most one open for a contact, trigger and team.

    `revision` grows with every change; a card in a chat is up to date when it shows the revision. `id` is given by
    the engine. `count` says how many times the trigger fired while the alert was open.
    """

    id: str
    contact: str
    trigger: str
    team: str
    text: str
    status: AlertStatus = "open"
    owner: str = ""  # id of the user who claimed it
    owner_name: str = ""
    created: Millis = 0
    updated: Millis = 0
    count: int = 1
    revision: int = 1
    score_tenths: int = 0
    reasons: list[Reason] = msgspec.field(default_factory=list)
    until: Millis = 0  # snoozed until
    outcome: str = ""  # won, lost, junk; or why it was dismissed
    version: int = 0  # of the rulebook that raised it
    kind: Literal["alert", "task"] = "alert"  # a task is a to-do: each is one of its own, and none is repeated
    claimed: Millis = 0  # when it was first claimed
    escalates: Millis = 0  # unclaimed at this moment, team `otherwise` is told too; 0: not, or no more
    otherwise: str = ""
    also: list[str] = msgspec.field(default_factory=list)  # teams that were told later
    due: Millis = 0  # of a task: when it is to be done


class TimedIndex(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """The exact index behind a `count`, `total`, `first` or `last`: what these need without reading history.

    `times` are the event times within the longest window that the rulebook asks for, ascending; `values` the summed
    property's values beside them (for `total` only). `number` and `amount` are over all time.
    """

    number: int = 0
    amount: str = "0"  # decimal text: sums are exact
    first: Millis | None = None
    last: Millis | None = None
    times: list[Millis] = msgspec.field(default_factory=list)
    values: list[Value] = msgspec.field(default_factory=list)


class Run(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """A contact's way through a scenario, under a key; it is kept for as long as it waits somewhere.

    `place` is the path of the step at which it waits, in the text of rulebook `version`: places in blocks, outermost
    first; within an `if` or a `split` the number of the branch, then the place in it. `since` is when it came there,
    `due` when it goes on without an event (None: only an event, or what changes with one, moves it on).
    """

    id: str  # unique for the contact, and told by what started it: the same entry gives the same id
    scenario: str
    key: str = ""  # `rules.history.token` of the key's value; "" where the scenario has no key
    entry: Event  # what started it; for list, segment, consent and dated entries only name and time
    started: Millis
    version: int
    place: tuple[int, ...] = ()
    since: Millis = 0
    due: Millis | None = None
    arrived: bool | None = None  # of the last `wait for`


class Contact(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """The whole state of a contact. `rules.decide.decide` is the one function that changes it, in place.

    `tail` holds the newest events; older ones lie in stored chunks whose sizes are `chunks`, oldest first.
    `seen` holds 8-byte digests of message ids, concatenated, per day received (days since 1970-01-01).
    """

    id: str
    schema: int = 1
    version: int = 0  # of the rulebook the state was computed under
    created: Millis = 0
    last_seen: Millis = 0
    identities: list[tuple[str, str]] = msgspec.field(default_factory=list)
    attributes: dict[str, Value] = msgspec.field(default_factory=dict)
    trusted: list[str] = msgspec.field(default_factory=list)  # attributes set by a server source
    set_aside: dict[str, str] = msgspec.field(default_factory=dict)  # attribute → why its last value was refused
    lists: dict[str, Millis] = msgspec.field(default_factory=dict)
    groups: list[str] = msgspec.field(default_factory=list)
    consents: dict[str, Consent] = msgspec.field(default_factory=dict)
    segments: dict[str, Membership] = msgspec.field(default_factory=dict)
    hits: dict[str, list[Millis]] = msgspec.field(default_factory=dict)  # `on` score → times of its hits, ascending
    adjustments: list[Adjustment] = msgspec.field(default_factory=list)
    tenths: int = 0  # the score, in tenths of a point, as last computed
    tail: list[Event] = msgspec.field(default_factory=list)
    chunks: list[int] = msgspec.field(default_factory=list)
    index: dict[str, TimedIndex] = msgspec.field(default_factory=dict)
    seen: dict[int, bytes] = msgspec.field(default_factory=dict)
    firings: dict[str, list[Millis]] = msgspec.field(default_factory=dict)  # trigger → times, for its `at most`
    alerts: dict[str, Alert] = msgspec.field(default_factory=dict)  # "trigger/team" → alert that is not over yet
    merged: list[str] = msgspec.field(default_factory=list)  # ids of merges that were absorbed
    changes_at: Millis | None = None  # nothing changes before this moment without an event
    moved_to: str = ""  # a tombstone: the contact that this one was joined into
    holds: list[str] = msgspec.field(default_factory=list)  # `while` scores that are true now
    static: int = 0  # tenths of the score that do not age: whole hits, `while` scores, adjustments
    former: dict[str, list[tuple[Millis, Value]]] = msgspec.field(default_factory=dict)  # see `rules.attribute`
    runs: list[Run] = msgspec.field(default_factory=list)  # in the order of their start
    ran: dict[str, Millis] = msgspec.field(default_factory=dict)  # "scenario\0key" → start of the last run
    occurred: dict[str, str] = msgspec.field(default_factory=dict)  # dated, yearly, broadcast rule → last occurrence

    @property
    def score(self) -> float:
        return self.tenths / 10
