"""An afternoon at the shop, told as pictures: each is drawn of what had reached Slack or Telegram at that moment."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Literal, NamedTuple

from tests.emulators.http import eventually
from tests.emulators.slack import Message
from tests.emulators.telegram import Post
from tests.screens import slack, telegram
from tests.screens.shop import ANA, CHANNEL, GROUP, NOE, PATIENCE, ZONE, Shop
from tests.screens.words import WORDS

__all__ = ["NAMES", "Screen", "play"]

NAMES = ("cards", "help", "top", "why", "timeline", "contact", "home", "dismiss", "rule")
"""The pictures of each chat. Telegram has no home: there it is what the same commands answer."""


class Screen(NamedTuple):
    """A picture to be: its name, whose manner it is in, its HTML."""

    name: str
    manner: Literal["slack", "telegram"]
    body: str

    def file(self, language: str) -> str:
        """The name of its file, of a story in this language."""
        return f"{self.manner}-{self.name}{'' if language == 'en' else f'-{language}'}.png"


async def play(shop: Shop) -> list[Screen]:
    """The story from the first event to the last picture, in the shop's language."""
    await shop.week()
    return [*await _InSlack(shop).told(), *await _InTelegram(shop).told()]


class _InSlack:
    """Ana takes a lead on and looks around; Noé changes a rule."""

    def __init__(self, shop: Shop) -> None:
        locale = "fr-FR" if shop.language == "fr" else "en-GB"
        self.shop = shop
        self.words = WORDS[shop.language]
        self.channel = shop.slack.channel(CHANNEL)
        self.ana = shop.slack.user(ANA[0], locale=locale, zone=ZONE)
        self.noe = shop.slack.user(NOE[0], locale=locale, zone=ZONE)

    async def told(self) -> list[Screen]:
        """The pictures."""
        words, (tom, lea) = self.words, self.channel.messages[-2:]
        await self._asks(f"{words['claim']} {tom.alert}")
        await self.shop.desk.deliver()
        cards = [slack.message(card.content, self.shop.clock(float(card.ts))) for card in (tom, lea)]
        shown = [Screen("cards", "slack", slack.channel(CHANNEL, cards))]
        await self._asks(words["note"])
        for name in ("help", "top", "why", "timeline", "contact"):
            answer = await self._asks(words[name])
            said = slack.message(answer.content, self.shop.hour, above=words["alone"])
            shown.append(Screen(name, "slack", slack.channel(CHANNEL, [slack.typed(f"/relance {words[name]}"), said])))
        await self._asks(f"{words['claim']} {lea.alert}")
        await self._asks(words["task"])
        await self.ana.opens_home()
        view = self.shop.slack.views.homes[self.ana.id][-1]
        home = Screen("home", "slack", slack.home(view, words["tabs"].split(", ")))
        await self.ana.clicks(lea, words["dismiss"])
        form = await self.ana.sees_form(words["why?"], PATIENCE)
        return [*shown, home, Screen("dismiss", "slack", slack.modal(form.content)), await self._rule()]

    async def _rule(self) -> Screen:
        """A form with a mistake in its field."""
        await self.noe.says(f"/relance {self.words['edit']}", self.channel)
        form = await self.noe.sees_form("contact.score", PATIENCE)
        assert await self.noe.fills(form, self.words["rule"]) == "errors"
        return Screen("rule", "slack", slack.modal(form.content, (self.words["rule"],), form.errors))

    async def _asks(self, text: str) -> Message:
        """The answer that Ana alone sees."""
        heard = self.shop.slack.heard.setdefault(self.ana.id, [])
        before = len(heard)
        await self.ana.says(f"/relance {text}", self.channel)
        return await eventually(lambda: heard[before] if len(heard) > before else None, f"answer to {text}", PATIENCE)


class _InTelegram:
    """The team sees the same cards in its group; Ana and Noé do the same on their telephones."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.words = WORDS[shop.language]
        self.ana = shop.telegram.user(ANA[1], language=shop.language)
        self.noe = shop.telegram.user(NOE[1], language=shop.language)

    async def told(self) -> list[Screen]:
        """The pictures."""
        words = self.words
        cards = [telegram.post(card, self.shop.hour, group=True) for card in self.shop.telegram.chats[GROUP].posts[-2:]]
        shown = [self._in_group("cards", cards)]
        for name in ("help", "top", "why", "timeline", "contact"):
            shown.append(_private(name, await self._asks(words[name])))
        home = [*await self._asks(words["mine"]), *await self._asks(words["tasks"])]
        return [*shown, _private("home", home), await self._rule(), await self._dismiss()]

    def _in_group(self, name: str, parts: list[str]) -> Screen:
        return Screen(name, "telegram", telegram.chat(self.words["group"], self.words["members"], parts))

    async def _dismiss(self) -> Screen:
        """The question why a lead is dismissed, its answer, and what came of it."""
        card, hour, reason = self.shop.telegram.chats[GROUP].posts[-1], self.shop.hour, self.words["reason"]
        asked = await self._answer(GROUP, self.ana.clicks(card, self.words["dismiss"]))
        told = await self._answer(GROUP, self.ana.answers(asked, reason))
        parts = [telegram.post(asked, hour, group=True), telegram.said(reason, hour, answering=asked)]
        return self._in_group("dismiss", [*parts, telegram.post(told, hour, group=True)])

    async def _rule(self) -> Screen:
        """A mistake in the text that answers a message."""
        words, hour = self.words, self.shop.hour
        asked = await self._answer(self.noe.id, self.noe.says(f"/{words['edit']}"))
        told = await self._answer(self.noe.id, self.noe.answers(asked, words["rule"]))
        parts = [telegram.said(f"/{words['edit']}", hour), telegram.post(asked, hour)]
        return _private(
            "rule", [*parts, telegram.said(words["rule"], hour, answering=asked), telegram.post(told, hour)]
        )

    async def _asks(self, text: str) -> list[str]:
        """What Ana says, and the answer."""
        answer = await self._answer(self.ana.id, self.ana.says(f"/{text}"))
        return [telegram.said(f"/{text}", self.shop.hour), telegram.post(answer, self.shop.hour)]

    async def _answer(self, user: int, saying: Awaitable[None]) -> Post:
        posts = self.shop.telegram.chats[user].posts
        before = len(posts)
        await saying
        return await eventually(lambda: posts[before] if len(posts) > before else None, "answer", PATIENCE)


def _private(name: str, parts: list[str]) -> Screen:
    return Screen(name, "telegram", telegram.chat("Relance", "bot", parts))
