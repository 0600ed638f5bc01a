"""A contact's events and the exact indexes that `count`, `total`, `first` and `last` read.

An index is kept for each use of these functions in the published rulebook: by event name, by event name with a
property's value, or by event name with a summed property. A window is (now - W, now], exact to the millisecond.
"""

from __future__ import annotations

from bisect import bisect_right, insort_right
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from rules.contact import Contact, Event, Millis, TimedIndex, Value
from rules.decision import Decision
from rules.moment import instant

__all__ = [
    "CAP",
    "CHUNK",
    "TAIL",
    "History",
    "Spec",
    "add_all",
    "add_to_index",
    "by_time",
    "carry_over",
    "index_key",
    "insert_event",
    "spill",
    "token",
    "total_key",
]

TAIL = 48  # events a contact's state holds at most
CHUNK = 32  # events that leave together for a stored chunk
CAP = 1000  # events kept of one contact

_EVER = 1 << 62
_NOTHING = TimedIndex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """An index to keep for an event name. `window` is the longest asked for, in milliseconds; 0 where none is."""

    key: str
    property: str | None = None
    token: str | None = None  # the property's value that counts
    summed: bool = False
    window: int = 0


def token(value: Value) -> str:
    """A text that is equal for equal values: numbers by value, texts, booleans and null apart from them."""
    if isinstance(value, str):
        return "s" + value
    if isinstance(value, bool):
        return "b1" if value else "b0"
    if isinstance(value, int | float | Decimal):
        number = Decimal(str(value))
        return "n" + (format(number.normalize(), "f") if number else "0")
    if value is None:
        return "z"
    return ""  # a list or mapping equals no literal


def index_key(event: str, property: str, value: Value) -> str:  # noqa: A002 - the word of the rule language
    """The key of the index that counts events whose property has a value."""
    return f"{event}\0{property}\0{token(value)}"


def total_key(event: str, property: str) -> str:  # noqa: A002
    """The key of the index that sums a property."""
    return f"{event}\0{property}"


