"""The inbox on the site: a contact's token, and what it opens."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Final

import msgspec

from rules.contact import Contact, Millis
from server.errors import NotFound, Unauthorized
from server.model.actor import Actor
from server.ports import Clock
from server.services.access import require
from server.services.contacts import Contacts
from server.services.views import moment
from server.store.codec import SealError
from server.store.site_inbox import SiteInbox as Kept
from server.store.store import Store

__all__ = ["Inbox", "InboxItem", "InboxToken", "SiteInbox"]

_LIFE: Final[Millis] = 24 * 3600 * 1000
_KIND: Final = "inbox_token"


class InboxToken(msgspec.Struct, frozen=True):
    """What opens one contact's inbox until a moment."""

    token: str
    expires: datetime


class InboxItem(msgspec.Struct, frozen=True, kw_only=True):
    """A message as the site shows it."""

    id: str
    time: datetime
    title: str
    text: str
    html: str
    link: str
    image: str
    read: bool


class Inbox(msgspec.Struct, frozen=True):
    """The messages, the newest first, and how many are not read."""

    messages: list[InboxItem]
    unread: int


class SiteInbox:
    """Gives tokens to the site's server, and opens inboxes to its pages."""

    def __init__(self, store: Store, clock: Clock, contacts: Contacts) -> None:
        self._store = store
        self._kept = Kept(store.redis, store.seal, store.partitions)
        self._clock = clock
        self._contacts = contacts

    async def token(self, actor: Actor, ref: str) -> InboxToken:
        """A token for a contact's inbox, good for a day. Raises `Forbidden`, `NotFound`."""
        require(actor, "write", "marketer")
        contact = await self._contacts.find(actor, ref)
        until = self._clock.now() + _LIFE
        sealed = self._store.seal.encode(_KIND, (contact.id, until))
        return InboxToken(urlsafe_b64encode(sealed).decode().rstrip("="), moment(until))

    async def open(self, token: str) -> Inbox:
        """What lies in the inbox of a token. Raises `Unauthorized`."""
        messages = await self._kept.of(await self._contact(token))
        items = [
            InboxItem(
                id=one.id, time=moment(one.time), title=one.title, text=one.text, html=one.html, link=one.link,
                image=one.image, read=bool(one.read),
            )
            for one in messages
        ]  # fmt: skip
        return Inbox(items, sum(1 for one in items if not one.read))

    async def read(self, token: str, message_id: str) -> None:
        """Note that a message was read. Raises `Unauthorized`, `NotFound`."""
        if not await self._kept.read(await self._contact(token), message_id, self._clock.now()):
            raise NotFound("there is no such message", code="no_message")

    async def _contact(self, token: str) -> Contact:
        refused = Unauthorized(
            "this token is not known or too old; the site's server asks for a new one", code="bad_token"
        )
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            said: tuple[str, int] = self._store.seal.decode(_KIND, sealed, tuple[str, int])
        except (SealError, binascii.Error, ValueError, msgspec.MsgspecError):
            raise refused from None
        contact_id, until = said
        contact = await self._store.contacts.load(contact_id) if until >= self._clock.now() else None
        if contact is None:
            raise refused
        return contact
