"""Commands about one contact: contact, why; and contacts as items of a list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Self

from msgspec.structs import replace

from bots.cards import known_as, points_text
from bots.commands.base import Asking, Command, Misused, fold
from bots.commands.verdict import rule_why
from bots.replies import Button, Field, Item, Reply
from rules.contact import Contact
from rules.explain import ScoreLine
from rules.rulebook import Rulebook
from server.errors import NotFound
from server.i18n import Translator, mark
from server.model.digest import MARK
from server.services.masking import company, mask_email, mask_text, masked_attributes

__all__ = ["ContactCard", "Why", "WhyCard", "lead_items"]

REASONS: Final = 3  # on a lead of a list

CONSENTS: Final[dict[str, str]] = {
    "granted": mark("granted"),
    "pending": mark("to be confirmed"),
    "denied": mark("denied"),
    "withdrawn": mark("withdrawn"),
}


class ContactCard(Command, frozen=True, kw_only=True, tag="contact"):
    en = ("contact",)
    fr = ("contact", "fiche")
    role = "rep"
    usage = mark("REF")
    summary = mark("what is known of a contact")
    details = (
        mark("REF is an id, an e-mail address or a user id. Personal attributes are masked."),
        mark("Anything else is looked for in names and telephone numbers: first of contacts with an open alert."),
    )

    ref: str

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if not rest:
            raise Misused(cls)
        return cls(ref=" ".join(rest))

    async def answer(self, asking: Asking) -> Reply:
        t, contacts = asking.t, asking.services.contacts
        try:
            contact = await contacts.find(asking.actor, self.ref)
        except NotFound:
            return await self._looked_for(asking)
        view = await contacts.view(asking.actor, contact.id)
        book = await asking.services.rulebooks.live()
        now, attributes = asking.clock.now(), masked_attributes(contact, book)
        consents = ", ".join(
            t("{name}: {value}", name=purpose, value=t(CONSENTS[status])) for purpose, status in view.consents.items()
        )
        fields = [
            Field(t("Score"), t.number(view.score)),
            Field(t("Segments"), ", ".join(view.segments)),
            Field(t("Lists"), ", ".join(view.lists)),
            Field(t("Consents"), consents),
            Field(t("First seen"), t.ago(contact.created, now)),
            Field(t("Last seen"), t.ago(contact.last_seen, now)),
            Field(t("Known as"), ", ".join(name for name in _identities(contact) if name not in attributes.values())),
        ]
        fields += [Field(_label(name, book), _value(value, t)) for name, value in attributes.items()]
        return Reply(
            title=known_as(contacts.display(contact, book), company(contact, book)),
            fields=tuple(field for field in fields if field.value),
            footer=contact.id,
            buttons=(
                Why(ref=contact.id).button(t("Why?")),
                Button(t("Timeline"), f"timeline {contact.id}"),
                Button(t("Note"), f"note {contact.id}"),
                Button(t("Task"), f"task {contact.id}"),
            ),
        )

    async def _looked_for(self, asking: Asking) -> Reply:
        """The contacts that may be meant. Raises `NotFound` where there are none, and all were read."""
        t = asking.t
        found = await asking.services.finding.find(asking.actor, self.ref)
        if not found.contacts and found.searched >= found.of:
            raise NotFound("there is no such contact", code="no_contact")
        read = t("Looked for in the names and telephone numbers of {number} contacts, of {all}.",
                 number=t.number(found.searched), all=t.number(found.of))  # fmt: skip
        items = await lead_items(asking, found.contacts)
        title = t.count("One contact may be meant", "{number} contacts may be meant", len(items))
        return Reply(title=title, items=items, footer=read)


class Why(Command, frozen=True, kw_only=True, tag="why"):
    en = ("why",)
    fr = ("pourquoi",)
    role = "rep"
    usage = mark("REF [RULE]")
    summary = mark("the sum of a score line by line, or why a rule does or does not match")
    details = (
        mark("REF is an id, an e-mail address or a user id; RULE a score, a segment or a trigger."),
        mark("`why alert:ID` is about the contact of an alert, by the id at the foot of its card."),
    )

    ref: str
    rule: str = ""

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if not 1 <= len(rest) <= 2:
            raise Misused(cls)
        return cls(ref=rest[0], rule=rest[1] if len(rest) == 2 else "")

    async def answer(self, asking: Asking) -> Reply:
        t, contacts = asking.t, asking.services.contacts
        contact = await contacts.find(asking.actor, await self._contact(asking))
        book = await asking.services.rulebooks.live()
        who = known_as(contacts.display(contact, book), company(contact, book))
        if self.rule:
            rule = await contacts.why_rule(asking.actor, contact.id, self.rule)
            paused = rule.kind == "trigger" and rule.rule in book.paused
            reply = rule_why(rule, who, t, asking.zone)
            return replace(reply, footer=t("It is paused: it does not fire.")) if paused else reply
        why = await contacts.why(asking.actor, contact.id)
        items = [
            Item(title=_line(line, t), lines=(f"`{_flat(line.text)}`",)) for line in sorted(why.lines, key=_weight)
        ]
        for each in why.adjustments:
            reason = f" — {each.reason}" if each.reason else ""
            items.append(Item(title=t("{points} by hand", points=t.points(each.points)) + reason))
        return Reply(
            title=t("{who}: {score} points", who=who, score=t.number(why.score)),
            lines=() if items else (t("Nothing counts for this contact yet."),),
            items=tuple(items),
            footer=contact.id,
            buttons=(ContactCard(ref=contact.id).button(t("Contact")), Button(t("Timeline"), f"timeline {contact.id}")),
        )

    async def _contact(self, asking: Asking) -> str:
        """What names the contact. Raises `NotFound` for an alert that there is not."""
        kind, _, alert = self.ref.partition(":")
        if fold(kind) not in ("alert", "alerte"):
            return self.ref
        return (await asking.services.alerts.get(asking.actor, alert)).contact


class WhyCard(Command, frozen=True, kw_only=True, tag="why card"):
    """`why` for the contact of an alert, asked at its card; nobody types it. `alert` is "" at any other message."""

    en = Why.en
    fr = Why.fr
    role = Why.role
    summary = Why.summary

    alert: str

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        if not self.alert or self.alert.startswith(MARK):
            return Reply(
                title=t("This message is no card of a lead"),
                lines=(t("Ask at a card that I have posted, or write `{why}`.", why=asking.typed(Why, t("REF"))),),
                tone="bad",
            )
        return await Why(ref=f"alert:{self.alert}").answer(asking)


async def lead_items(asking: Asking, ids: Iterable[str]) -> tuple[Item, ...]:
    """Contacts as leads of a list: who, the score, its strongest reasons."""
    t, contacts = asking.t, asking.services.contacts
    book = await asking.services.rulebooks.live()
    items = []
    for contact_id in ids:
        contact = await contacts.find(asking.actor, contact_id)
        why = await contacts.why(asking.actor, contact_id)
        strongest = sorted(why.lines, key=_weight)[:REASONS]
        reasons = ", ".join(points_text(line.rule, line.points, t) for line in strongest)
        seen = t("seen {ago}", ago=t.ago(contact.last_seen, asking.clock.now()))
        items.append(
            Item(
                title=f"{known_as(contacts.display(contact, book), company(contact, book))} · {t.number(why.score)}",
                lines=tuple(line for line in (reasons, seen) if line),
                buttons=(Why(ref=contact.id).button(t("Why?")), ContactCard(ref=contact.id).button(t("Contact"))),
            )
        )
    return tuple(items)


def _weight(line: ScoreLine) -> float:
    """The strongest first."""
    return -abs(line.points)


def _line(line: ScoreLine, t: Translator) -> str:
    """`cart +20 (3 times, 2 count)`."""
    text = f"{line.rule} {t.points(line.points)}"
    if not line.hits:
        return text
    times = t.count("once", "{number} times", line.hits)
    if line.counted != line.hits:
        times = t("{times}, of which {counted} count", times=times, counted=line.counted)
    if isinstance(line.fresh, float) and round(line.fresh, 1) != round(line.points, 1):
        times = t("{times}, {points} before ageing", times=times, points=t.points(line.fresh))
    return f"{text} ({times})"


def _identities(contact: Contact) -> Iterable[str]:
    for namespace, value in contact.identities:
        match namespace:
            case "email":
                yield mask_email(value)
            case "user":
                yield f"user:{mask_email(value) if '@' in value else value}"
            case _:
                yield f"{namespace}:{mask_text(value)}"


def _label(name: str, book: Rulebook) -> str:
    declared = book.attributes.get(name)
    return declared.label if declared and declared.label else name


def _value(value: Any, t: Translator) -> str:
    match value:
        case None:
            return ""
        case bool():
            return t("yes") if value else t("no")
        case list() | tuple():
            return ", ".join(str(one) for one in value)
        case _:
            return str(value)


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("`", "'")
