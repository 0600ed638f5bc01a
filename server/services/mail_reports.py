"""What became of mails that went out, as mail systems tell it: delivered, bounced, complained about.

Only mails of ours count: the name of a mail proves whom it went to (`services.links`). A hard bounce and a complaint
suppress the address at once, the fifth soft bounce between which nothing arrived does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from rules.contact import Value
from rules.entry import EventReceived
from server.channels.email import email_of
from server.channels.mail_address import usual_address
from server.model.mail_report import MailFate, MailReport
from server.model.outgoing import MessageDelivery, MessageState
from server.ports import Clock
from server.services.links import Links, Referred
from server.services.suppressions import Suppressions
from server.store.message_outbox import Found, MessageOutbox
from server.store.message_records import MessageRecords
from server.store.store import Store

__all__ = ["MailReports"]

_NAME: Final = re.compile(r"[A-Za-z0-9-]+\.[A-Za-z0-9]+\.[0-9a-f]{16}(?=@|>|\s|\Z)")
_EVENTS: Final[dict[MailFate, tuple[str, str]]] = {
    "delivered": ("Email Delivered", "delivered"),
    "hard bounce": ("Email Bounced", "bounced"),
    "soft bounce": ("Email Bounced", "bounced"),
    "complaint": ("Email Complained", "complained"),
}


class MailReports:
    """Takes reports on mails."""

    def __init__(self, store: Store, clock: Clock, links: Links, suppressions: Suppressions) -> None:
        self._store = store
        self._clock = clock
        self._links = links
        self._suppressions = suppressions
        self._records = MessageRecords(store.redis, store.seal, store.partitions)
        self._outbox = MessageOutbox(store.redis, store.seal, store.partitions)

    async def take(self, reports: Sequence[MailReport]) -> int:
        """Take reports; return how many were about mails of ours. Twice is once. Raises `Unavailable`."""
        taken = 0
        for report in reports:
            mail = await self._mail(report)
            if mail is not None:
                await self._take(report, mail)
                taken += 1
        return taken

    async def _mail(self, report: MailReport) -> Referred | None:
        """Which mail of ours a report is about."""
        said = [address for text in report.recipients if (address := usual_address(text))]
        for text in report.names:
            for name in _NAME.findall(text):
                contact = await self._store.contacts.load(name.split(".")[-2])
                own = email_of(contact) if contact is not None else ""
                if (mail := self._links.referred(name, [*said, *([own] if own else [])])) is not None:
                    return mail
        return None

    async def _take(self, report: MailReport, mail: Referred) -> None:
        """The address first: whatever fails behind that, no further message goes to a dead one."""
        match report.fate:
            case "hard bounce" | "complaint":
                await self._suppressions.add("email", mail.address, report.fate, mail.contact)
            case "soft bounce":
                await self._suppressions.bounced_softly("email", mail.address, mail.delivery, mail.contact)
            case "delivered":
                await self._suppressions.arrived("email", mail.address)
        found = await self._records.find(mail.delivery)
        if found is None:
            return  # so long ago that it is forgotten
        await self._store.log.append([(mail.contact, self._event(report, found.delivery))])
        await self._change(report, found)

    async def _change(self, report: MailReport, found: Found) -> None:
        """Let the delivery say what became of it, where it ended well so far."""
        before = found.delivery
        state: MessageState = "delivered" if report.fate in ("delivered", "complaint") else "failed"
        if before.state not in ("sent", "unknown") and (before.state, state) != ("delivered", "failed"):
            return
        reason = "" if report.fate == "delivered" else f"{report.fate} {report.status}".strip()
        now = self._clock.now()
        await self._outbox.change(found, replace(before, state=state, reason=reason, updated=now), now)

    def _event(self, report: MailReport, delivery: MessageDelivery) -> EventReceived:
        now = self._clock.now()
        name, what = _EVENTS[report.fate]
        about: dict[str, Value] = {
            "message": delivery.message, "delivery": delivery.id, "channel": "email", "purpose": delivery.purpose
        }  # fmt: skip
        if delivery.statement:
            about[delivery.statement] = delivery.rule
        if what == "bounced":
            about |= {"kind": report.fate.partition(" ")[0], "reason": report.status}
        return EventReceived(
            name=name, time=now, received=now, message_id=f"{delivery.id}:{what}", properties=about, source="relance"
        )
