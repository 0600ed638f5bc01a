"""Reminders: whoever has a task hears in private when it is due, and when an alert that they put off is back."""

from __future__ import annotations

from typing import Final

from rules.contact import Alert, Millis
from server.errors import NotFound
from server.model.draft import Notice
from server.ports import Clock
from server.services.alerts import OVER
from server.services.people import People
from server.store import keys
from server.store.faults import redis_needed
from server.store.notices import Notices
from server.store.store import Store

__all__ = ["Reminders"]

AT_ONCE: Final = 100  # of a partition


class Reminders:
    """Turns moments that have come into notices, which the bots tell.

    The engine notes a moment in the commit of the alert that has it. A crash between notice and note may double one.
    """

    def __init__(self, store: Store, clock: Clock, people: People) -> None:
        self._store = store
        self._clock = clock
        self._people = people
        self._notices = Notices(store.redis, store.seal)

    async def run(self) -> int:
        """Tell of what is due now; how many. Raises `Unavailable`."""
        now, number = self._clock.now(), 0
        for partition, alert_id in await self._due(now):
            alert = await self._store.alerts.load(alert_id)
            if alert is not None and alert.owner and alert.status not in OVER:
                if alert.status == "snoozed" and alert.until <= now:
                    continue  # the engine is about to wake it
                if alert.status != "snoozed":
                    number += await self._tell(alert, now)
            with redis_needed():
                await self._store.redis.zrem(keys.reminders(partition), alert_id)
        return number

    async def _due(self, now: Millis) -> list[tuple[int, str]]:
        with redis_needed():
            async with self._store.redis.pipeline(transaction=False) as pipe:
                for partition in range(self._store.partitions):
                    pipe.zrangebyscore(keys.reminders(partition), "-inf", now, 0, AT_ONCE)
                answers = await pipe.execute()
        return [(partition, found.decode()) for partition, answer in enumerate(answers) for found in answer]

    async def _tell(self, alert: Alert, now: Millis) -> int:
        """One notice for each account of whoever has it."""
        try:
            person = await self._people.find(alert.owner)
        except NotFound:  # an operator at the terminal, a program, somebody who was removed
            return 0
        for account in person.accounts:
            notice = Notice(
                kind="reminder", workspace=account.workspace, user=account.user, person=person.id, submission="",
                time=now, alert=alert.id,
            )  # fmt: skip
            await self._notices.add(account.platform, notice)
        return len(person.accounts)
