"""A visitor who came by a link of a message is the contact whom the message went to: the token of the click proves it.

So people who never log in are seen on the site. A token is good for half an hour and for one browser.
"""

from __future__ import annotations

from typing import Final

from rules.contact import Millis
from server.errors import FieldError, Invalid, Unauthorized
from server.services.joining import Joining
from server.services.links import Links
from server.store import keys
from server.store.faults import redis_needed
from server.store.mail_tracks import MailTracks, Unread
from server.store.store import Store

__all__ = ["Visitors"]

_LONGEST: Final = 256  # characters of an anonymous id, as in events
_KEPT: Final[Millis] = 3_600_000  # longer than a token lives


class Visitors:
    """Joins visitors to contacts."""

    def __init__(self, store: Store, links: Links, joining: Joining) -> None:
        self._store = store
        self._links = links
        self._joining = joining
        self._tracks = MailTracks(store.redis, store.seal, store.partitions)

    async def join(self, token: str, anonymous: str) -> bool:
        """Join the visitor with an anonymous id to the contact of a token; whether they are one then.

        Raises `Unauthorized` for a token that is not ours, too old or taken by another browser, `Invalid`.
        """
        anonymous = anonymous.strip()
        if not 0 < len(anonymous) <= _LONGEST:
            message = f"has 1 to {_LONGEST} characters"
            raise Invalid(f"an anonymousId {message}", [FieldError("anonymousId", message)], code="bad_visitor")
        link = self._links.read(token, "visitor")
        if link is None or not await self._take(token, anonymous):
            raise Unauthorized("this token is not known, too old, or was taken by another browser", code="bad_token")
        if await self._tracks.by_program(Unread(link.contact, link.delivery, link.message)):
            return False
        return await self._joining.visitor(anonymous, link.contact)

    async def _take(self, token: str, anonymous: str) -> bool:
        """Give a token to the first browser that asks; False where another has it."""
        seal = self._store.seal
        name, browser = keys.visitor_token(seal.digest("visitor:" + token)), seal.digest("browser:" + anonymous)
        with redis_needed():
            await self._store.redis.set(name, browser, nx=True, px=_KEPT)
            taken = await self._store.redis.get(name)
        return taken is not None and taken.decode() == browser