def summand(value: Value) -> Decimal | None:
    """The exact number of a JSON value; None where it is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return Decimal(str(value))


def by_time(events: Iterable[Event]) -> list[Event]:
    """The events in order of time; those of one moment stay in their order of arrival."""
    return sorted(events, key=lambda event: event.time)


def insert_event(contact: Contact, event: Event) -> None:
    """Put an event into the tail in its place in time."""
    tail = contact.tail
    if not tail or event.time >= tail[-1].time:
        tail.append(event)
    else:
        insort_right(tail, event, key=lambda one: one.time)


def spill(contact: Contact, decision: Decision) -> None:
    """Let the oldest events leave a long tail for a stored chunk, and count the chunks that are over the cap."""
    tail = contact.tail
    if len(tail) > TAIL:
        decision.spill = tail[:CHUNK]
        del tail[:CHUNK]
        contact.chunks.append(CHUNK)
    while contact.chunks and sum(contact.chunks) + len(tail) > CAP:
        del contact.chunks[0]
        decision.drop += 1


def add_to_index(index: dict[str, TimedIndex], specs: Sequence[Spec], event: Event) -> None:
    """Count one more event in the indexes that concern it."""
    time = event.time
    for spec in specs:
        amount: Decimal | None = None
        if spec.property is not None:
            value = event.properties.get(spec.property)
            if spec.summed:
                amount = summand(value)
                if amount is None:
                    continue
            elif token(value) != spec.token or spec.property not in event.properties:
                continue
        entry = index.get(spec.key)
        if entry is None:
            entry = index[spec.key] = TimedIndex()
        entry.number += 1
        if amount is not None:
            entry.amount = str(Decimal(entry.amount) + amount)
        if entry.last is None or time >= entry.last:
            entry.last = time
        if entry.first is None or time < entry.first:
            entry.first = time
        if spec.window:
            _add_time(entry, spec, time, amount)


def _add_time(entry: TimedIndex, spec: Spec, time: Millis, amount: Decimal | None) -> None:
    times = entry.times
    gone = (entry.last or time) - spec.window
    if time <= gone:
        return
    place = len(times) if not times or time >= times[-1] else bisect_right(times, time)
    times.insert(place, time)
    if amount is not None:
        entry.values.insert(place, str(amount))
    if times[0] <= gone:
        old = bisect_right(times, gone)
        del times[:old]
        del entry.values[:old]


def carry_over(old: Mapping[str, TimedIndex], wanted: Container[str], events: Sequence[Event]) -> dict[str, TimedIndex]:
    """What the old indexes know of events that are not among `events`, to start new indexes from.

    So counts over all time survive the cap of the history. `wanted` are the keys that the new rulebook keeps.
    """
    kept: dict[str, TimedIndex] = {}
    for key, index in old.items():
        if key not in wanted:
            continue
        event, named, rest = key.partition("\0")
        name, valued, text = rest.partition("\0")
        spec = Spec(
            key=key,
            property=name if named else None,
            token=text if valued else None,
            summed=bool(named) and not valued,
            window=_EVER,
        )
        scratch: dict[str, TimedIndex] = {}
        add_all(scratch, {event: (spec,)}, events)
        present = scratch.get(key, _NOTHING)
        if index.number > present.number:
            kept[key] = _without(index, present)
    return kept


def _without(index: TimedIndex, present: TimedIndex) -> TimedIndex:
    taken = Counter(present.times)
    times: list[Millis] = []
    values: list[Value] = []
    for place, time in enumerate(index.times):
        if taken[time] > 0:
            taken[time] -= 1
            continue
        times.append(time)
        values.extend(index.values[place : place + 1])
    return TimedIndex(
        number=index.number - present.number,
        amount=str(Decimal(index.amount) - Decimal(present.amount)),
        first=index.first,
        last=times[-1] if times else index.first,
        times=times,
        values=values,
    )


def add_all(index: dict[str, TimedIndex], specs: Mapping[str, Sequence[Spec]], events: Iterable[Event]) -> None:
    """Count events in the indexes, in order."""
    for event in events:
        concerned = specs.get(event.name)
        if concerned:
            add_to_index(index, concerned, event)


class History(dict[tuple[str, int | None], int]):
    """The object behind the functions of the rule language, as of a moment.

    It reads the indexes; a use that the rulebook does not have (in a test of a draft, say) is counted from `events`.
    Its items are counts by event and window, worked out when first asked for: many rules ask the same, and a mapping
    answers them in half the time of a call.
    """

    __slots__ = ("_events", "_index", "_kept", "now")

    def __init__(
        self,
        index: Mapping[str, TimedIndex],
        kept: Mapping[str, int],
        now: Millis,
        events: Sequence[Event] = (),
    ) -> None:
        """`kept` maps the keys that the rulebook keeps an index for to their longest windows."""
        super().__init__()
        self._index = index
        self._kept = kept
        self._events = events
        self.now = now

    def __missing__(self, asked: tuple[str, int | None]) -> int:
        event, window = asked
        number = self[asked] = self._count(event, event, None, window)
        return number

    def _find(self, key: str, event: str, property: str | None, window: int | None) -> TimedIndex:  # noqa: A002
        longest = self._kept.get(key)
        if longest is not None and (window is None or window <= longest):
            return self._index.get(key, _NOTHING)
        name, valued, text = key.partition("\0")[2].partition("\0")
        spec = Spec(
            key=key,
            property=property,
            token=text if valued else None,
            summed=bool(name) and not valued,
            window=window or 0,
        )
        scratch: dict[str, TimedIndex] = {}
        add_all(scratch, {event: (spec,)}, (one for one in self._events if one.time <= self.now))
        return scratch.get(key, _NOTHING)

    def count(
        self,
        event: str,
        window_ms: int | None = None,
        property: str | None = None,  # noqa: A002
        value: Value = None,
        has_value: bool = False,
    ) -> int:
        """How many events, ever or with time in (now - window, now]."""
        if has_value and property is not None:
            return self._count(index_key(event, property, value), event, property, window_ms)
        return self[event, window_ms]

    def _count(self, key: str, event: str, property: str | None, window: int | None) -> int:  # noqa: A002
        index = self._find(key, event, property, window)
        if window is None:
            return index.number
        times = index.times
        if not times or times[-1] <= self.now - window:
            return 0
        newest = len(times) if times[-1] <= self.now else bisect_right(times, self.now)
        return newest - bisect_right(times, self.now - window)

    def total(self, event: str, property: str, window_ms: int | None = None) -> Decimal:  # noqa: A002
        """The sum of a numeric property; values that are no numbers add nothing."""
        index = self._find(total_key(event, property), event, property, window_ms)
        if window_ms is None:
            return Decimal(index.amount)
        start = bisect_right(index.times, self.now - window_ms)
        end = bisect_right(index.times, self.now)
        return sum((Decimal(value) for value in index.values[start:end]), Decimal(0))

    def first(self, event: str) -> datetime | None:
        """When the event happened first."""
        moment = self._find(event, event, None, None).first
        return None if moment is None else instant(moment)

    def last(self, event: str) -> datetime | None:
        """When the event happened last."""
        moment = self._find(event, event, None, None).last
        return None if moment is None else instant(moment)

    def next_expiry(
        self,
        event: str,
        window_ms: int | None,
        property: str | None = None,  # noqa: A002
        value: Value = None,
        has_value: bool = False,
    ) -> Millis | None:
        """When the present count, or sum, changes because its oldest event leaves the window; None if never."""
        if window_ms is None:
            return None
        if property is None:
            key = event
        else:
            key = index_key(event, property, value) if has_value else total_key(event, property)
        times = self._find(key, event, property, window_ms).times
        place = bisect_right(times, self.now - window_ms)
        return times[place] + window_ms if place < len(times) else None
