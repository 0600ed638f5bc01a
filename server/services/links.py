"""Links in messages: what a token says is sealed under the installation's key, so nobody else can make or read one.

A token is url-safe text. It holds the delivery, its contact and message, and where it leads; so it works for as long as
the data key is there, whatever has become of the record of the delivery. Only tokens that give something away
(`visitor`, `undo`) end after a while.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from rules.contact import Millis
from server.model.outgoing import MessageDelivery
from server.ports import Clock
from server.store.codec import Sealer, SealError
from server.store.identities import normal_email

__all__ = ["TEST", "Link", "LinkKind", "Links", "Referred", "is_test"]

LinkKind: TypeAlias = Literal["unsubscribe", "open", "click", "visitor", "undo"]

TEST: Final = "test"  # stands for the token in a message that somebody sent to themselves

_LONGEST: Final = 4096  # characters of a token
_VISITOR: Final[Millis] = 30 * 60_000
_UNDO: Final[Millis] = 60 * 60_000


class Link(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """What a token says. `links` is how many different links its message has; `until` 0: for ever."""

    kind: LinkKind
    delivery: str
    contact: str
    message: str
    purpose: str = ""
    target: str = ""
    links: int = 0
    until: Millis = 0


class Referred(NamedTuple):
    """A message that went out: its delivery, its contact, the address that it went to."""

    delivery: str
    contact: str
    address: str


def is_test(delivery: MessageDelivery) -> bool:
    """Whether somebody sent this to themselves: no rule did, so what is pressed in it concerns no contact."""
    return bool(delivery.by) and not delivery.statement


class Links:
    """Makes the links of a message, and reads their tokens. `public_url` has no final slash."""

    def __init__(self, seal: Sealer, clock: Clock, public_url: str) -> None:
        self._seal = seal
        self._clock = clock
        self._url = public_url

    def unsubscribe(self, delivery: MessageDelivery) -> str:
        """The page on which the contact withdraws the purpose of a message, also by one click (RFC 8058)."""
        token = TEST if is_test(delivery) else self._token(_about(delivery, "unsubscribe"))
        return f"{self._url}/unsubscribe/{token}"

    def open(self, delivery: MessageDelivery) -> str:
        """The picture that tells that a message was opened; "" in a test."""
        return "" if is_test(delivery) else f"{self._url}/o/{self._token(_about(delivery, 'open'))}.gif"

    def click(self, delivery: MessageDelivery, url: str, *, links: int = 0) -> str:
        """The link that leads to `url` and tells of it; `links` is how many different ones the message has.

        Our own pages, and links of a test, stay as they are.
        """
        if is_test(delivery) or url.startswith(f"{self._url}/unsubscribe/"):
            return url
        link = msgspec.structs.replace(_about(delivery, "click"), target=url, links=links)
        return f"{self._url}/l/{self._token(link)}"

    def visitor(self, clicked: Link) -> str:
        """A token by which the site, for half an hour, tells whose browser followed a link."""
        link = msgspec.structs.replace(clicked, kind="visitor", target="", until=self._clock.now() + _VISITOR)
        return self._token(link)

    def undo(self, unsubscribed: Link) -> str:
        """A token by which, for an hour, somebody takes back that they unsubscribed."""
        return self._token(msgspec.structs.replace(unsubscribed, kind="undo", until=self._clock.now() + _UNDO))

    def reference(self, delivery: MessageDelivery, address: str) -> str:
        """The name of a message on its channel, always the same: it proves that it is ours and whom it went to."""
        return f"{delivery.id}.{delivery.contact}.{self._proof(delivery.id, delivery.contact, address)}"

    def referred(self, reference: str, addresses: Iterable[str]) -> Referred | None:
        """The message of such a name, and to which of these addresses it went; None where it is not ours or went to
        another."""
        parts = reference.rsplit(".", 2)
        if len(parts) < 3:
            return None
        delivery, contact, proof = parts
        for address in addresses:
            if hmac.compare_digest(proof.encode(), self._proof(delivery, contact, address).encode()):
                return Referred(delivery, contact, address)
        return None

    def _proof(self, delivery: str, contact: str, address: str) -> str:
        return self._seal.digest(f"message:{delivery}:{contact}:{normal_email(address)}")[:16]

    def read(self, token: str, kind: LinkKind) -> Link | None:
        """What a token of this kind says; None where it is not one of ours, or its time is over."""
        if len(token) > _LONGEST or not token.isascii():
            return None
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            link: Link = self._seal.decode("link", sealed, Link)
        except (binascii.Error, ValueError, SealError):
            return None
        if link.kind != kind or (link.until and link.until <= self._clock.now()):
            return None
        return link

    def _token(self, link: Link) -> str:
        return urlsafe_b64encode(self._seal.encode("link", link)).decode().rstrip("=")


def _about(delivery: MessageDelivery, kind: LinkKind) -> Link:
    return Link(
        kind=kind, delivery=delivery.id, contact=delivery.contact, message=delivery.message, purpose=delivery.purpose
    )
