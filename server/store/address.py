"""How another process of this machine opens the same store."""

from __future__ import annotations

from typing import Literal

import msgspec
from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection, UnixDomainSocketConnection

__all__ = ["Address"]

_KINDS: dict[str, type[Connection | UnixDomainSocketConnection]] = {
    "unix": UnixDomainSocketConnection,
    "tls": SSLConnection,
    "tcp": Connection,
}


class Address(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """Where the data are and the secret key that opens them: handed over in a pipe, never in arguments or a log."""

    kind: Literal["unix", "tls", "tcp"]
    arguments: dict[str, str | int | float | bool]
    secret: bytes

    def __repr__(self) -> str:
        return f"Address({self.kind!r}, …)"

    @classmethod
    def of(cls, redis: Redis, secret: bytes) -> Address:
        """The address of what a client is connected to."""
        pool = redis.connection_pool
        kind = next(kind for kind, made in _KINDS.items() if issubclass(pool.connection_class, made))
        arguments = {
            name: value
            for name, value in pool.connection_kwargs.items()
            if isinstance(value, str | int | float | bool) and name != "decode_responses"
        }
        return cls(kind, arguments, secret)  # type: ignore[arg-type]

    def connect(self) -> Redis:
        """A client; it connects when it is first used."""
        return Redis.from_pool(ConnectionPool(connection_class=_KINDS[self.kind], **self.arguments))
