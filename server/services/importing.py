"""One try of an import: rows into the logs, a thousand at a time; while some are written, the next are read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

from rules.contact import Millis
from rules.entry import EventReceived
from server.errors import FieldError, Invalid
from server.model.actor import Actor
from server.ports import Clock
from server.services.columns import Columns, Reading
from server.services.consents import ConsentRequest, Consents
from server.services.joining import Joining
from server.services.tables import Row
from server.store.identities import Caller
from server.store.imports import Checkpoint
from server.store.store import Store

__all__ = ["BadRow", "Ground", "Importing", "Order", "Rows"]

_CHUNK: Final = 1000  # rows
_AT_ONCE: Final = 50  # consents that are written at the same time

Read: TypeAlias = Callable[[Row], Reading]
Rows: TypeAlias = Iterator[Row]


class BadRow(NamedTuple):
    """A row that could not be taken, and why; nothing of it was taken."""

    row: Row
    reason: str


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """That every contact of the file has consented to purposes, and on what ground that is said."""

    purposes: tuple[str, ...]
    statement: str


class Order(NamedTuple):
    """What is to be done: the import's name, what its columns mean, by whom, from which source."""

    digest: str
    columns: Columns
    ground: Ground | None
    actor: Actor
    source: str


class _Chunk(NamedTuple):
    """Rows that were read, and whom they are about."""

    last: int
    rows: list[int]
    readings: list[Reading]
    bad: list[BadRow]


