"""E-mail addresses: which can be one, and how it is written on the wire."""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import Final, NamedTuple

import idna

__all__ = ["Mailbox", "mailbox", "usual_address"]

_LOCAL: Final = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x20\x7f]{1,64}")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LONGEST: Final = 254  # RFC 5321, 4.5.3.1.3


class Mailbox(NamedTuple):
    """A name, which may be "", and an address in its usual form."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def usual_address(text: str) -> str:
    """An address with its domain in lower-case ASCII (IDNA 2008); "" where it cannot be one.

    `Zoé@Bücher.example` is `Zoé@xn--bcher-kva.example`. Quoted local parts and address literals are not taken.
    """
    local, at, domain = text.strip().rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or local.startswith(".") or local.endswith(".") or ".." in local:
        return ""
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode() if not domain.isascii() else domain.lower()
    except idna.IDNAError:
        return ""
    labels = ascii_domain.split(".")
    if len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        return ""
    address = f"{local}@{ascii_domain}"
    return address if len(address.encode()) <= _LONGEST else ""


def mailbox(text: str) -> Mailbox:
    """The mailbox of `news@shop.example` or `The shop <news@shop.example>`; raises `ValueError`."""
    name, address = parseaddr(text)
    usual = usual_address(address)
    if not usual or not usual.isascii() or not text.isprintable():
        raise ValueError("must be an address such as news@shop.example or The shop <news@shop.example>")
    return Mailbox(name, usual)
