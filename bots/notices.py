"""Telling people what became of a submission, and what is due, at each of their accounts on a platform."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog
from msgspec.structs import replace

from bots.cards import card_reply
from bots.commands import Services
from bots.commands.publishing import submission_reply
from bots.drafts import changed_names
from bots.replies import Reply
from rules.editing import Change
from server.errors import NotFound, RelanceError
from server.i18n import Translator, translator
from server.model.actor import SYSTEM
from server.model.card import Card
from server.model.draft import Notice, Submission
from server.ports import ChannelBusy, ChannelDown, ChannelError
from server.services.alerts import OVER

__all__ = ["Announcer", "notice_reply", "reminder_reply"]

log = structlog.get_logger(__name__)

EVERY: Final = 0.5  # seconds between two looks
AFTER_FAULT: Final = 5.0


class Announcer:
    """Hands notices of a platform to `tell`, which writes to whom they are for; `language` says in which language.

    What a platform refuses for good is dropped; the rest is told again in a minute, by whichever process is alive.
    """

    def __init__(
        self,
        services: Services,
        platform: str,
        tell: Callable[[Notice, Reply], Awaitable[None]],
        language: Callable[[Notice], Awaitable[str]],
    ) -> None:
        self._services = services
        self._platform = platform
        self._tell = tell
        self._language = language

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.turn()
                await asyncio.sleep(EVERY)
            except RelanceError as error:
                log.warning("notices not read", error=error.code)
                await asyncio.sleep(AFTER_FAULT)
            except Exception as error:  # whatever one notice met, others wait
                log.error("notices failed", error=type(error).__name__)
                await asyncio.sleep(AFTER_FAULT)

    async def turn(self) -> None:
        """Tell what waits. Raises `Unavailable`."""
        submissions = self._services.submissions
        for notice_id, notice in await submissions.notices(self._platform):
            make = await self._about(notice)
            if make is not None:
                try:
                    await self._tell(notice, make(translator(await self._language(notice))))
                except (ChannelBusy, ChannelDown) as error:
                    log.warning("notice to be told later", platform=self._platform, reason=error.reason)
                    continue
                except ChannelError as error:
                    log.warning("notice not told", platform=self._platform, reason=error.reason)
            await submissions.told(self._platform, notice_id)

    async def _about(self, notice: Notice) -> Callable[[Translator], Reply] | None:
        """What a notice says, in a language; None where it is not of interest any more."""
        if notice.kind == "reminder":
            alerts = self._services.alerts
            try:
                alert = await alerts.get(SYSTEM, notice.alert)
            except NotFound:
                return None
            card = None if alert.status in OVER or alert.owner != notice.person else await alerts.card(alert)
            return None if card is None else partial(reminder_reply, card)
        found = await self._services.submissions.notice(notice)
        return None if found is None else partial(notice_reply, notice, *found)


def reminder_reply(card: Card, t: Translator) -> Reply:
    """What a person hears of an alert or task that is due, or back."""
    title = t("Due: {text}", text=card.text) if card.kind == "task" else t("Back: {text}", text=card.text or card.who)
    shown = card_reply(card, t)
    return replace(shown, title=title, lines=(card.who, *shown.lines[1:]))


def notice_reply(notice: Notice, submission: Submission, changes: list[Change], t: Translator) -> Reply:
    """What a notice says."""
    match notice.kind:
        case "submitted":
            return submission_reply(submission, changes, t)
        case "approved":
            return Reply(
                title=t("{name} has approved your rules: version {version}", name=submission.decider_name,
                        version=submission.version),
                lines=(changed_names(changes, t),) if changes else (),
                tone="good",
            )  # fmt: skip
        case _:
            return Reply(
                title=t("{name} has rejected your rules", name=submission.decider_name),
                lines=(submission.reason, t("Your draft is as it was: mend it and submit it again.")),
                tone="bad",
            )
