"""Alert cards as replies: who it is, why, who has it, and what can be pressed."""

from __future__ import annotations

from collections.abc import Iterator

from bots.replies import Button, Field, Item, Reply
from rules.contact import AlertStatus
from server.i18n import Translator, mark
from server.model.card import Card, CardReason
from server.services.alerts import Outcome

TEXT, NAME, COMPANY = 1000, 80, 60  # characters: a card is one message in every medium
ROWS, ROW = 10, 60  # contacts of a digest that have buttons, characters of a name

__all__ = ["OUTCOMES", "STATUSES", "card_buttons", "card_reply", "known_as", "outcome_text", "points_text"]
__all__ += ["reason_text", "status_text"]

STATUSES: dict[AlertStatus, str] = {
    "open": mark("open"),
    "claimed": mark("claimed"),
    "snoozed": mark("snoozed"),
    "done": mark("done"),
    "dismissed": mark("dismissed"),
}
OUTCOMES: dict[Outcome, str] = {"won": mark("won"), "lost": mark("lost"), "junk": mark("junk")}


def card_reply(card: Card, t: Translator, *, repeated: bool = False) -> Reply:
    """A card as it is shown. `repeated` says that this may be a second copy of it."""
    if card.kind == "held":
        return _held_reply(card, t)
    if card.kind == "digest":
        return _digest_reply(card, t, repeated)
    lines = [_cut(card.text, TEXT)] if card.text else []
    lines += ["• " + reason_text(reason, t) for reason in card.reasons]
    footer = _twice(repeated, t) + _footer(card, t)
    return Reply(
        title=known_as(card.who, card.company),
        lines=tuple(lines),
        fields=tuple(_fields(card, t)),
        footer=footer,
        buttons=card_buttons(card, t),
    )


def known_as(who: str, company: str) -> str:
    """`Léa · Maison Verdier`; who it is alone where no company is known, or the name has it already."""
    name = _cut(who, NAME)
    return f"{name} · {_cut(company, COMPANY)}" if company and company not in who else name


def card_buttons(card: Card, t: Translator, *, few: bool = False) -> tuple[Button, ...]:
    """What can be done about a card in its present state; `few`: in a list of many."""
    why, alert = Button(t("Why?"), f"why {card.contact}"), card.alert
    claim, release = Button(t("Claim"), f"claim {alert}", "primary"), Button(t("Release"), f"release {alert}")
    snooze, done = Button(t("Snooze"), f"snooze {alert}"), Button(t("Finish"), f"done {alert} ?")
    dismiss = Button(t("Dismiss"), f"dismiss {alert}")
    match card.status:
        case "open":
            return (claim, why) if few else (claim, snooze, done, dismiss, why)
        case "snoozed":
            return (claim, why) if few else (claim, done, dismiss, why)
        case "claimed":
            return (done, why) if few else (done, snooze, release, dismiss, why)
        case _:
            return (why,)


def status_text(status: AlertStatus, owner: str, t: Translator) -> str:
    """`claimed by Ana`, `open`."""
    match status:
        case "claimed" if owner:
            return t("claimed by {owner}", owner=owner)
        case "snoozed" if owner:
            return t("put off by {owner}", owner=owner)
        case "done" if owner:
            return t("finished by {owner}", owner=owner)
        case "dismissed" if owner:
            return t("dismissed by {owner}", owner=owner)
    return t(STATUSES[status])


def outcome_text(outcome: str, t: Translator) -> str:
    """`won`, or the reason for which an alert was dismissed."""
    return t(OUTCOMES[outcome]) if outcome in OUTCOMES else outcome


def reason_text(reason: CardReason, t: Translator) -> str:
    """`cart +20 (2 times) · Product Added`: a part of the score, and what for."""
    text = points_text(reason.rule, reason.points, t)
    if reason.hits > 1:
        text = f"{text} ({t('{count} times', count=t.number(reason.hits))})"
    about = (t("{name}: {value}", name=name, value=value) if value else name for name, value in reason.about)
    words = ", ".join(about) or reason.words
    return f"{text} · {_cut(words, ROW)}" if words else text


