"""The changes of one batch of a partition, gathered contact by contact and written as one commit."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import NamedTuple

from rules.contact import Alert, Contact, Event, Millis
from rules.decision import Decision
from rules.entry import Absorbed, Entry
from rules.rulebook import Rulebook
from rules.score import highest_score
from server.engine.owned import Owned
from server.store import keys
from server.store.alerts import alert_id
from server.store.codec import Sealer
from server.store.partition import Commit, Transfer
from server.store.wire import Word

__all__ = ["Batch", "Before"]

_STATUSES = ("open", "claimed", "snoozed", "done", "dismissed")
_FAILED = 1000  # entries set aside that are kept for looking at


class Before(NamedTuple):
    """What the indexes held of a contact before the batch."""

    stored: bool  # and not joined into another
    segments: tuple[str, ...]
    lists: tuple[str, ...]
    tenths: int
    changes_at: Millis | None

    @classmethod
    def of(cls, contact: Contact, stored: bool = True) -> Before:
        """What they hold now; ask before the first decision about the contact."""
        return cls(
            stored and not contact.moved_to,
            tuple(contact.segments),
            tuple(contact.lists),
            contact.tenths,
            contact.changes_at,
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
        self._before: dict[str, Before] = {}
        self._changed: dict[str, Contact] = {}
        self._bounded: set[str] = set()
        self._more: list[list[Word]] = []
        self._timers: dict[str, Millis | None] = {}
        self.cursor = owned.cursor
        self.alerts = owned.alerts
        self.rings = False
        self.transfers = False
        self.matched: dict[str, int] = {}
        self.spilled: dict[str, list[Event]] = {}

    @property
    def empty(self) -> bool:
        return not self._changed and not self._more and not self._timers and self.cursor == self.owned.cursor

    @property
    def changed(self) -> dict[str, Contact]:
        """The contacts that are to be written."""
        return self._changed

    def touch(self, contact: Contact, stored: bool) -> None:
        """Remember what the indexes hold of a contact; call before the first decision about it."""
        if contact.id not in self._before:
            self._before[contact.id] = Before.of(contact, stored)

    def take(self, contact: Contact, decision: Decision, before: Before, *, bounded: bool) -> None:
        """Take in the one decision that this batch has about a contact, which was `before`.

        `bounded`: nothing has happened that may raise its score, so what indexes hold is still an upper bound.
        """
        self._before.setdefault(contact.id, before)
        if bounded:
            self._bounded.add(contact.id)
        self.add(contact, decision)

    def add(self, contact: Contact, decision: Decision) -> None:
        """Take in a decision about a contact."""
        for rule in decision.matched:
            self.matched[rule] = self.matched.get(rule, 0) + 1
        for mishap in decision.mishaps:
            name = f"{mishap.rule}\n{'missing' if mishap.kind == 'missing' else 'error'}"
            self.matched[name] = self.matched.get(name, 0) + 1
        for trait in decision.undeclared:
            self.matched["\n" + trait] = self.matched.get("\n" + trait, 0) + 1
        if not decision.changed:
            return
        partition = self.owned.partition
        self._changed[contact.id] = contact
        if decision.spill:
            self.spilled.setdefault(contact.id, []).extend(decision.spill)
            self._command("RPUSH", keys.history(partition, contact.id), self._seal.encode("history", decision.spill))
        if decision.drop:
            self._command("LTRIM", keys.history(partition, contact.id), decision.drop, -1)
        for alert in decision.alerts:
            self._raise(alert)

    def drop(self, contact_id: str) -> None:
        """Leave a contact as it was."""
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
        commands = commit.commands
        start, crc32, count, more = keys.contacts_start(partition), zlib.crc32, self._partitions, 0
        for contact in self._changed.values():
            contact_id = contact.id
            bucket = crc32(contact_id.encode()) // count % keys.BUCKETS
            commands.append(["HSET", f"{start}{bucket}", contact_id, self._seal.encode("contact", contact)])
            more -= self._before[contact_id].stored
            if not contact.moved_to:
                more += 1
                self._index(contact, commands)
            else:
                self._unindex(contact_id, commands)
        if more:
            commands.append(["HINCRBY", keys.meta(partition), "contacts", more])
        for contact_id, at in self._timers.items():
            commands.append(_timer(partition, contact_id, at))
        commands += self._more
        if self.alerts != owned.alerts:
            commands.append(["HSET", keys.meta(partition), "alerts", self.alerts])
        if self.cursor != owned.cursor:
            commands.append(["XTRIM", keys.log(partition), "MINID", _behind(self.cursor)])
        return commit

    def _index(self, contact: Contact, commands: list[list[Word]]) -> None:
        partition, before = self.owned.partition, self._before[contact.id]
        if contact.changes_at != before.changes_at:
            commands.append(_timer(partition, contact.id, contact.changes_at))
        if not (contact.segments or contact.lists or before.segments or before.lists):
            return
        bound = highest_score(contact, self._book, self._now(), self._timezone)
        moved = contact.tenths != before.tenths or (bound != contact.tenths and contact.id not in self._bounded)
        for known, present, key in (
            (before.segments, contact.segments, keys.segment),
            (before.lists, contact.lists, keys.list_index),
        ):
            for name in present:
                if moved or name not in known:
                    commands.append(["ZADD", key(partition, name), bound, contact.id])
            for name in known:
                if name not in present:
                    commands.append(["ZREM", key(partition, name), contact.id])

    def _unindex(self, contact_id: str, commands: list[list[Word]]) -> None:
        partition, before = self.owned.partition, self._before[contact_id]
        for name in before.segments:
            commands.append(["ZREM", keys.segment(partition, name), contact_id])
        for name in before.lists:
            commands.append(["ZREM", keys.list_index(partition, name), contact_id])

    def _raise(self, alert: Alert) -> None:
        partition = self.owned.partition
        if not alert.id:
            self.alerts += 1
            alert.id = alert_id(self.alerts, partition, self._partitions)
        self._command("SET", keys.alert(partition, alert.id), self._seal.encode("alert", alert))
        for status in _STATUSES:
            if status != alert.status:
                self._command("ZREM", keys.alerts(partition, status), alert.id)
        self._command("ZADD", keys.alerts(partition, alert.status), alert.created, alert.id)
        team = self._book.teams.get(alert.team)
        places = [f"{target.platform}:{target.address}" for target in team.targets] if team else []
        for place in (*places, "terminal:"):
            if not place.startswith("email:"):
                self._command("ZADD", keys.due(partition), self._now(), f"card:{alert.id}:{place}")
        self.rings = True

    def _transfer(self, transfer: Transfer) -> None:
        self._command("RPUSH", keys.transfers(self.owned.partition), self._seal.encode("transfer", transfer))
        self.transfers = True

    def _command(self, *words: Word) -> None:
        self._more.append(list(words))


def _timer(partition: int, contact: str, at: Millis | None) -> list[Word]:
    name = keys.timers(partition)
    return ["ZREM", name, contact] if at is None else ["ZADD", name, at, contact]


def _behind(cursor: str) -> str:
    """The first id behind a stream id."""
    left, _, right = cursor.partition("-")
    return f"{left}-{int(right) + 1}"
