"""What a decision gives back: what became of a contact, and who must hear of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from rules.contact import Alert, Contact, Event, Millis

__all__ = ["Decision", "Mishap", "Outgoing", "RunStep"]


class Mishap(msgspec.Struct, frozen=True, kw_only=True):
    """An expression that met an error: the rule, the kind of `EvaluationError`, the name concerned (never a value).

    `statement` is the kind of the rule: "score", "segment", "trigger" or "scenario".
    """

    rule: str
    kind: str
    symbol: str = ""
    statement: str = "score"


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is to be handed to a channel; consent, caps and the like are asked at that moment, not here.

    `purpose` is the step's, else its rule's; "" where there is none. `due` is when it was due, which a late timer does
    not change; `valid_until` 0: always. `entry` and `event` are what its template may speak of.
    """

    channel: str
    message: str
    purpose: str = ""
    statement: Literal["scenario", "trigger"] = "trigger"
    rule: str = ""
    run: str = ""  # id of the run
    step: str = ""  # its label, else its line
    due: Millis = 0
    valid_until: Millis = 0
    entry: Event | None = None
    event: Event | None = None


class RunStep(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a run: `what` is "started", "waits" (at `place`), "finished", or "stopped" for a `reason`:
    "event", "condition", "restart", "step", "scenario" (stopped by another rule), "consent withdrawn", "joined" (the
    older of two runs stays), "step removed", "scenario removed"."""

    run: str
    scenario: str
    what: Literal["started", "waits", "finished", "stopped"]
    place: tuple[int, ...] = ()
    due: Millis | None = None
    reason: str = ""


class Decision(msgspec.Struct, kw_only=True):
    """The outcome of one entry, or of a moment's coming, for one contact; the contact itself was changed in place.

    `changed` is False where nothing is to be written (a duplicate). `ignored` then says why: "duplicate", "moved",
    "unknown alert", "lost claim", "stale", "broadcast" (it is about no contact). `forward` is True when the contact is
    a tombstone and the entry belongs to `Contact.moved_to`. `alerts` are those raised or changed (the same objects as
    in the contact; a new one has an empty id). `spill` are events that leave the tail for a stored chunk;
    `drop` is how many of the oldest stored chunks are over the cap. `snapshot` is set by `Joined`: what travels to the
    survivor (the caller adds the stored chunks). `matched` are the rules that fired, were entered or counted, `fired`
    the triggers among them; `mishaps` the expressions that met an error. `sends` are messages to be handed over, `runs`
    what became of runs, in order.
    `undeclared` are names of traits that no attribute takes; `refused` attribute names whose value did not fit.
    """

    changed: bool = True
    ignored: str = ""
    forward: bool = False
    entered: list[str] = msgspec.field(default_factory=list)
    left: list[str] = msgspec.field(default_factory=list)
    lists_joined: list[str] = msgspec.field(default_factory=list)
    lists_left: list[str] = msgspec.field(default_factory=list)
    score_changed: bool = False
    alerts: list[Alert] = msgspec.field(default_factory=list)
    spill: list[Event] = msgspec.field(default_factory=list)
    drop: int = 0
    snapshot: Contact | None = None
    matched: list[str] = msgspec.field(default_factory=list)
    mishaps: list[Mishap] = msgspec.field(default_factory=list)
    undeclared: list[str] = msgspec.field(default_factory=list)
    refused: list[str] = msgspec.field(default_factory=list)
    loops: list[str] = msgspec.field(default_factory=list)  # rules at which a chain of consequences was stopped
    fired: list[str] = msgspec.field(default_factory=list)
    sends: list[Outgoing] = msgspec.field(default_factory=list)  # in the order in which they are to be handed over
    runs: list[RunStep] = msgspec.field(default_factory=list)
