"""How fast each platform lets us write, and the reservations that keep us within it."""

from __future__ import annotations

from typing import Final

from rules.contact import Millis
from server.model.delivery import Place
from server.store.pace import Limit, Pace
from server.store.store import Store

__all__ = ["Pacing"]

_GRACE: Final[Millis] = 2000  # a reserved moment is good for this long


class Pacing:
    """Spreads the calls to one address, or of one bot, over time; shared by all couriers through Redis."""

    def __init__(self, store: Store) -> None:
        self._pace = Pace(store.redis)
        self._digest = store.seal.digest

    async def slot(self, place: Place, *, editing: bool, reserved: Millis, now: Millis) -> Millis:
        """The moment at which a call may be made: now, or one reserved for it."""
        limits = self._limits(place, editing)
        if not limits or reserved <= now <= reserved + _GRACE:
            return now
        return await self._pace.reserve(place.platform, limits, now)

    async def hold(self, place: Place, *, editing: bool, now: Millis, moment: Millis) -> None:
        """The platform wants to be left alone until a moment: let no courier call before it."""
        if limits := self._limits(place, editing):
            await self._pace.hold(place.platform, limits, now, moment)

    def _limits(self, place: Place, editing: bool) -> tuple[Limit, ...]:
        match place.platform:
            case "slack":
                # A message a second a channel; edits are counted apart, about 50 a minute.
                # https://api.slack.com/apis/rate-limits
                kind = "edit" if editing else "post"
                name = f"{kind}:{self._digest(place.address)}"
                return (Limit(name=name, interval=1200, burst=5) if editing else Limit(name=name, interval=1000),)
            case "telegram":
                # 20 a minute in a group (whose id is negative, or a public name), 1 a second in a chat with a person,
                # 30 a second in all; a group's topics share its twenty.
                # https://core.telegram.org/bots/faq#broadcasting-to-users
                group = place.chat.startswith(("-", "@"))
                name = self._digest(place.chat)
                chat = Limit(name=name, interval=4000, burst=5) if group else Limit(name=name, interval=1000)
                return (chat, Limit(name="all", interval=40, burst=5))
            case _:
                return ()
