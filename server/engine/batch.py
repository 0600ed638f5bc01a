"""The changes of one batch of a partition, gathered contact by contact and written as one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple
from zlib import crc32

from rules.contact import Alert, Contact, Event, Millis
from rules.decision import Decision
from rules.entry import Absorbed, Entry
from rules.planning import plan_of
from rules.rulebook import Rulebook
from rules.score import highest_score
from server.engine.dated import zone_of
from server.engine.owned import Owned
from server.engine.sends import RunTally, places_of, send
from server.store import keys
from server.store.alerts import alert_id
from server.store.codec import Sealer
from server.store.keys import BUCKETS
from server.store.partition import Commit, Transfer
from server.store.sweeps import AgendaChange
from server.store.wire import Word

__all__ = ["AHEAD", "Batch", "Before"]

_STATUSES = ("open", "claimed", "snoozed", "done", "dismissed")
AHEAD: Millis = 600_000  # that a card on which somebody acted comes before those that came by themselves
_FAILED = 1000  # entries set aside that are kept for looking at


class Before(NamedTuple):
    """What the indexes held of a contact before the batch."""

    stored: bool  # and not joined into another
    segments: tuple[str, ...]
    lists: tuple[str, ...]
    tenths: int
    changes_at: Millis | None
    zone: str = ""
    runs: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @classmethod
    def of(cls, contact: Contact, stored: bool = True) -> Before:
        """What they hold now; ask before the first decision about the contact."""
        return cls(
            stored and not contact.moved_to,
            tuple(contact.segments),
            tuple(contact.lists),
            contact.tenths,
            contact.changes_at,
            zone_of(contact),
            places_of(contact.runs),
        )


class Batch:
    """Collects what entries and moments change; `commit` is all of it, as commands of one Lua call."""

    def __init__(
        self, owned: Owned, seal: Sealer, partitions: int, book: Rulebook, now: Callable[[], Millis], timezone: str
    ) -> None:
        self.owned = owned
        self._seal = seal
        self._partitions = partitions
        self._book = book
        self._now = now
        self._timezone = timezone
        self.moment = now()
        self._before: dict[str, Before] = {}
        self._changed: dict[str, Contact] = {}
        self._bounded: set[str] = set()
        self._sealed: set[str] = set()
        self._contacts: list[Word] = []  # bucket, id and bytes of contacts that are sealed
        self._more: list[Word] = []
        self._present = 0  # contacts that came, less those that went
        self._ages = bool(plan_of(book).ageing)
        self._timers: dict[str, Millis | None] = {}
        self.cursor = owned.cursor
        self.alerts = owned.alerts
        self.rings = False
        self.transfers = False
        self.agenda = AgendaChange()
        self._tally = RunTally()
        self.matched: list[str] = []  # names to be counted, as `Stats` has them
        self.spilled: dict[str, list[Event]] = {}

    @property
    def empty(self) -> bool:
        moved = self.cursor != self.owned.cursor
        return not (self._changed or self._more or self._timers or moved) and self.agenda.empty

    @property
    def changed(self) -> dict[str, Contact]:
        """The contacts that are to be written."""
        return self._changed

    def touch(self, contact: Contact, stored: bool, before: Before | None = None) -> None:
        """Remember what the indexes hold of a contact; call before the first decision about it, or say what it was."""
        if contact.id not in self._before:
            self._before[contact.id] = before or Before.of(contact, stored)

    def take(self, contact: Contact, decision: Decision, before: Before, *, bounded: bool, entry_id: str = "") -> None:
        """Take in the one decision that this batch has about a contact, which was `before`.

        `bounded`: nothing has happened that may raise its score, so what indexes hold is still an upper bound.
        """
        self._before.setdefault(contact.id, before)
        if bounded:
            self._bounded.add(contact.id)
        self.add(contact, decision, entry_id)
        self.seal(contact)

    def add(self, contact: Contact, decision: Decision, entry_id: str = "", *, acted: bool = False) -> None:
        """Take in a decision about a contact; `entry_id` is the cause of what it sends, which is what somebody did
        (`acted`), or what came by itself."""
        self.matched += decision.matched
        if decision.mishaps:
            self.matched += (
                f"{mishap.rule}\n{'missing' if mishap.kind == 'missing' else 'error'}" for mishap in decision.mishaps
            )
        if decision.loops:
            self.matched += (f"{rule}\nloop" for rule in decision.loops)
        if decision.undeclared:
            self.matched += ("\n" + trait for trait in decision.undeclared)
        if not decision.changed:
            return
        assert contact.id not in self._sealed  # what is written of it would be old
        partition = self.owned.partition
        self._changed[contact.id] = contact
        if decision.spill:
            self.spilled.setdefault(contact.id, []).extend(decision.spill)
            self._command("RPUSH", keys.history(partition, contact.id), self._seal.encode("history", decision.spill))
        if decision.drop:
            self._command("LTRIM", keys.history(partition, contact.id), decision.drop, -1)
        for alert in decision.alerts:
            self._raise(alert, acted)
        if decision.runs:
            self._tally.note(decision.runs)
        if decision.sends:
            for command in send(partition, self._seal, contact, decision.sends, entry_id, self._now()):
                self._command(*command)
            self.rings = True

    def seal(self, contact: Contact) -> None:
        """Encode a contact about which this batch decides no more, while it is still in the processor's cache."""
        contact_id = contact.id
        if contact_id not in self._changed:
            return
        self._sealed.add(contact_id)
        bucket = crc32(contact_id.encode()) // self._partitions % BUCKETS
        self._contacts += (bucket, contact_id, self._seal.encode("contact", contact))
        before = self._before[contact_id]
        self._present -= before.stored
        if contact.moved_to:
            self._unindex(contact_id, before)
            self._shift(before, "", ())
            return
        self._present += 1
        self._index(contact, before)
        zone = zone_of(contact)
        if zone != before.zone or contact.runs or before.runs:
            self._shift(before, zone, places_of(contact.runs))

    def _shift(self, before: Before, zone: str, runs: tuple[tuple[str, tuple[int, ...]], ...]) -> None:
        """Count a contact in its time zone, and its runs where they wait."""
        if zone != before.zone:
            self.agenda.move(before.zone, zone)
        if runs != before.runs:
            self._tally.move(before.runs, runs)

    def drop(self, contact_id: str) -> None:
        """Leave a contact, which is not sealed yet, as it was."""
        self._changed.pop(contact_id, None)

    def forward(self, contact: Contact, entry_id: str, entry: Entry) -> None:
        """Send an entry on to the contact that this one was joined into."""
        origin = f"{self.owned.partition}:{entry_id}"
        self._transfer(Transfer(origin, contact.moved_to, contact.id, entry))

    def send_snapshot(self, contact: Contact, entry_id: str, absorbed: Absorbed) -> None:
        """A contact became a tombstone: its snapshot travels, its indexes and chunks go."""
        partition = self.owned.partition
        origin = f"{partition}:{entry_id}"
        self._transfer(Transfer(origin, contact.moved_to, contact.id, absorbed))
        self._command("DEL", keys.history(partition, contact.id))
        self._command("HSET", keys.joined(partition), contact.id, contact.moved_to)
        self._command("ZREM", keys.timers(partition), contact.id)
        there = keys.partition_of(contact.moved_to, self._partitions)
        if there != partition:
            for alert in absorbed.snapshot.alerts.values():
                self._command("SET", keys.alert(partition, alert.id), ">" + contact.moved_to)
                for status in _STATUSES:
                    self._command("ZREM", keys.alerts(partition, status), alert.id)
                self._command("ZREM", keys.tasks(partition), alert.id)
                self._command("ZREM", keys.reminders(partition), alert.id)

    def set_aside(self, entry_id: str, contact: str, sealed: bytes, reason: str) -> None:
        """Keep an entry that could not be applied, for looking at and replaying."""
        name = keys.failed(self.owned.partition)
        record = (entry_id, contact, reason, self._now(), sealed)
        self._command("LPUSH", name, self._seal.encode("failed", record))
        self._command("LTRIM", name, 0, _FAILED - 1)

    def look_again(self, contact: str, at: Millis | None) -> None:
        """Mend a timer that says another moment than the contact does."""
        self._timers[contact] = at

    def recomputed(self) -> None:
        """Write down how far the recompute of the partition is."""
        own = self.owned
        words: list[Word] = ["recompute", own.recomputed, "done", own.done, "left", own.left]
        words += ["bucket", "" if own.bucket is None else own.bucket]
        if own.bucket is None:
            words += ["base", own.base]
        self._command("HSET", keys.meta(own.partition), *words)

    def commit(self) -> Commit:
        """Everything, as one commit."""
        partition, owned = self.owned.partition, self.owned
        commit = Commit(partition=partition, token=owned.token, before=owned.cursor, after=self.cursor)
        for contact in self._changed.values():
            if contact.id not in self._sealed:
                self.seal(contact)
        if self._present:
            self._command("HINCRBY", keys.meta(partition), "contacts", self._present)
        for contact_id, at in self._timers.items():
            self._more += _timer(partition, contact_id, at)
        for command in self._tally.commands(partition):
            self._command(*command)
        for words in owned.agenda.commands(self.agenda, partition, self._seal, self.moment):
            self._command(*words)
        if self.alerts != owned.alerts:
            self._command("HSET", keys.meta(partition), "alerts", self.alerts)
        if self.cursor != owned.cursor:
            self._command("XTRIM", keys.log(partition), "MINID", _behind(self.cursor))
        commit.contacts, commit.commands = self._contacts, self._more
        return commit

    def _index(self, contact: Contact, before: Before) -> None:
        partition, words = self.owned.partition, self._more
        _, segments, lists, tenths, changes_at = before[:5]
        if contact.changes_at != changes_at:
            words += _timer(partition, contact.id, contact.changes_at)
        if not (contact.segments or contact.lists or segments or lists):
            return
        bound = contact.tenths
        if self._ages:
            bound = highest_score(contact, self._book, self._now(), self._timezone)
        moved = contact.tenths != tenths or (bound != contact.tenths and contact.id not in self._bounded)
        for known, present, key in (
            (segments, contact.segments, keys.segment),
            (lists, contact.lists, keys.list_index),
        ):
            for name in present:
                if moved or name not in known:
                    words += (4, "ZADD", key(partition, name), bound, contact.id)
            for name in known:
                if name not in present:
                    words += (3, "ZREM", key(partition, name), contact.id)

    def _unindex(self, contact_id: str, before: Before) -> None:
        partition, words = self.owned.partition, self._more
        for name in before.segments:
            words += (3, "ZREM", keys.segment(partition, name), contact_id)
        for name in before.lists:
            words += (3, "ZREM", keys.list_index(partition, name), contact_id)

    def _raise(self, alert: Alert, acted: bool) -> None:
        partition = self.owned.partition
        if not alert.id:
            self.alerts += 1
            alert.id = alert_id(self.alerts, partition, self._partitions)
        else:
            for status in _STATUSES:
                if status != alert.status:
                    self._command("ZREM", keys.alerts(partition, status), alert.id)
        self._command("SET", keys.alert(partition, alert.id), self._seal.encode("alert", alert))
        self._command("ZADD", keys.alerts(partition, alert.status), alert.created, alert.id)
        if alert.kind == "task":
            name = keys.tasks(partition)
            if alert.status in ("done", "dismissed"):
                self._command("ZREM", name, alert.id)
            else:
                self._command("ZADD", name, alert.due, alert.id)
        again = alert.until if alert.status == "snoozed" else alert.due
        if again > self._now():
            self._command("ZADD", keys.reminders(partition), again, alert.id)
        self._command("ZADD", keys.due(partition), *self._cards(alert, self._now() - (AHEAD if acted else 0)))
        self.rings = True

    def _cards(self, alert: Alert, due: Millis) -> Iterator[Word]:
        """An alert's cards, each behind the moment at which it is due."""
        teams = [self._book.teams[name] for name in (alert.team, *alert.also) if name in self._book.teams]
        places = dict.fromkeys(f"{target.platform}:{target.address}" for team in teams for target in team.targets)
        for place in (*places, "terminal:"):
            yield due
            yield f"card:{alert.id}:{place}"

    def _transfer(self, transfer: Transfer) -> None:
        self._command("RPUSH", keys.transfers(self.owned.partition), self._seal.encode("transfer", transfer))
        self.transfers = True

    def _command(self, *words: Word) -> None:
        self._more.append(len(words))
        self._more += words


def _timer(partition: int, contact: str, at: Millis | None) -> tuple[Word, ...]:
    """A command with its length before it."""
    name = keys.timers(partition)
    return (3, "ZREM", name, contact) if at is None else (4, "ZADD", name, at, contact)


def _behind(cursor: str) -> str:
    """The first id behind a stream id."""
    left, _, right = cursor.partition("-")
    return f"{left}-{int(right) + 1}"
