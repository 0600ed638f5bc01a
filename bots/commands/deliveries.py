"""Commands about messages to contacts: what went out, was refused, failed, is uncertain; trying again, dropping."""

from __future__ import annotations

from typing import Final, Self

from bots.commands.base import Asking, Command, Misused, fold
from bots.replies import Button, Item, Pages, Reply
from rules.moment import millis
from server.i18n import Translator, mark
from server.model.outgoing import MessageState
from server.services.outgoing import TROUBLED, DeliveryView
from server.services.reasons import reason_text

__all__ = ["Deliveries", "DropDelivery", "RetryDelivery"]

PAGE: Final = 10
PAGES: Final = 20
_STATES: Final[dict[MessageState, str]] = {
    "waiting": mark("waiting"), "sending": mark("being sent"), "sent": mark("sent"), "delivered": mark("delivered"),
    "refused": mark("refused"), "failed": mark("failed"), "unknown": mark("uncertain"), "dropped": mark("dropped"),
}  # fmt: skip
_WORDS: Final[dict[str, MessageState]] = {
    **{state: state for state in _STATES},
    "uncertain": "unknown", "attente": "waiting", "envoye": "sent", "envoyes": "sent", "recu": "delivered",
    "recus": "delivered", "refuse": "refused", "refuses": "refused", "echoue": "failed", "echoues": "failed",
    "incertain": "unknown", "incertains": "unknown", "inconnu": "unknown", "inconnus": "unknown",
    "abandonne": "dropped", "abandonnes": "dropped",
}  # fmt: skip
_RETRIED: Final = ("failed", "unknown", "refused", "dropped")
_DROPPED: Final = ("waiting", "failed", "unknown")


class Deliveries(Command, frozen=True, kw_only=True, tag="deliveries"):
    en = ("deliveries",)
    fr = ("envois",)
    role = "marketer"
    usage = mark("[STATE|REF]")
    summary = mark("messages to contacts: those in trouble, those in a state, or those of a contact")
    details = (
        mark("States: waiting, sent, delivered, refused, failed, unknown (nobody knows whether it arrived), dropped."),
        mark("Without a word: those that are unknown, failed or refused, the latest first."),
    )

    which: str = ""
    page: int = 1

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        page = 1
        if rest and rest[-1].isascii() and rest[-1].isdigit():
            page = min(max(int(rest[-1][:6]), 1), PAGES)
            rest = rest[:-1]
        if len(rest) > 1:
            raise Misused(cls)
        return cls(which=rest[0] if rest else "", page=page)

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        state = _WORDS.get(fold(self.which))
        states = (state,) if state else () if self.which else TROUBLED
        ref = "" if state else self.which
        end = self.page * PAGE  # pages are numbered, so that a button needs no cursor; few read beyond the second
        listed = await asking.services.outgoing.listing(asking.actor, states, ref, None, end)
        items = tuple(_item(one, asking) for one in listed.deliveries[end - PAGE : end])
        lines = () if items else (t("There are none."),)
        return Reply(
            title=t("Deliveries"), lines=lines, items=items, pages=self._pages(t, listed.next is not None),
            footer=await _totals(asking),
        )  # fmt: skip

    def _pages(self, t: Translator, more: bool) -> Pages | None:
        if self.page == 1 and not more:
            return None
        before = Deliveries(which=self.which, page=self.page - 1).button(t("← Previous")) if self.page > 1 else None
        after = Deliveries(which=self.which, page=self.page + 1).button(t("Next →")) if more else None
        return Pages(number=self.page, previous=before, next=after)


class _OneDelivery(Command, frozen=True, kw_only=True):
    """A command about one delivery."""

    usage = mark("ID")
    role = "marketer"
    delivery: str

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) != 1:
            raise Misused(cls)
        return cls(delivery=rest[0].lstrip("#"))


class RetryDelivery(_OneDelivery, frozen=True, kw_only=True, tag="deliveries retry"):
    en = ("deliveries retry",)
    fr = ("envois relancer",)
    summary = mark("try a message again; whether it may go is asked again")

    async def answer(self, asking: Asking) -> Reply:
        view = await asking.services.outgoing.retry(asking.actor, self.delivery)
        return Reply(title=asking.t("It is tried again within seconds"), items=(_item(view, asking),), tone="good")


class DropDelivery(_OneDelivery, frozen=True, kw_only=True, tag="deliveries drop"):
    en = ("deliveries drop",)
    fr = ("envois abandonner",)
    summary = mark("let a message not go out, or settle one that failed")

    async def answer(self, asking: Asking) -> Reply:
        view = await asking.services.outgoing.drop(asking.actor, self.delivery)
        return Reply(title=asking.t("It is dropped"), items=(_item(view, asking),), tone="good")


async def _totals(asking: Asking) -> str:
    counts = await asking.services.outgoing.counts(asking.actor)
    t = asking.t
    said = (t("{name}: {value}", name=t(_STATES[state]), value=t.number(n)) for state, n in counts.items() if n)
    return " · ".join(said)


def _item(view: DeliveryView, asking: Asking) -> Item:
    t = asking.t
    state = t(_STATES[view.state])
    if view.reason:
        state = t("{name}: {value}", name=state, value=reason_text(view.reason, t))
    tries = view.attempts if view.state == "waiting" else 0
    vain = t("{count} tries in vain", count=t.number(tries)) if tries else ""
    about = [view.scenario or view.trigger or (t("a test") if view.test else ""), view.contact, view.id]
    lines = (_joined([state, vain]), _joined(about))
    buttons = []
    if view.state in _RETRIED:
        buttons.append(Button(t("Try again"), f"deliveries retry {view.id}"))
    if view.state in _DROPPED:
        buttons.append(Button(t("Drop"), f"deliveries drop {view.id}", "danger"))
    when = t.ago(millis(view.updated), asking.clock.now())
    return Item(title=_joined([f"{view.channel} {view.message}", when]), lines=lines, buttons=tuple(buttons))


def _joined(parts: list[str]) -> str:
    return " · ".join(part for part in parts if part)
