"""SMS to contacts, over a gateway."""

from __future__ import annotations

import re
from typing import Final

from rules.contact import Contact
from server.channels.gateway import Gateway
from server.model.outgoing import Outbound

__all__ = ["SmsChannel", "phone_of"]

_E164: Final = re.compile(r"\+[1-9]\d{6,14}")
_NAMES: Final = ("phone", "mobile", "phone_number", "mobile_phone", "telephone")


class SmsChannel:
    """Implements `ports.MessageChannel`. `country`: the calling code of numbers that name none, such as 33."""

    channel = "sms"

    def __init__(self, gateway: Gateway, country: str = "") -> None:
        self._gateway = gateway
        self._country = country

    def address(self, outbound: Outbound) -> str:
        """The contact's number in the form of E.164, from the attribute `phone` or `mobile`; "" where it has none."""
        return phone_of(outbound.contact, self._country)

    async def send(self, outbound: Outbound) -> str:
        """Hand one message over; its reference is the gateway's."""
        values = {"to": outbound.to, "text": outbound.rendered.body.strip(), "delivery": outbound.delivery.id}
        return await self._gateway.send(values)


def phone_of(contact: Contact, country: str = "") -> str:
    """A contact's number as `+33612345678`; "" where none can be one."""
    for name in _NAMES:
        text = contact.attributes.get(name)
        if not isinstance(text, str):
            continue
        digits = re.sub(r"[\s().\-/\u00a0\u202f]", "", text)
        if digits.startswith("00"):
            digits = "+" + digits[2:]
        elif digits.startswith("0") and country:
            digits = f"+{country}{digits[1:]}"
        if _E164.fullmatch(digits):
            return digits
    return ""
