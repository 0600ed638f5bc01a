"""Names of contacts for channels: what the rulebook lets alerts show, else an identity that tells little."""

from __future__ import annotations

from rules.actions import Condition
from rules.contact import Contact, Value
from rules.rulebook import Attribute, Rulebook

__all__ = ["company", "display", "mask_email", "mask_text", "masked_attributes", "told_of"]

_HIDDEN = "•••"
_COMPANY = ("company", "company_name", "organization", "organisation", "entreprise", "societe")


def display(contact: Contact, book: Rulebook) -> str:
    """A contact's name in a channel: attributes `shown in alerts`, in the order of the text, else a masked identity."""
    shown = [
        str(contact.attributes[attribute.name])
        for attribute in book.attributes.values()
        if attribute.shown_in_alerts and contact.attributes.get(attribute.name) not in (None, "", [])
    ]
    if shown:
        return " ".join(shown)
    identities = dict(reversed(contact.identities))
    if "email" in identities:
        return mask_email(identities["email"])
    if "user" in identities:
        return mask_text(identities["user"])
    return contact.id


def company(contact: Contact, book: Rulebook) -> str:
    """The company of a contact, where the rulebook has an attribute for it that a channel may show."""
    for name in _COMPANY:
        declared, value = book.attributes.get(name), contact.attributes.get(name)
        if declared is not None and value and (declared.shown_in_alerts or not declared.personal):
            return str(value)
    return ""


def told_of(condition: Condition, contact: Contact, book: Rulebook) -> tuple[tuple[str, str], ...]:
    """What makes a condition on attributes true, as a channel may show it: `("Company", "Maison Verdier")`.

    The value is "" of what is hidden, or is just true. Nothing where the condition asks for anything else than
    attributes, or where one is not there, or false.
    """
    reads = condition.expression.reads if condition.expression else None
    if reads is None or reads.functions or reads.segments or reads.lists or reads.purposes or reads.reads_score:
        return ()
    if reads.names != ("contact",) or reads.uses_now:
        return ()
    known = [(book.attributes.get(name), contact.attributes.get(name)) for name in reads.attributes]
    told = [_told(attribute, value) for attribute, value in known if attribute is not None]
    shown = tuple(pair for pair in told if pair is not None)
    return shown if len(shown) == len(known) else ()


def _told(attribute: Attribute, value: Value) -> tuple[str, str] | None:
    label = attribute.label or attribute.name
    if value is None or value is False or value in ("", []):
        return None
    if value is True or (attribute.personal and not attribute.shown_in_alerts):
        return label, ""
    return label, ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def masked_attributes(contact: Contact, book: Rulebook) -> dict[str, Value]:
    """A contact's attributes as a channel may show them: personal ones masked unless `shown in alerts`.

    Attributes that the rulebook does not declare any more are left out.
    """
    masked: dict[str, Value] = {}
    for attribute in book.attributes.values():
        if attribute.name not in contact.attributes:
            continue
        value = contact.attributes[attribute.name]
        if attribute.personal and not attribute.shown_in_alerts and value is not None:
            value = _masked(value)
        masked[attribute.name] = value
    return masked


def mask_email(address: str) -> str:
    """`zoe@shop.example` as `z•••@s•••.example`."""
    local, _, domain = address.partition("@")
    name, dot, rest = domain.rpartition(".")
    return f"{local[:1]}{_HIDDEN}@{name[:1]}{_HIDDEN}{dot}{rest}" if name else mask_text(address)


def mask_text(text: str) -> str:
    """The first and the last character, where there are enough between them to hide."""
    return f"{text[:1]}{_HIDDEN}{text[-1:]}" if len(text) > 4 else _HIDDEN


def _masked(value: Value) -> str:
    if isinstance(value, str):
        return mask_email(value) if "@" in value else mask_text(value)
    return _HIDDEN
