"""A chat platform in a few lines: it keeps messages, and answers as a test has scripted."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

from server.model.card import Card
from server.ports import ChannelBusy, ChannelDown, ChannelRefused, ChannelUnsure

__all__ = ["Message", "ScriptedChannel"]

# "lost": the message arrives, its answer does not; "hangs": nor is the connection closed; "vanished": nothing arrives.
Answer: TypeAlias = Literal["ok", "busy", "down", "lost", "vanished", "refused", "hangs", "breaks"]


class Message(msgspec.Struct):
    """A message as people see it."""

    address: str
    card: Card
    repeated: bool = False
    edits: int = 0


class ScriptedChannel:
    """Implements `server.ports.CardChannel`. Calls take answers from `script` in order, then all are "ok".

    `seen` is called as a call begins; `doubled` counts calls for a card while another call for it is under way.
    """

    def __init__(self, platform: str = "slack", *, finds: bool = True, latency: float = 0.0) -> None:
        self.platform = platform
        self.finds = finds
        self.latency = latency
        self.script: deque[Answer] = deque()
        self.messages: list[Message] = []
        self.calls: list[str] = []
        self.retry_after = 7.0
        self.doubled = 0
        self.seen: Callable[[str], object] = lambda call: None
        self._under_way: set[tuple[str, str]] = set()

    def plays(self, *answers: Answer) -> None:
        """The answers to the next calls."""
        self.script.extend(answers)

    async def post(self, address: str, card: Card, *, repeated: bool = False) -> str:
        message = Message(address, card, repeated)
        await self._call("post", address, card.alert, lambda: self.messages.append(message))
        return f"{address}:{self.messages.index(message)}"

    async def edit(self, address: str, reference: str, card: Card) -> None:
        def change() -> None:
            message = self.messages[int(reference.split(":")[1])]
            assert message.address == address
            message.card, message.edits = card, message.edits + 1

        await self._call("edit", address, card.alert, change)

    async def find(self, address: str, alert: str) -> str | None:
        await self._call("find", address, alert, lambda: None)
        there = [n for n, m in enumerate(self.messages) if (m.address, m.card.alert) == (address, alert)]
        return f"{address}:{there[-1]}" if there and self.finds else None

    async def _call(self, call: str, address: str, alert: str, effect: Callable[[], object]) -> None:
        self.calls.append(call)
        self.doubled += (address, alert) in self._under_way
        self._under_way.add((address, alert))
        try:
            self.seen(call)
            await asyncio.sleep(self.latency)
            answer = self.script.popleft() if self.script else "ok"
            self._answer(answer, effect)
            if answer == "hangs":
                await asyncio.sleep(3600)
        finally:
            self._under_way.discard((address, alert))

    def _answer(self, answer: Answer, effect: Callable[[], object]) -> None:
        match answer:
            case "busy":
                raise ChannelBusy("ratelimited", self.retry_after)
            case "down":
                raise ChannelDown("connection refused")
            case "refused":
                raise ChannelRefused("channel_not_found")
            case "vanished":
                raise ChannelUnsure("connection lost")
            case "breaks":
                raise ZeroDivisionError
        effect()
        if answer == "lost":
            raise ChannelUnsure("connection lost")
