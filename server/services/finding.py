"""Finding a contact by part of a name, or by a telephone number.

Identities are indexed by keyed hash, which allows no parts; so contacts are read. First those with an alert that is not
over, the newest five hundred, then all others, twenty thousand of them at most: `Found` says how far that went.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final

import msgspec

from rules.contact import Contact, Millis, Value
from rules.rulebook import Rulebook
from server.model.actor import Actor
from server.services.access import require
from server.services.alerts import LIVE
from server.services.rulebooks import Rulebooks
from server.store.store import Store

__all__ = ["Finding", "Found"]

ALERTS: Final = 500
CONTACTS: Final = 20_000
MOST: Final = 20  # that are given
_SLICE: Final = 500
_SHORTEST: Final = 2  # letters
_DIGITS: Final = 6  # of a telephone number
_SAME: Final = 9  # last digits that tell two numbers apart: before them stand a 0, or the country
_NAMES: Final = re.compile(r"(?:first|last|full|sur|given|family|display|company)?_?name|prenom|nom|company|entreprise")
_PHONES: Final = re.compile(r"phone|mobile|telephone|(?:^|_)tel(?:$|_)|portable")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of contacts; how many contacts were read, of how many."""

    contacts: list[str]
    searched: int
    of: int


class _Face(msgspec.Struct, array_like=True):
    """The beginning of a contact, as `rules.contact.Contact` has it: all that is compared."""

    id: str
    schema: int = 1
    version: int = 0
    created: Millis = 0
    last_seen: Millis = 0
    identities: list[tuple[str, str]] = msgspec.field(default_factory=list)
    attributes: dict[str, Value] = msgspec.field(default_factory=dict)


class Finding:
    """Reads contacts until enough are found."""

    def __init__(self, store: Store, rulebooks: Rulebooks) -> None:
        self._store = store
        self._rulebooks = rulebooks

    async def find(self, actor: Actor, text: str) -> Found:
        """The contacts whose names hold all these words, or whose telephone number ends so. Raises `Forbidden`."""
        require(actor, "read", "rep")
        fits = _test(text, await self._rulebooks.live())
        every = await self._store.contacts.count()
        if fits is None:
            return Found(contacts=[], searched=0, of=every)
        alerts, _ = await self._store.alerts.listing(LIVE, ALERTS)
        ids = list(dict.fromkeys(alert.contact for alert in alerts))
        hot = await self._store.contacts.load_many(ids)
        found = [one.id for one in hot if one is not None and not one.moved_to and fits(one.attributes)][:MOST]
        searched = await self._scan(fits, found) if len(found) < MOST else len(ids)
        return Found(contacts=found[:MOST], searched=min(max(searched, len(ids)), every), of=every)

    async def _scan(self, fits: Callable[[dict[str, Any]], bool], found: list[str]) -> int:
        """Read contacts slice by slice, adding to `found`; how many were read."""
        contacts, read = self._store.contacts, 0
        for partition in range(self._store.partitions):
            bucket: int | None = 0
            while bucket is not None:
                some = await contacts.slice(partition, bucket, _SLICE)
                for _, sealed in some.sealed:
                    one = contacts.look(sealed, _Face, lambda face: not fits(face.attributes))
                    if isinstance(one, Contact) and not one.moved_to and one.id not in found:
                        found.append(one.id)
                read += len(some.sealed)
                if len(found) >= MOST or read >= CONTACTS:
                    return read
                bucket = some.next
                await asyncio.sleep(0)
        return read


def _test(text: str, book: Rulebook) -> Callable[[dict[str, Any]], bool] | None:
    """Whether attributes fit what is looked for; None where that is too short to look for."""
    digits = re.sub(r"\D", "", text)
    if len(digits) >= _DIGITS and not re.search(r"[^\W\d_]", text):
        phones = [name for name in book.attributes if _PHONES.search(name)]
        end = digits[-_SAME:]
        return lambda attributes: any(_digits(attributes.get(name)).endswith(end) for name in phones)
    words = _fold(text).split()
    if not any(len(word) >= _SHORTEST for word in words):
        return None
    names = [each.name for each in book.attributes.values() if each.shown_in_alerts or _NAMES.fullmatch(each.name)]

    def named(attributes: dict[str, Any]) -> bool:
        said = _fold(" ".join(str(attributes[name]) for name in names if attributes.get(name)))
        return bool(said) and all(word in said for word in words)

    return named


def _digits(value: Any) -> str:
    return re.sub(r"\D", "", value) if isinstance(value, str) else ""


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if not unicodedata.combining(letter))
