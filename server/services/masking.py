"""Names of contacts for channels: what the rulebook lets alerts show, else an identity that tells little."""

from __future__ import annotations

from rules.contact import Contact, Value
from rules.rulebook import Rulebook

__all__ = ["company", "display", "mask_email", "mask_text", "masked_attributes"]

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
