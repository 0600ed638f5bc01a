"""The entries of a partition's log: the only things that change a contact."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from rules.contact import ConsentStatus, Contact, Event, Millis, Value

__all__ = [
    "NOTE",
    "Absorbed",
    "AlertActed",
    "AttributesSet",
    "Broadcast",
    "ConsentRecorded",
    "Entry",
    "EventReceived",
    "Joined",
    "ListChanged",
    "NoteAdded",
    "PointsAdded",
    "ScenarioResumed",
    "TaskAdded",
]

NOTE = "Note Added"  # the event that a `NoteAdded` becomes


class EventReceived(msgspec.Struct, array_like=True, gc=False, tag="event", frozen=True, kw_only=True):
    """An event from a source. `time` is corrected for clock skew and never in the future of `received`.

    `identities` are those the call named; the contact learns them. `traits` are snake_cased and flattened.
    `history_only`: it changes history, scores and segments but starts no trigger, scenario or alert.
    """

    name: str
    time: Millis
    received: Millis
    message_id: str
    properties: dict[str, Value] = msgspec.field(default_factory=dict)
    traits: dict[str, Value] = msgspec.field(default_factory=dict)
    identities: tuple[tuple[str, str], ...] = ()
    group: str = ""
    locale: str = ""
    timezone: str = ""
    source: str = ""
    trusted: bool = True  # of a server source; a browser's may not overwrite what a server source has set
    history_only: bool = False
    silent: bool = False  # an `identify`, `group` or `alias` call: sets attributes, is no event of the history


class AttributesSet(msgspec.Struct, array_like=True, gc=False, tag="attributes", frozen=True, kw_only=True):
    """Attributes written by name (API, chat, import): declared names only; null removes."""

    time: Millis
    values: dict[str, Value]
    by: str = ""


class ConsentRecorded(msgspec.Struct, array_like=True, gc=False, tag="consent", frozen=True, kw_only=True):
    """The consent ledger has a new record; written together with it."""

    time: Millis
    purpose: str
    status: ConsentStatus
    wording_version: str = ""
    channels: tuple[str, ...] = ()
    record: str = ""  # id in the ledger


class ListChanged(msgspec.Struct, array_like=True, gc=False, tag="list", frozen=True, kw_only=True):
    """A contact is put on, or taken off, a static list."""

    time: Millis
    list: str
    member: bool
    by: str = ""


class PointsAdded(msgspec.Struct, array_like=True, gc=False, tag="points", frozen=True, kw_only=True):
    """A manual change of the score, in tenths of a point."""

    time: Millis
    tenths: int
    by: str
    reason: str = ""


class AlertActed(msgspec.Struct, array_like=True, gc=False, tag="alert", frozen=True, kw_only=True):
    """Somebody claims, releases, snoozes, finishes or dismisses an alert. The first claim in the log wins.

    Who snoozes, finishes or dismisses an alert that nobody has takes it on by that; on another's it has no effect,
    unless it may `override`.
    """

    time: Millis
    alert: str
    act: Literal["claim", "release", "snooze", "done", "dismiss"]
    by: str
    by_name: str = ""
    until: Millis = 0
    outcome: str = ""
    override: bool = False


class Joined(msgspec.Struct, array_like=True, gc=False, tag="joined", frozen=True, kw_only=True):
    """This contact is joined into another: it becomes a tombstone, its snapshot travels to `into`."""

    time: Millis
    merge: str
    into: str


class Absorbed(msgspec.Struct, array_like=True, gc=False, tag="absorbed", frozen=True, kw_only=True):
    """The snapshot of a contact that was joined into this one, with the events of its stored chunks."""

    time: Millis
    merge: str
    snapshot: Contact
    past: list[Event] = msgspec.field(default_factory=list)


class TaskAdded(msgspec.Struct, array_like=True, gc=False, tag="task", frozen=True, kw_only=True):
    """Somebody puts a to-do about the contact on a team's list, or, with `owner`, on a person's own."""

    time: Millis
    text: str
    team: str = ""
    by: str = ""
    owner: str = ""
    owner_name: str = ""
    due: Millis = 0


class NoteAdded(msgspec.Struct, array_like=True, gc=False, tag="note", frozen=True, kw_only=True):
    """Somebody writes down something about the contact: an event `Note Added` of its history, and of no rule's."""

    time: Millis
    text: str
    by: str = ""
    by_name: str = ""


class Broadcast(msgspec.Struct, array_like=True, gc=False, tag="broadcast", frozen=True, kw_only=True):
    """An event about no contact, or a feed's new entry (`feed` is its URL): one lies in every partition's log, with
    no contact, under one `id`."""

    time: Millis
    id: str
    event: Event
    feed: str = ""


class ScenarioResumed(msgspec.Struct, array_like=True, gc=False, tag="resumed", frozen=True, kw_only=True):
    """A scenario's pause is over: one lies in every partition's log, with no contact, so that runs that came due
    meanwhile go on."""

    time: Millis
    id: str
    scenario: str


Entry: TypeAlias = (
    EventReceived
    | AttributesSet
    | ConsentRecorded
    | ListChanged
    | PointsAdded
    | AlertActed
    | Joined
    | Absorbed
    | TaskAdded
    | NoteAdded
    | Broadcast
    | ScenarioResumed
)
