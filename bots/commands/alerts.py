"""Commands about alerts: leads, claim, release."""

from __future__ import annotations

from typing import Final, Self

import msgspec

from bots.cards import card_buttons, card_reply, reason_text, status_text
from bots.commands.base import Asking, Command, Misused, fold
from bots.commands.contacts import lead_items
from bots.replies import Item, Pages, Reply
from rules.contact import Alert, AlertStatus
from server.i18n import mark

__all__ = ["Claim", "Leads", "Release"]

PAGE: Final = 10
PAGES: Final = 50
MOST: Final = 500  # alerts looked at for the hottest
_MINE: Final = frozenset({"mine", "mes", "mien", "miens", "moi"})
_OPEN: Final = frozenset({"open", "ouvert", "ouverts", "ouverte", "ouvertes", "libre", "libres"})


class Leads(Command, frozen=True, kw_only=True, tag="leads"):
    en = ("leads", "lead")
    fr = ("prospects", "prospect", "pistes")
    role = "rep"
    usage = mark("[mine|open|SEGMENT]")
    summary = mark("the hottest contacts, with their score and the reason")
    details = (
        mark("Without a word: the alerts that are not over, the highest score first."),
        mark("`mine`: those that you claimed; `open`: those that nobody has; a segment's name: its members."),
    )

    scope: str = ""
    page: int = 1

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        page = 1
        if rest and rest[-1].isascii() and rest[-1].isdigit():
            page = min(max(int(rest[-1][:6]), 1), PAGES)
            rest = rest[:-1]
        if len(rest) > 1:
            raise Misused(cls)
        return cls(scope=rest[0] if rest else "", page=page)

    async def answer(self, asking: Asking) -> Reply:
        match fold(self.scope):
            case "":
                return await self._alerts(asking, asking.t("Leads"), None, None)
            case scope if scope in _MINE:
                return await self._alerts(asking, asking.t("Your leads"), ("claimed", "snoozed"), asking.actor.id)
            case scope if scope in _OPEN:
                return await self._alerts(asking, asking.t("Open leads"), ("open",), None)
            case _:
                return await self._members(asking)

    async def _alerts(
        self, asking: Asking, title: str, status: tuple[AlertStatus, ...] | None, owner: str | None
    ) -> Reply:
        t, listing = asking.t, asking.services.alerts.listing
        alerts: list[Alert] = []
        cursor: str | None = None
        while len(alerts) < MOST:
            some, cursor = await listing(asking.actor, status, owner, cursor, 100)
            alerts += some
            if cursor is None:
                break
        alerts.sort(key=lambda alert: (-alert.score_tenths, -alert.created))
        start = (self.page - 1) * PAGE
        items = [await _item(asking, alert) for alert in alerts[start : start + PAGE]]
        if not items:
            return Reply(title=title, lines=(t("Nobody is waiting."),), footer=t("`leads SEGMENT` lists a segment."))
        return Reply(title=title, items=tuple(items), pages=self._pages(asking, start + PAGE < len(alerts)))

    async def _members(self, asking: Asking) -> Reply:
        t = asking.t
        end = self.page * PAGE  # pages are numbered, so that a button needs no cursor; few read beyond the second
        listed = await asking.services.segments.members(asking.actor, self.scope, limit=end + 1)
        members = listed.members[end - PAGE : end]
        items = await lead_items(asking, [member.id for member in members])
        if not items:
            return Reply(title=self.scope, lines=(t("Nobody is in this segment now."),))
        return Reply(title=self.scope, items=items, pages=self._pages(asking, len(listed.members) > end))

    def _pages(self, asking: Asking, more: bool) -> Pages | None:
        if self.page == 1 and not more:
            return None
        t, scope = asking.t, self.scope
        before = Leads(scope=scope, page=self.page - 1).button(t("← Previous")) if self.page > 1 else None
        after = Leads(scope=scope, page=self.page + 1).button(t("Next →")) if more else None
        return Pages(number=self.page, previous=before, next=after)


class _OneAlert(Command, frozen=True, kw_only=True):
    """A command about one alert."""

    usage = mark("ALERT")
    role = "rep"
    alert: str

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) != 1:
            raise Misused(cls)
        return cls(alert=rest[0].lstrip("#"))

    async def _answer(self, asking: Asking, alert: Alert, title: str) -> Reply:
        card = await asking.services.alerts.card(alert)
        shown = card_reply(card, asking.t)
        return msgspec.structs.replace(shown, title=title, lines=(card.who, *shown.lines), tone="good")


class Claim(_OneAlert, frozen=True, kw_only=True, tag="claim"):
    en = ("claim",)
    fr = ("prendre",)
    summary = mark("take a lead on; everybody sees that you have it")

    async def answer(self, asking: Asking) -> Reply:
        alert = await asking.services.alerts.claim(asking.actor, self.alert)
        if alert.owner != asking.actor.id:
            return _pending(asking)
        return await self._answer(asking, alert, asking.t("You have it"))


class Release(_OneAlert, frozen=True, kw_only=True, tag="release"):
    en = ("release",)
    fr = ("rendre", "relâcher")
    summary = mark("give a lead back to its team")

    async def answer(self, asking: Asking) -> Reply:
        alert = await asking.services.alerts.release(asking.actor, self.alert)
        if alert.owner:
            return _pending(asking)
        return await self._answer(asking, alert, asking.t("It is open again"))


def _pending(asking: Asking) -> Reply:
    t = asking.t
    return Reply(title=t("Noted"), lines=(t("There is a backlog: the card will show it in a moment."),))


async def _item(asking: Asking, alert: Alert) -> Item:
    t = asking.t
    card = await asking.services.alerts.card(alert)
    parts = [card.alert, status_text(card.status, card.owner, t), t.ago(card.created, asking.clock.now())]
    if card.count > 1:
        parts.append(t("{count} times", count=t.number(card.count)))
    reasons = ", ".join(reason_text(reason, t) for reason in card.reasons)
    lines = [line for line in (card.text, reasons, " · ".join(parts)) if line]
    return Item(title=f"{card.who} · {t.number(card.score)}", lines=tuple(lines), buttons=card_buttons(card, t))
