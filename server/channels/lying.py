"""Messages that lie and wait: in the contact's inbox on the site, in a file for the printer."""

from __future__ import annotations

from typing import Final, Protocol

from server.errors import Unavailable
from server.model.lying import InboxMessage, PrintRow
from server.model.outgoing import Outbound
from server.ports import ChannelDown, ChannelRefused, Clock

__all__ = ["InboxChannel", "PrintChannel"]

_ADDRESS: Final = ("name", "street", "address", "postcode", "city")  # columns that may not be empty


class SiteInbox(Protocol):
    """Keeps what contacts find on the site: `store.site_inbox.SiteInbox`."""

    async def put(self, contact: str, message: InboxMessage) -> None: ...


class PrintRows(Protocol):
    """Keeps what is to be printed: `store.print_rows.PrintRows`."""

    async def add(self, row: PrintRow) -> str: ...


class InboxChannel:
    """Implements `ports.MessageChannel`: the site shows what lies in the inbox (`GET /v1/inbox`)."""

    channel = "inbox"

    def __init__(self, inbox: SiteInbox, clock: Clock) -> None:
        self._inbox = inbox
        self._clock = clock

    def address(self, outbound: Outbound) -> str:
        """Every contact has an inbox."""
        return outbound.contact.id

    async def send(self, outbound: Outbound) -> str:
        """Put the message in; its reference is the delivery."""
        rendered, delivery = outbound.rendered, outbound.delivery
        message = InboxMessage(
            id=delivery.id,
            time=self._clock.now(),
            title=rendered.subject or rendered.fields.get("title", ""),
            text=rendered.text or rendered.body,
            html=rendered.html,
            link=rendered.fields.get("link", ""),
            image=rendered.fields.get("image", ""),
        )
        try:
            await self._inbox.put(outbound.contact.id, message)
        except Unavailable as error:
            raise ChannelDown(error.code) from None  # the same message is put in once
        return delivery.id


class PrintChannel:
    """Implements `ports.MessageChannel`: the head of the template holds the columns, `relance print` takes them out."""

    channel = "print"

    def __init__(self, rows: PrintRows, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock

    def address(self, outbound: Outbound) -> str:
        """The contact: whether its address is whole is seen in the columns."""
        return outbound.contact.id

    async def send(self, outbound: Outbound) -> str:
        """Add a row; its reference is its place."""
        fields = outbound.rendered.fields
        if any(not fields[name].strip() for name in _ADDRESS if name in fields):
            raise ChannelRefused("no_address")
        row = PrintRow(
            message=outbound.delivery.message,
            delivery=outbound.delivery.id,
            time=self._clock.now(),
            fields=fields,
            text=outbound.rendered.body.strip(),
        )
        try:
            return await self._rows.add(row)
        except Unavailable as error:
            raise ChannelDown(error.code) from None  # a row that is there twice is taken out once
