"""Where events come from, and the keys of programs."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from rules.contact import Millis

__all__ = ["SCOPES", "ApiKey", "Scope", "Source", "SourceKind"]

SourceKind: TypeAlias = Literal["server", "browser"]
Scope: TypeAlias = Literal["read", "write", "rules", "consent", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "write", "rules", "consent", "admin")


class Source(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """A sender of events. A `browser` source's key is public: what it says is not trusted like a `server` source's.

    `rate` is the number of events a second that it may send; 0: no limit.
    """

    name: str
    kind: SourceKind = "server"
    rate: int = 0
    created: Millis = 0


class ApiKey(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """What a program may do with a key; the key itself is known by its keyed hash alone."""

    name: str
    scopes: tuple[Scope, ...]
    created: Millis = 0
