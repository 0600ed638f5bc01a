"""Alert cards as replies: who it is, why, who has it, and what can be pressed."""

from __future__ import annotations

from bots.replies import Button, Field, Reply
from rules.contact import AlertStatus
from server.i18n import Translator, mark
from server.model.card import Card, CardReason

TEXT, NAME = 1000, 120  # characters: a card is one message in every medium

__all__ = ["STATUSES", "card_reply", "reason_text", "status_text"]

STATUSES: dict[AlertStatus, str] = {
    "open": mark("open"),
    "claimed": mark("claimed"),
    "snoozed": mark("snoozed"),
    "done": mark("done"),
    "dismissed": mark("dismissed"),
}


def card_reply(card: Card, t: Translator, *, repeated: bool = False) -> Reply:
    """A card as it is shown. `repeated` says that this may be a second copy of it."""
    fields = [Field(t("Score"), t.number(card.score)), Field(t("Status"), status_text(card.status, card.owner, t))]
    if card.outcome:
        fields.append(Field(t("Outcome"), card.outcome))
    if card.count > 1:
        fields.append(Field(t("Times"), t("{count} times", count=t.number(card.count))))
    lines = [_cut(card.text, TEXT)] if card.text else []
    lines += ["• " + reason_text(reason, t) for reason in card.reasons]
    footer = t("{alert} · trigger {trigger} · rulebook {version}", alert=card.alert, trigger=card.trigger,
               version=card.version)  # fmt: skip
    if repeated:
        mark_of_copy = t("repeated: this card may be here twice")
        footer = f"{mark_of_copy} · {footer}"
    return Reply(
        title=_cut(card.who, NAME),
        lines=tuple(lines),
        fields=tuple(fields),
        footer=footer,
        buttons=card_buttons(card, t),
    )


def card_buttons(card: Card, t: Translator) -> tuple[Button, ...]:
    """What can be done about a card in its present state."""
    why = Button(t("Why?"), f"why {card.contact}")
    match card.status:
        case "open" | "snoozed":
            return (Button(t("Claim"), f"claim {card.alert}", "primary"), why)
        case "claimed":
            return (Button(t("Release"), f"release {card.alert}"), why)
        case _:
            return (why,)


def status_text(status: AlertStatus, owner: str, t: Translator) -> str:
    """`claimed by Ana`, `open`."""
    if status == "claimed" and owner:
        return t("claimed by {owner}", owner=owner)
    return t(STATUSES[status])


def reason_text(reason: CardReason, t: Translator) -> str:
    """`cart +20 (2 times)`: a part of the score; one that is true now has no number of times."""
    text = f"{reason.rule} {t.points(reason.points)}"
    times = t.count("once", "{number} times", reason.hits)
    return f"{text} ({times})" if reason.hits else text


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
