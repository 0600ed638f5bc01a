"""Sweeps: what a partition does for all its contacts at once, slice by slice, and how far each is.

A sweep is begun by an entry of the log (a broadcast, a resumed scenario) or by a moment (of a dated rule), in the
commit that takes it in; each slice writes how far it is together with what it changes. What is through is remembered
for a week, so that the same broadcast is not taken twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from rules.contact import Millis
from rules.occurrence import Occurrence
from server.store import keys
from server.store.codec import SealError
from server.store.wire import Word

if TYPE_CHECKING:
    from server.store.codec import Sealer

__all__ = ["FORGOTTEN", "Agenda", "AgendaChange", "Sweep", "sweep_name"]

FORGOTTEN: Millis = 7 * 86_400_000  # after which a broadcast of the same id is another one

_TOGETHER = 500  # that are forgotten in one commit
_ROW, _BUCKET, _THROUGH = "row ", "at ", "through "


class Sweep(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """What is to come about for the contacts of a partition.

    `local` ("YYYY-MM-DD HH:MM") and `moment`, of a dated rule: it concerns those in whose zone that local time is that
    moment. `resumed`: a scenario whose runs are to be looked at.
    """

    occurrences: tuple[Occurrence, ...] = ()
    begun: Millis = 0
    local: str = ""
    moment: Millis = 0
    resumed: str = ""


def sweep_name(cause: str) -> str:
    """What a sweep is kept under; its cause may hold what somebody else made up."""
    return hashlib.sha256(cause.encode()).hexdigest()[:24]


class AgendaChange(msgspec.Struct, kw_only=True, eq=False):
    """What a commit changes of an agenda."""

    begun: dict[str, Sweep] = msgspec.field(default_factory=dict)
    reached: dict[str, int] = msgspec.field(default_factory=dict)  # name → bucket to go on with
    through: dict[str, Millis] = msgspec.field(default_factory=dict)
    zones: dict[str, int] = msgspec.field(default_factory=dict)  # how many contacts more are in a zone
    looked: tuple[int, Millis] | None = None

    def move(self, before: str, zone: str) -> None:
        """Count a contact in a zone, and no more in the one before; "" is none."""
        for name, more in ((before, -1), (zone, 1)):
            if name:
                self.zones[name] = self.zones.get(name, 0) + more

    @property
    def empty(self) -> bool:
        return not (self.begun or self.reached or self.through or self.zones or self.looked)


class Agenda(msgspec.Struct, kw_only=True, eq=False):
    """What a partition sweeps, and what its dated rules depend on.

    `zones`: time zones of its contacts, with how many have each. Dated rules were looked at until `looked`, under
    version `version` of the rulebook. `checked` and `following` are not stored: when that was last done, and when the
    next dated rule comes about (None: that is not known yet).
    """

    sweeps: dict[str, Sweep] = msgspec.field(default_factory=dict)
    buckets: dict[str, int] = msgspec.field(default_factory=dict)
    through: dict[str, Millis] = msgspec.field(default_factory=dict)
    zones: dict[str, int] = msgspec.field(default_factory=dict)
    version: int = 0
    looked: Millis = 0
    checked: Millis = 0
    following: Millis | None = None

    def knows(self, name: str, now: Millis) -> bool:
        """Whether a sweep was begun already, in the last seven days."""
        return name in self.sweeps or self.through.get(name, -FORGOTTEN) > now - FORGOTTEN

    def commands(self, change: AgendaChange, partition: int, seal: Sealer, now: Millis) -> list[list[Word]]:
        """What writes a change down; call before `take`."""
        name = keys.sweeps(partition)
        found: list[list[Word]] = []
        rows: list[Word] = []
        for sweep, record in change.begun.items():
            rows += [_ROW + sweep, seal.encode("sweep", record)]
        for sweep, bucket in change.reached.items():
            rows += [_BUCKET + sweep, bucket]
        gone: list[Word] = []
        for sweep, moment in change.through.items():
            rows += [_THROUGH + sweep, moment]
            gone += [_ROW + sweep, _BUCKET + sweep]
        if change.through:
            old = (sweep for sweep, moment in self.through.items() if moment <= now - FORGOTTEN)
            gone += [_THROUGH + sweep for sweep in islice(old, _TOGETHER)]
        if rows:
            found.append(["HSET", name, *rows])
        if gone:
            found.append(["HDEL", name, *gone])
        for zone, more in change.zones.items():
            if more:
                found.append(["HINCRBY", keys.zones(partition), zone, more])
        looked = self._looked_by(change)
        words: list[Word] = [] if looked is None else ["dated", f"{looked[0]} {looked[1]}"]
        if change.begun or change.through:
            words += ["sweeps", len((self.sweeps.keys() | change.begun.keys()) - change.through.keys())]
        if words:
            found.append(["HSET", keys.meta(partition), *words])
        return found

    def _looked_by(self, change: AgendaChange) -> tuple[int, Millis] | None:
        """A zone that is new brings no moments of before it came."""
        if change.looked is None and any(more > 0 and not self.zones.get(zone) for zone, more in change.zones.items()):
            return self.version, max(self.looked, self.checked)
        return change.looked

    def take(self, change: AgendaChange, now: Millis) -> None:
        """Be as the change says."""
        looked = self._looked_by(change)
        if looked is not None:
            self.version, self.looked = looked
            self.following = None
        self.sweeps.update(change.begun)
        self.buckets.update(change.reached)
        if change.through:
            old = [name for name, moment in self.through.items() if moment <= now - FORGOTTEN]
            for name in old[:_TOGETHER]:
                del self.through[name]
            self.through.update(change.through)
            for name in change.through:
                self.sweeps.pop(name, None)
                self.buckets.pop(name, None)
        for zone, more in change.zones.items():
            self.zones[zone] = self.zones.get(zone, 0) + more

    @classmethod
    def read(cls, rows: Mapping[bytes, bytes], zones: Mapping[bytes, Any], dated: bytes | None, seal: Sealer) -> Agenda:
        """The agenda that is stored."""
        agenda = cls(zones={zone.decode(): int(number) for zone, number in zones.items()})
        if dated:
            version, looked = dated.split()
            agenda.version, agenda.looked = int(version), int(looked)
        for field, value in rows.items():
            text = field.decode()
            if text.startswith(_ROW):
                with suppress(SealError):  # it stays where it is, and is not worked on
                    agenda.sweeps[text.removeprefix(_ROW)] = seal.decode("sweep", value, Sweep)
            elif text.startswith(_BUCKET):
                agenda.buckets[text.removeprefix(_BUCKET)] = int(value)
            else:
                agenda.through[text.removeprefix(_THROUGH)] = int(value)
        return agenda
