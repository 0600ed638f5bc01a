"""Commands that list leads: of alerts, of a segment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Self

from msgspec.structs import replace

from bots.cards import card_buttons, known_as, points_text, status_text
from bots.commands.base import Asking, Command, Misused, fold
from bots.commands.contacts import lead_items
from bots.replies import Item, Pages, Reply
from rules.contact import Alert, AlertStatus
from server.i18n import Translator, mark

__all__ = ["Leads", "Top", "pages_of"]

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
            alerts += [alert for alert in some if alert.kind != "task"]  # which `tasks` lists
            if cursor is None:
                break
        alerts.sort(key=lambda alert: (-alert.score_tenths, -alert.created))
        start = (self.page - 1) * PAGE
        items = [await _item(asking, alert) for alert in alerts[start : start + PAGE]]
        if not items:
            return Reply(title=title, lines=(t("Nobody is waiting."),), footer=t("`leads SEGMENT` lists a segment."))
        return Reply(title=title, items=tuple(items), pages=self._pages(asking, start + PAGE < len(alerts)))

    async def _members(self, asking: Asking) -> Reply:
        items, more = await _hottest(asking, self.scope, self.page)
        if not items:
            return Reply(title=self.scope, lines=(asking.t("Nobody is in this segment now."),))
        return Reply(title=self.scope, items=items, pages=self._pages(asking, more))

    def _pages(self, asking: Asking, more: bool) -> Pages | None:
        return pages_of(asking.t, self.page, more, lambda page: Leads(scope=self.scope, page=page))


class Top(Command, frozen=True, kw_only=True, tag="top"):
    en = ("top",)
    fr = ("top", "meilleurs")
    role = "rep"
    usage = mark("SEGMENT [N]")
    summary = mark("the N contacts of a segment with the highest score")
    details = (mark("N is 10 unless you say another number, and 50 at most; ten a page."),)

    segment: str
    number: int = PAGE
    page: int = 1

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if not 1 <= len(rest) <= 3 or not all(word.isascii() and word.isdigit() for word in rest[1:]):
            raise Misused(cls)
        number, page = ([int(word[:6]) for word in rest[1:]] + [PAGE, 1][len(rest) - 1 :])[:2]
        return cls(segment=rest[0], number=min(max(number, 1), PAGES), page=min(max(page, 1), PAGES))

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        items, more = await _hottest(asking, self.segment, self.page)
        left = self.number - self._before
        title = t("The hottest of {segment}", segment=self.segment)
        if not items or left <= 0:
            return Reply(title=title, lines=(t("Nobody is in this segment now."),))
        pages = pages_of(
            t, self.page, more and left > PAGE, lambda page: Top(segment=self.segment, number=self.number, page=page)
        )
        ranked = [replace(item, number=place) for place, item in enumerate(items[:left], start=self._before + 1)]
        return Reply(title=title, items=tuple(ranked), pages=pages)

    @property
    def _before(self) -> int:
        """How many stand on earlier pages."""
        return (self.page - 1) * PAGE


def pages_of(t: Translator, page: int, more: bool, of: Callable[[int], Command]) -> Pages | None:
    """The buttons of a page to its neighbours; None where there is but one page."""
    if page == 1 and not more:
        return None
    before = of(page - 1).button(t("← Previous")) if page > 1 else None
    return Pages(number=page, previous=before, next=of(page + 1).button(t("Next →")) if more else None)


async def _hottest(asking: Asking, segment: str, page: int) -> tuple[tuple[Item, ...], bool]:
    """A page of a segment's members, the highest score first, and whether there are more.

    Pages are numbered, so that a button needs no cursor; few read beyond the second.
    """
    end = page * PAGE
    listed = await asking.services.segments.members(asking.actor, segment, limit=end + 1)
    items = await lead_items(asking, [member.id for member in listed.members[end - PAGE : end]])
    return items, len(listed.members) > end


async def _item(asking: Asking, alert: Alert) -> Item:
    t = asking.t
    card = await asking.services.alerts.card(alert)
    parts = [card.alert, status_text(card.status, card.owner, t), t.ago(card.created, asking.clock.now())]
    if card.count > 1:
        parts.append(t("{count} times", count=t.number(card.count)))
    if any(row.state == "held" for row in (await asking.services.deliveries.of_alert(asking.actor, alert.id)).values()):
        parts.append(t("held back"))
    reasons = ", ".join(points_text(reason.rule, reason.points, t) for reason in card.reasons)
    lines = [line for line in (card.text, reasons, " · ".join(parts)) if line]
    return Item(
        title=f"{known_as(card.who, card.company)} · {t.number(card.score)}",
        lines=tuple(lines),
        buttons=card_buttons(card, t, few=True),
    )
