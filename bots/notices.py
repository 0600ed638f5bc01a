"""Telling people what became of a submission, at each of their accounts on a platform."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from bots.commands import Services
from bots.commands.publishing import submission_reply
from bots.drafts import changed_names
from bots.replies import Reply
from rules.editing import Change
from server.errors import RelanceError
from server.i18n import Translator, translator
from server.model.draft import Notice, Submission
from server.ports import ChannelBusy, ChannelDown, ChannelError

__all__ = ["Announcer", "notice_reply"]

log = structlog.get_logger(__name__)

EVERY: Final = 0.5  # seconds between two looks
AFTER_FAULT: Final = 5.0


class Announcer:
    """Hands notices of a platform to `tell`, which writes to a user of a workspace; `language` says in which language.

    What a platform refuses for good is dropped; the rest is told again in a minute, by whichever process is alive.
    """

    def __init__(
        self,
        services: Services,
        platform: str,
        tell: Callable[[Notice, Reply], Awaitable[None]],
        language: Callable[[str], Awaitable[str]],
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
            found = await submissions.notice(notice)
            if found is not None:
                try:
                    t = translator(await self._language(notice.user))
                    await self._tell(notice, notice_reply(notice, *found, t))
                except (ChannelBusy, ChannelDown) as error:
                    log.warning("notice to be told later", platform=self._platform, reason=error.reason)
                    continue
                except ChannelError as error:
                    log.warning("notice not told", platform=self._platform, reason=error.reason)
            await submissions.told(self._platform, notice_id)


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
