"""The mail server that e-mail is handed to, as its URL says."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["CONNECTIONS", "Relay", "read_relay"]

Encryption: TypeAlias = Literal["tls", "required", "optional", "off"]

CONNECTIONS: Final = 8  # to the mail server, from one process

_EXAMPLE: Final = "must be smtp://user:password@host:587 or smtps://user:password@host"
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")


class Relay(NamedTuple):
    """`tls` from the first byte; else STARTTLS `required`, `optional` (where the server offers it) or `off`."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    encryption: Encryption = "optional"
    verify: bool = True  # the server's certificate


def read_relay(url: str) -> Relay:
    """The relay of `smtp://user:password@host:587?starttls=off&verify=off`; raises `ValueError`, which holds no secret.

    With a password STARTTLS is required, unless the server is on this machine or the URL says otherwise; the
    certificate of one on this machine is not verified.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise ValueError(_EXAMPLE) from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError(_EXAMPLE)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise ValueError("needs both a user and a password, or neither")
    here = parts.hostname in _LOCAL
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    starttls, verify = options.pop("starttls", ""), options.pop("verify", "off" if here else "on")
    if options or verify not in ("on", "off") or starttls not in ("", "required", "optional", "off"):
        raise ValueError("knows the options starttls=required, optional or off, and verify=off")
    encryption: Encryption = "required" if password and not here else "optional"
    if parts.scheme == "smtps":
        if starttls:
            raise ValueError("is smtps, which is encrypted from the start: take starttls out")
        encryption = "tls"
    elif starttls:
        encryption = starttls  # type: ignore[assignment]
    return Relay(
        parts.hostname, port or (465 if encryption == "tls" else 587), user, password, encryption, verify == "on"
    )
