"""Sources of events and keys of programs."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

from rules.intake import OURS
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.model.actor import Actor
from server.model.source import SCOPES, ApiKey, Scope, Source, SourceKind
from server.ports import Clock
from server.services.recent import Recent
from server.store.sources import Sources as Kept
from server.store.store import Store

__all__ = ["BROWSER_RATE", "Sources"]

BROWSER_RATE = 500  # events a second: the key is public, and anybody can send with it
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Sources:
    """Adds them, and knows them by their keys. Keys are shown once, when they are made, and kept as keyed hashes."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._kept = Kept(store.redis, store.seal)
        self._clock = clock
        self._sources: Recent[str, Source] = Recent(clock, self._kept.find)
        self._actors: Recent[str, Actor] = Recent(clock, self._find_actor)

    async def add(self, name: str, kind: SourceKind = "server", *, rate: int | None = None) -> str:
        """Add a source and return its write key.

        `rate` is the number of events a second that it may send, 0 for any; by default a browser source has a limit
        and a server source has none. Raises `Invalid` for a name that cannot be one, `Conflict` where it is taken.
        """
        _check_name(name)
        if name == OURS:
            message = "events that Relance makes itself bear this name; choose another"
            raise Invalid(message, [FieldError("name", message)], code="wrong_name")
        if rate is None:
            rate = BROWSER_RATE if kind == "browser" else 0
        source = Source(name=name, kind=kind, rate=rate, created=self._clock.now())
        write_key = secrets.token_hex(16)
        if not await self._kept.add(source, write_key):
            raise Conflict(f"there is a source {name} already; choose another name", code="name_taken", name=name)
        return write_key

    async def authenticate(self, write_key: str) -> Source | None:
        """The source that a write key belongs to."""
        return await self._sources.get(write_key) if _could_be_key(write_key) else None

    async def all(self) -> list[Source]:
        return await self._kept.all()

    async def remove(self, name: str) -> None:
        """Take a source's key away, everywhere within seconds. Raises `NotFound`."""
        if not await self._kept.remove(name):
            raise NotFound("there is no such source; `relance source list` shows them", code="no_source")
        self._sources.forget()

    async def add_key(self, name: str, scopes: Sequence[Scope]) -> str:
        """Add an API key with these scopes and return it. Raises `Invalid`."""
        _check_name(name)
        if not scopes or any(scope not in SCOPES for scope in scopes):
            message = f"scopes are some of {', '.join(SCOPES)}"
            raise Invalid(message, [FieldError("scopes", message)], code="wrong_scopes")
        key = "rk_" + secrets.token_hex(24)
        ordered = tuple(scope for scope in SCOPES if scope in scopes)
        await self._kept.add_key(ApiKey(name=name, scopes=ordered, created=self._clock.now()), key)
        return key

    async def authenticate_key(self, key: str) -> Actor | None:
        """Who acts with an API key."""
        return await self._actors.get(key) if _could_be_key(key) else None

    async def keys(self) -> list[ApiKey]:
        """What each API key may do, by name."""
        return sorted((await self._kept.all_keys()).values(), key=lambda key: key.name)

    async def remove_key(self, name: str) -> None:
        """Take the API keys of this name away, everywhere within seconds. Raises `NotFound`."""
        fields = [field for field, key in (await self._kept.all_keys()).items() if key.name == name]
        if not fields:
            raise NotFound("there is no such key; `relance key list` shows them", code="no_key")
        await self._kept.remove_keys(fields)
        self._actors.forget()

    async def _find_actor(self, key: str) -> Actor | None:
        found = await self._kept.find_key(key)
        if found is None:
            return None
        return Actor(id=f"key:{found.name}", name=found.name, scopes=found.scopes, via="http")


def _could_be_key(text: str) -> bool:
    return text.isascii() and 0 < len(text) <= 100


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        message = "a name has up to 64 letters, digits, `-`, `_` and `.`"
        raise Invalid(message, [FieldError("name", message)], code="wrong_name")
