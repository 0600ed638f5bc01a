"""Writing rules in Slack: a form is opened at once, filled when it is known what stands in it, and taken back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from bots.commands import Answer, Caller, Services, text_to
from bots.files import LARGEST, UNFETCHED, NoText, base_of, named_rules, text_of
from bots.replies import Reply
from bots.slack.client import SlackClient
from bots.slack.forms import Filled, Memory, View, errors_at, form, loading, said, too_long
from bots.slack.languages import Languages
from bots.slack.requests import Asked, File
from bots.tasks import Tasks
from server.i18n import Translator, translator
from server.model.draft import Place
from server.ports import ChannelError, Clock

__all__ = ["Editor"]

log = structlog.get_logger(__name__)

ASKING: Final = 0.5  # for the language


class Editor:
    """Opens forms and takes what is written in them; `say` answers in the conversation.

    What takes longer than `patience`, in seconds, is told in the form itself.
    """

    def __init__(
        self,
        services: Services,
        client: SlackClient,
        languages: Languages,
        clock: Clock,
        tasks: Tasks,
        say: Callable[[Asked, Reply], Coroutine[Any, Any, None]],
        patience: float,
    ) -> None:
        self._patience = patience
        self._services = services
        self._client = client
        self._languages = languages
        self._clock = clock
        self._tasks = tasks
        self._say = say

    async def open(self, ask: Asked) -> str:
        """Open a form that says nothing yet, before anything else is looked at; its id, or "" where that fails."""
        if ask.view:
            return ask.view
        if not ask.trigger:
            return ""
        try:
            opened = await self._client.call("views.open", trigger_id=ask.trigger, view=loading())
        except ChannelError as error:  # it took too long: a button in the answer opens another
            log.warning("slack form not opened", reason=error.reason)
            return ""
        return str((opened.get("view") or {}).get("id") or "")

    async def show(self, ask: Asked, view: str, reply: Reply, t: Translator) -> bool:
        """Fill the form, or say in its place why there is none; False where it is there no more."""
        try:
            await self._client.call("views.update", view_id=view, view=self._view(ask, reply, t))
        except ChannelError as error:
            log.warning("slack form not filled", reason=error.reason)
            return False
        return True

    async def read(self, ask: Asked, file: File, t: Translator) -> Reply:
        """Take a file that was sent as the whole text of a draft."""
        try:
            named_rules(file.name, file.size)
            text = text_of(await self._client.fetch(file.url_private_download, LARGEST))
        except NoText as error:
            return Reply(title=t(error.why), tone="bad")
        except ChannelError as error:
            log.warning("slack file not fetched", reason=error.reason)
            return Reply(title=t(UNFETCHED), tone="bad")
        place = Place(what="rulebook", base=base_of(file.name))
        caller = Caller(platform="slack", workspace=ask.team, user=ask.user)
        answer = await text_to(self._services, caller, place, text, language=t.language, clock=self._clock)
        return answer.reply

    async def take(self, given: Filled) -> bytes:
        """What Slack is to do with a form that came back: show its errors, show something else, or close it."""
        memory = given.memory
        ask = Asked(id="", team=given.team, user=given.user, text="", response_url=memory.response_url,
                    channel=memory.channel or given.user)  # fmt: skip
        t = translator(await self._languages.soon(given.user, ASKING))
        caller = Caller(
            platform="slack", workspace=given.team, user=given.user, timezone=self._languages.known_zone(given.user)
        )
        work = text_to(
            self._services, caller, memory.place, given.text, language=t.language, clock=self._clock, slack=True,
            strict=True,
        )  # fmt: skip
        taking = asyncio.ensure_future(work)
        done, _ = await asyncio.wait({taking}, timeout=self._patience)
        if not done:
            self._tasks.start(self._later(ask, given, taking, t))
            return _action("update", view=loading())
        answer = taking.result()
        if answer.problems:
            return _action("errors", errors=errors_at(given, answer.problems, t))
        if answer.reply.tone == "bad":
            return _action("update", view=self._view(ask, answer.reply, t))
        self._tasks.start(self._say(ask, answer.reply))
        return _action("clear")

    async def _later(self, ask: Asked, given: Filled, taking: asyncio.Future[Answer], t: Translator) -> None:
        """It took longer than Slack waits: the form shows what came of it."""
        answer = await taking
        if not await self.show(ask, given.view, answer.reply, t):
            await self._say(ask, answer.reply)

    def _view(self, ask: Asked, reply: Reply, t: Translator) -> View:
        prompt = reply.prompt
        if prompt is None:
            return said(reply)
        if too_long(prompt):
            return said(
                Reply(
                    title=t("This text is too long for a form"),
                    lines=(t("Change one rule at a time: `rules edit NAME`. Or send me all of it as a .rules file."),),
                )
            )
        memory = Memory(place=prompt.place, response_url=ask.response_url, channel=ask.channel)
        return form(reply, prompt, memory, t)


def _action(kind: str, **more: Any) -> bytes:
    return json.dumps({"response_action": kind, **more}).encode()
