"""What a decision gives back: what became of a contact, and who must hear of it."""

from __future__ import annotations

import msgspec

from rules.contact import Alert, Contact, Event

__all__ = ["Decision", "Mishap"]


class Mishap(msgspec.Struct, frozen=True, kw_only=True):
    """An expression that met an error: the rule, the kind of `EvaluationError`, the name concerned (never a value).

    `statement` is the kind of the rule: "score", "segment" or "trigger".
    """

    rule: str
    kind: str
    symbol: str = ""
    statement: str = "score"


class Decision(msgspec.Struct, kw_only=True):
    """The outcome of one entry, or of a moment's coming, for one contact; the contact itself was changed in place.

    `changed` is False where nothing is to be written (a duplicate). `ignored` then says why: "duplicate", "moved",
    "unknown alert", "lost claim", "stale". `forward` is True when the contact is a tombstone and the entry belongs to
    `Contact.moved_to`. `alerts` are those raised or changed (the same objects as in the contact; a new one has an
    empty id). `spill` are events that leave the tail for a stored chunk; `drop` is how many of the oldest stored
    chunks are over the cap. `snapshot` is set by `Joined`: what travels to the survivor (the caller adds the stored
    chunks). `matched` are the rules that fired or counted, `fired` the triggers among them; `mishaps` the expressions
    that met an error.
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
