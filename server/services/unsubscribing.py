"""Unsubscribing by the link of a message: the purpose of the message is withdrawn, over every channel, at once.

The link proves who it is. What is written to the ledger says how it was done: by one click in a mail program (RFC 8058)
or on the page. Whoever did it by mistake takes it back within an hour, to what held before.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from rules.contact import Consent
from rules.entry import EventReceived
from rules.rulebook import Purpose
from server.errors import NotFound
from server.i18n import supported
from server.model.actor import Actor
from server.ports import Clock
from server.services.consents import ConsentRequest, Consents
from server.services.links import TEST, Link, Links
from server.services.rulebooks import Rulebooks
from server.store.store import Store

__all__ = ["How", "Subscription", "Unsubscribing"]

How: TypeAlias = Literal["one click", "page"]

_READER = Actor(id="contact", name="", scopes=("consent",), via="http")


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """What an unsubscribe page shows: the wording that was agreed to, what holds now, in which language.

    `undo` is the token by which a withdrawal is taken back. `test`: the link of a message to oneself.
    """

    wording: str
    held: bool
    language: str
    undo: str = ""
    test: bool = False


class Unsubscribing:
    """Shows, withdraws and gives back. `language` is spoken with contacts whose language is not known."""

    def __init__(
        self, store: Store, clock: Clock, rulebooks: Rulebooks, consents: Consents, links: Links, *, language: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._rulebooks = rulebooks
        self._consents = consents
        self._links = links
        self._language = language

    async def look(self, token: str, *, accepts: str = "") -> Subscription:
        """What holds now; changes nothing. `accepts`: the languages of the browser. Raises `NotFound`."""
        if token == TEST:
            return Subscription(wording="", held=True, language=supported(accepts, self._language), test=True)
        return await self._shown(self._read(token, "unsubscribe"), accepts)

    async def withdraw(self, token: str, how: How, *, user_agent: str = "", accepts: str = "") -> Subscription:
        """Withdraw; it holds when this returns. Doing it again changes nothing. Raises `NotFound`, `Unavailable`."""
        if token == TEST:
            return await self.look(token, accepts=accepts)
        link = self._read(token, "unsubscribe")
        before = await self._consent(link)
        undo = ""
        if await self._purpose(link) is not None and (before is None or before.status not in ("withdrawn", "denied")):
            source = "one-click unsubscribe (RFC 8058)" if how == "one click" else "unsubscribe page"
            await self._act(link, "withdraw", source, user_agent)
            await self._store.log.append([(link.contact, self._event(link))])
            if before is not None and before.status == "granted":
                undo = self._links.undo(msgspec.structs.replace(link, target=" ".join(before.channels)))
        return msgspec.structs.replace(await self._shown(link, accepts), undo=undo)

    async def undo(self, token: str, *, user_agent: str = "", accepts: str = "") -> Subscription:
        """Take a withdrawal back, by the token that it gave. Raises `NotFound` where that is too old."""
        link = self._read(token, "undo")
        now = await self._consent(link)
        if now is not None and now.status == "withdrawn" and await self._purpose(link) is not None:
            for channel in link.target.split() or [""]:
                await self._act(link, "grant", "unsubscribe page, undone", user_agent, channel)
        return await self._shown(link, accepts)

    def _read(self, token: str, kind: Literal["unsubscribe", "undo"]) -> Link:
        link = self._links.read(token, kind)
        if link is None:
            raise NotFound("this link is not one of ours, or is too old", code="bad_link")
        return link

    async def _act(
        self, link: Link, action: Literal["grant", "withdraw"], source: str, user_agent: str, channel: str = ""
    ) -> None:
        request = ConsentRequest(
            purpose=link.purpose, action=action, source=source, user_agent=user_agent, channel=channel
        )
        await self._consents.record(_READER, link.contact, request)

    async def _consent(self, link: Link) -> Consent | None:
        return (await self._store.consents.sheet(link.contact)).purposes.get(link.purpose)

    async def _purpose(self, link: Link) -> Purpose | None:
        """The purpose in the rulebook; None where it was taken out: then nothing is sent for it any more."""
        return (await self._rulebooks.live()).purposes.get(link.purpose)

    async def _shown(self, link: Link, accepts: str) -> Subscription:
        purpose, contact = await self._purpose(link), await self._store.contacts.load(link.contact)
        locale = contact.attributes.get("locale") if contact is not None else None
        language = supported(accepts, self._language)
        if isinstance(locale, str) and locale:
            language = supported(locale, language)
        consent = await self._consent(link)
        held = purpose is not None and consent is not None and consent.status == "granted"
        return Subscription(wording=purpose.wording if purpose else "", held=held, language=language)

    def _event(self, link: Link) -> EventReceived:
        now = self._clock.now()
        return EventReceived(
            name="Email Unsubscribed",
            time=now,
            received=now,
            message_id=f"{link.delivery}:unsubscribed:{now}",
            properties={
                "message": link.message, "delivery": link.delivery, "channel": "email", "purpose": link.purpose
            },
            source="relance",
        )  # fmt: skip
