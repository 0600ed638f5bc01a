"""What readers do with a mail, as events of their history: `Email Opened`, `Email Link Clicked`, `Email Ignored`.

A click counts three seconds later, so that a program which follows every link of a mail is recognised before any of
them has counted; the click on a mail's only link counts at once. Of one mail an opening counts once a week, a click on
the same link once an hour. A mail whose opening would be seen, and of which nothing was seen for seven days, is
ignored; a program has not read it.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from typing import Final

from rules.contact import Millis, Value
from rules.entry import EventReceived
from server.errors import Unavailable
from server.ports import Clock
from server.services.links import Link, Links
from server.services.programs import Visit, is_program
from server.store.mail_tracks import MailTracks, Unread
from server.store.message_records import MessageRecords
from server.store.store import Store

__all__ = ["HOLD", "IGNORED_AFTER", "Tracking", "unread_member"]

HOLD: Final[Millis] = 3000
IGNORED_AFTER: Final[Millis] = 7 * 86_400_000

_PROGRAM: Final = 5  # so many links of a mail within `HOLD`, or all of them, are followed by a program
_HOUR: Final[Millis] = 3_600_000
_AFTER_HOLD: Final = 0.1  # seconds


def unread_member(contact: str, delivery: str, message: str) -> str:
    """What a mail whose opening would be seen is in the index of the unread."""
    return Unread(contact, delivery, message).member


class Tracking:
    """Takes openings and clicks, and finds what was ignored."""

    def __init__(self, store: Store, clock: Clock, links: Links) -> None:
        self._clock = clock
        self._links = links
        self._partition = store.partition
        self._tracks = MailTracks(store.redis, store.seal, store.partitions)
        self._records = MessageRecords(store.redis, store.seal, store.partitions)
        self._waiting: set[asyncio.Task[None]] = set()

    async def opened(self, token: str, visit: Visit) -> None:
        """The picture of a mail was fetched. Raises `Unavailable`."""
        link = self._links.read(token, "open")
        if link is None or is_program(visit, picture=True):
            return
        entry = await self._event(link, "Email Opened", f"{link.delivery}:opened", {})
        await self._tracks.opened(_mail(link), entry)

    async def clicked(self, token: str, visit: Visit) -> tuple[str, str] | None:
        """A link was followed: where it leads, and the token of the visitor ("" for a program's).

        None where the link is not one of ours. Raises `Unavailable`.
        """
        link = self._links.read(token, "click")
        if link is None:
            return None
        if is_program(visit):
            return link.target, ""
        now, name = self._clock.now(), hashlib.sha256(link.target.encode()).hexdigest()[:16]
        message_id = f"{link.delivery}:clicked:{name}:{now // _HOUR}"
        entry = await self._event(link, "Email Link Clicked", message_id, {"url": link.target})
        alone = link.links <= 1
        counts = await self._tracks.clicked(
            _mail(link), name, entry, now,
            within=HOLD, program=0 if alone else min(link.links, _PROGRAM), counts=now if alone else now + HOLD,
        )  # fmt: skip
        if counts:
            await self._count_soon(self._partition(link.contact), 0 if alone else HOLD)
        return link.target, self._links.visitor(link) if counts else ""

    async def sweep(self) -> None:
        """Count the clicks whose moment has come, and find the mails that were ignored. Raises `Unavailable`."""
        now = self._clock.now()
        clicks, unread = await self._tracks.due(now)
        for partition in clicks:
            await self._tracks.count_clicks(partition, now)
        for partition in unread:
            while mails := await self._tracks.unread(partition, now):
                told = [(mail, await self._ignored(mail)) for mail in mails]
                await self._tracks.ignored(partition, told)

    async def _count_soon(self, partition: int, after: Millis) -> None:
        """Count what is due in a partition after a while; a sweep does it where this process dies before."""
        if not after:
            await self._tracks.count_clicks(partition, self._clock.now())
            return

        async def later() -> None:
            await asyncio.sleep(after / 1000 + _AFTER_HOLD)
            with suppress(Unavailable):
                await self._tracks.count_clicks(partition, self._clock.now())

        task = asyncio.create_task(later())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _ignored(self, mail: Unread) -> EventReceived:
        link = Link(kind="open", delivery=mail.delivery, contact=mail.contact, message=mail.message)
        return await self._event(link, "Email Ignored", f"{mail.delivery}:ignored", {})

    async def _event(self, link: Link, name: str, message_id: str, more: dict[str, Value]) -> EventReceived:
        now = self._clock.now()
        about: dict[str, Value] = {"message": link.message, "delivery": link.delivery, "channel": "email"}
        purpose = link.purpose
        if (found := await self._records.find(link.delivery)) is not None:
            purpose = purpose or found.delivery.purpose
            if found.delivery.statement:
                about[found.delivery.statement] = found.delivery.rule
        about["purpose"] = purpose
        return EventReceived(
            name=name, time=now, received=now, message_id=message_id, properties=about | more, source="relance"
        )


def _mail(link: Link) -> Unread:
    return Unread(link.contact, link.delivery, link.message)