class Importing:
    """Takes the rows behind a checkpoint; `at` is how far it is. Whatever it has written down need not be done again.

    `bad` takes the rows that cannot be taken, and says how long the file is that they are in.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        consents: Consents,
        joining: Joining,
        order: Order,
        read: Read,
        bad: Callable[[Sequence[BadRow]], int],
    ) -> None:
        self._store = store
        self._clock = clock
        self._consents = consents
        self._joining = joining
        self._order = order
        self._read = read
        self._bad = bad
        self.at = Checkpoint()
        self.granted = 0
        self.refused = 0

    async def take(self, rows: Rows, at: Checkpoint, told: Callable[[], None], backlog: int) -> None:
        """Take all rows; `told` is called as it goes on. Raises `Unavailable`."""
        self.at = at
        writing: asyncio.Task[None] | None = None
        try:
            for some in _chunks(rows, at.row):
                chunk = self._chunk(some)
                contacts, emails = await self._resolve(chunk.readings)
                if writing is not None:
                    await writing
                told()
                if backlog:
                    await self._quiet(backlog)
                writing = asyncio.create_task(self._write(chunk, contacts, emails))
                await asyncio.sleep(0)  # so that it is under way before the processor is taken
            if writing is not None:
                await writing
        finally:
            if writing is not None and not writing.done():
                await asyncio.wait({writing})
        told()

    def look(self, rows: Rows, told: Callable[[], None]) -> None:
        """A dry run: read everything, write nothing."""
        for some in _chunks(rows, 0):
            chunk = self._chunk(some)
            self._bad(chunk.bad)
            self._note(chunk, 0)
            told()

    def _chunk(self, rows: Sequence[Row]) -> _Chunk:
        numbers: list[int] = []
        readings: list[Reading] = []
        bad: list[BadRow] = []
        for row in rows:
            if row.problem:
                bad.append(BadRow(row, row.problem))
                continue
            try:
                readings.append(self._read(row))
                numbers.append(row.number)
            except Invalid as problem:
                wrong = problem.errors or [FieldError("", problem.message)]
                bad.append(BadRow(row, "; ".join(f"{one.path} {one.message}".strip() for one in wrong)))
        return _Chunk(rows[-1].number, numbers, readings, bad)

    async def _resolve(self, readings: Sequence[Reading]) -> tuple[list[str], list[tuple[str, str]]]:
        """The contact of each reading, made where there is none; and the addresses that name another contact."""
        identities = self._store.identities
        contacts = [""] * len(readings)
        named = [place for place, one in enumerate(readings) if one.user or one.anonymous]
        callers = [Caller(readings[place].user, readings[place].anonymous) for place in named]
        for place, who in zip(named, await identities.resolve_many(callers) if callers else (), strict=True):
            contacts[place] = who.contact
            if who.joins:
                await self._joining.join(who.joins, who.contact)
        addressed = [place for place, one in enumerate(readings) if one.email]
        addressed.sort(key=lambda place: not contacts[place])  # whoever has a contact gives it to the address
        claims = [("email", readings[at].email, contacts[at] or identities.new_id(True)) for at in addressed]
        emails: list[tuple[str, str]] = []
        for place, holder in zip(addressed, await identities.claim_many(claims) if claims else (), strict=True):
            if contacts[place] and holder != contacts[place]:
                emails.append((contacts[place], readings[place].email))
            contacts[place] = contacts[place] or holder
        return contacts, emails

    async def _write(self, chunk: _Chunk, contacts: Sequence[str], emails: Sequence[tuple[str, str]]) -> None:
        received, order = self._clock.now(), self._order
        silent = order.columns.kind == "contacts"
        prefix = f"{order.digest[:16]}:{self.at.started}:"
        await self._store.log.append([
            (contact, _entry(one, received, one.message_id or f"{prefix}{row}", order.source, silent))
            for row, one, contact in zip(chunk.rows, chunk.readings, contacts, strict=True)
        ])  # fmt: skip
        for contact, address in emails:
            await self._joining.claim_email(contact, address)
        if order.ground is not None:
            await self._grant(order.ground, chunk.readings, contacts)
        self._note(chunk, self._bad(chunk.bad))
        await self._store.imports.save(order.digest, self.at)

    def _note(self, chunk: _Chunk, place: int) -> None:
        self.at = msgspec.structs.replace(
            self.at,
            row=chunk.last,
            taken=self.at.taken + len(chunk.readings),
            bad=self.at.bad + len(chunk.bad),
            place=place,
        )

    async def _grant(self, ground: Ground, readings: Sequence[Reading], contacts: Sequence[str]) -> None:
        """Record the stated consents of those of whom nothing is known. A denial or a withdrawal stands."""
        times = {contact: one.time for contact, one in zip(contacts, readings, strict=True)}
        wanted = [(contact, purpose) for contact in times for purpose in ground.purposes]
        actor = msgspec.structs.replace(self._order.actor, scopes=(*self._order.actor.scopes, "consent"))

        async def one(contact: str, purpose: str) -> None:
            known = (await self._store.consents.sheet(contact)).purposes.get(purpose)
            if known is None:
                said = f"import: {ground.statement}"
                request = ConsentRequest(purpose=purpose, action="grant", source=said, time=times[contact])
                await self._consents.record(actor, contact, request)
                self.granted += 1
            elif known.status in ("denied", "withdrawn"):
                self.refused += 1

        for start in range(0, len(wanted), _AT_ONCE):
            await asyncio.gather(*(one(*pair) for pair in wanted[start : start + _AT_ONCE]))

    async def _quiet(self, backlog: int) -> None:
        """Wait while more entries than that wait in the logs and somebody works on them."""
        before = await self._store.log.lag()
        while before > backlog:
            await asyncio.sleep(0.25)
            now = await self._store.log.lag()
            if now >= before:
                return
            before = now


def _entry(one: Reading, received: Millis, message_id: str, source: str, silent: bool) -> EventReceived:
    identities: tuple[tuple[str, str], ...] = ()
    for namespace in ("user", "anonymous", "email"):
        if value := getattr(one, namespace):
            identities += ((namespace, value),)
    return EventReceived(
        name="identify" if silent else one.event,
        time=received if one.time is None else min(one.time, received),
        received=received,
        message_id=message_id,
        properties={} if silent else one.values,
        traits=one.values if silent else {},
        identities=identities,
        locale=one.locale,
        timezone=one.timezone,
        source=source,
        history_only=True,
        silent=silent,
    )


def _chunks(rows: Rows, after: int) -> Iterator[list[Row]]:
    """The rows behind a number, so many at a time."""
    chunk: list[Row] = []
    for row in rows:
        if row.number <= after:
            continue
        chunk.append(row)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
