"""Answering people in one Slack workspace: what they type, press, mention and write in forms."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from msgspec import structs

from bots.commands import Caller, Services, WhyCard, asks, reply_to
from bots.copies import card_pressed
from bots.progress import Progress
from bots.replies import Reply
from bots.slack.editor import Editor
from bots.slack.forms import Filled
from bots.slack.home import Home
from bots.slack.languages import Languages
from bots.slack.render import Message, render
from bots.slack.requests import Asked, Pointed
from bots.slack.workspace import Workspace
from bots.tasks import Tasks
from server.i18n import translator
from server.ports import ChannelBusy, ChannelDown, ChannelError, ChannelRefused, Clock

__all__ = ["Talk"]

log = structlog.get_logger(__name__)

RESPONSES: Final = 4  # a response_url takes five, and one may have said how far it is


class Talk:
    """Works what was asked in a workspace, and answers there."""

    def __init__(
        self, services: Services, workspace: Workspace, clock: Clock, tasks: Tasks, *, language: str, patience: float
    ) -> None:
        self._services = services
        self._workspace = workspace
        self._client = workspace.client
        self._clock = clock
        self._languages = Languages(self._client, clock, language)
        self._editor = Editor(services, self._client, self._languages, clock, tasks, self._answer, patience)
        self._home = Home(services, self._client, clock)

    async def work(self, ask: Asked) -> None:
        """Do what is asked and say what came of it."""
        form = await self._editor.open(ask) if ask.view or asks(ask.text) else ""
        language, zone = await self._languages.of(ask.user), await self._languages.zone(ask.user)
        chat = await self._addresses(ask.chat)
        caller = Caller(platform="slack", workspace=ask.team, user=ask.user, chat=chat, timezone=zone)
        if ask.home and not ask.pressed:
            await self._home.show(caller, language)
            return
        reply = await self._reply(ask, caller, language)
        if not form or not await self._editor.show(ask, form, reply, translator(language)):
            await self._answer(ask, reply)
        if ask.card is not None:
            await card_pressed(self._services, "slack", ask.card.alert, f"{ask.card.channel}:{ask.card.ts}")
        if ask.home:  # what stands there has changed
            await self._home.show(caller, language)

    async def take(self, form: Filled) -> bytes:
        """What Slack is to do with a form that came back."""
        return await self._editor.take(form)

    async def tell(self, user: str, reply: Reply) -> None:
        """Write to somebody in private. Raises ChannelError."""
        for message in render(reply):
            await self._client.call("chat.postMessage", channel=user, **message.payload)

    async def language(self, user: str) -> str:
        """The language to write to a person in."""
        return await self._languages.of(user)

    async def _addresses(self, chat: tuple[str, ...]) -> tuple[str, ...]:
        """The addresses of the channel that something was asked in, its name among them."""
        if len(chat) == 1 and not chat[0].startswith("D") and (name := await self._workspace.cards.name(chat[0])):
            chat = (*chat, name)
        return self._workspace.addresses(chat)

    async def _reply(self, ask: Asked, caller: Caller, language: str) -> Reply:
        async def show(reply: Reply) -> None:
            await self._say(ask, render(reply)[0])

        async with Progress(show, most=1) as progress:
            if ask.file is not None:
                return await self._editor.read(ask, ask.file, translator(language))
            said: str | WhyCard = ask.text
            if ask.message is not None:
                try:
                    said = WhyCard(alert=await self._alert(ask.message))
                except ChannelError as error:
                    log.warning("slack message not looked at", reason=error.reason)
                    t = translator(language)
                    return Reply(title=t("Slack does not show me this message now. Try again."), tone="bad")
            return await reply_to(self._services, caller, said, language=language, clock=self._clock, working=progress)

    async def _alert(self, message: Pointed) -> str:
        """The alert whose card a message is; "" where it is none, or none that we may look at."""
        return message.alert or await self._workspace.cards.alert(message.channel, message.ts)

    async def _answer(self, ask: Asked, reply: Reply) -> None:
        """Answer where something was asked; in private where that is not possible any more."""
        instead = ask.pressed and (reply.pages is not None or reply.settles)
        messages = render(reply)[:RESPONSES]
        try:
            for number, message in enumerate(messages):
                await self._say(ask, message, replace=instead and number == 0)
        except ChannelRefused as error:
            log.warning("slack answer refused", reason=error.reason)
            if ask.response_url:
                await self._answer(structs.replace(ask, response_url="", channel=ask.user, thread=""), reply)
        except ChannelError as error:
            log.warning("slack answer not delivered", reason=error.reason)

    async def _say(self, ask: Asked, message: Message, *, replace: bool = False) -> None:
        """Hand a message to Slack, again where it surely did not arrive. `replace`: a page takes the other's place."""
        for wait in (1.0, 5.0, 0.0):
            try:
                if ask.response_url:
                    payload = {"response_type": "ephemeral", "replace_original": replace, **message.payload}
                    await self._client.respond(ask.response_url, payload)
                else:
                    thread = {"thread_ts": ask.thread} if ask.thread else {}
                    await self._client.call("chat.postMessage", channel=ask.channel, **thread, **message.payload)
            except (ChannelBusy, ChannelDown) as error:
                if not wait:
                    raise
                await asyncio.sleep(error.retry_after if isinstance(error, ChannelBusy) else wait)
            else:
                return