def points_text(rule: str, points: float, t: Translator) -> str:
    """`cart +20`."""
    return f"{rule} {t.points(points)}"


def _fields(card: Card, t: Translator) -> Iterator[Field]:
    """At most ten, which is what a section of Slack holds."""
    score = t.number(card.score)
    if card.gained:
        score = t("{score} ({points} in 24 hours)", score=score, points=t.points(card.gained))
    yield Field(t("Score"), score)
    status = status_text(card.status, card.owner, t)
    if card.status == "snoozed" and card.until:
        status = t("{status} until {moment}", status=status, moment=t.local(card.until, card.timezone))
    yield Field(t("Status"), status)
    if card.claim_by:
        moment = t.local(card.claim_by, card.timezone)
        yield Field(t("To be claimed"), t("by {moment}, else it goes to {team}", moment=moment, team=card.otherwise))
    if card.outcome:
        yield Field(t("Outcome"), outcome_text(card.outcome, t))
    if card.due:
        yield Field(t("Due"), t.local(card.due, card.timezone))
    if card.count > 1:
        yield Field(t("Times"), t("{count} times", count=t.number(card.count)))
    if card.also:
        waits = t(
            "{team} too: open since {moment}", team=", ".join(card.also), moment=t.local(card.created, card.timezone)
        )
        yield Field(t("Told"), waits)
    if card.last_seen:
        yield Field(t("Last seen"), t.local(card.last_seen, card.timezone))
    if card.there:
        yield Field(t("Their time"), card.there)


def _footer(card: Card, t: Translator) -> str:
    match card.kind:
        case "task" if not card.trigger:
            return t("{alert} · a task", alert=card.alert)
        case "task":
            return t("{alert} · task of {rule} · rulebook {version}", alert=card.alert, rule=card.trigger,
                     version=card.version)  # fmt: skip
    return t("{alert} · trigger {trigger} · rulebook {version}", alert=card.alert, trigger=card.trigger,
             version=card.version)  # fmt: skip


def _digest_reply(card: Card, t: Translator, repeated: bool) -> Reply:
    """A ranking: the first with buttons, some more by name, the rest by number."""
    ranked = [
        Item(number=place, title=f"{_cut(row.who, ROW)} · {t.number(row.value)}", buttons=_row_buttons(row.contact, t))
        for place, row in enumerate(card.rows, start=1)
    ]
    items = ranked[:ROWS]
    if more := [item.heading for item in ranked[ROWS:]]:
        items.append(Item(title=more[0], lines=tuple(more[1:])))
    if card.count > len(ranked):
        items.append(Item(title=t("… and {number} more", number=t.number(card.count - len(ranked)))))
    return Reply(
        title=_cut(card.who, NAME),
        lines=() if ranked else (t("Nobody is in it now."),),
        items=tuple(items),
        footer=_twice(repeated, t) + t("{digest} · rulebook {version}", digest=card.trigger, version=card.version),
    )


def _row_buttons(contact: str, t: Translator) -> tuple[Button, ...]:
    return (Button(t("Contact"), f"contact {contact}"), Button(t("Task"), f"task {contact}"))


def _held_reply(card: Card, t: Translator) -> Reply:
    """How many cards a full hour held back."""
    title = t.count("One more alert, not shown here", "{number} more alerts, not shown here", card.count)
    return Reply(
        title=title,
        lines=(t("This chat had its fill of cards between {hours}; the alerts are there.", hours=card.text),),
        buttons=(Button(t("Open leads"), "leads open", "primary"),),
    )


def _twice(repeated: bool, t: Translator) -> str:
    if not repeated:
        return ""
    mark_of_copy = t("repeated: this card may be here twice")
    return f"{mark_of_copy} · "


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
