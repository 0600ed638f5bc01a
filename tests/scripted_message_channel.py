"""A channel for messages in a few lines: it keeps what it is given, and answers as a test has scripted."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal, TypeAlias

from server.model.outgoing import Outbound
from server.ports import ChannelBusy, ChannelDown, ChannelRefused, ChannelUnsure

__all__ = ["ScriptedMessageChannel"]

# "lost": the message arrives, its answer does not; "hangs": nor is the connection closed; "vanished": nothing arrives.
Answer: TypeAlias = Literal["ok", "busy", "down", "lost", "vanished", "refused", "dead", "hangs", "breaks"]


class ScriptedMessageChannel:
    """Implements `server.ports.MessageChannel`. Calls take answers from `script` in order, then all are "ok".

    `seen` is called as a call begins; `most` is how many were under way at once.
    """

    def __init__(self, channel: str = "email", *, latency: float = 0.0) -> None:
        self.channel = channel
        self.latency = latency
        self.script: deque[Answer] = deque()
        self.sent: list[Outbound] = []
        self.calls = 0
        self.retry_after = 7.0
        self.most = 0
        self.seen: Callable[[Outbound], object] = lambda outbound: None
        self._under_way = 0

    def plays(self, *answers: Answer) -> None:
        """The answers to the next calls."""
        self.script.extend(answers)

    def address(self, outbound: Outbound) -> str:
        return str(outbound.contact.attributes.get("email") or "")

    async def send(self, outbound: Outbound) -> str:
        self.calls += 1
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        try:
            self.seen(outbound)
            await asyncio.sleep(self.latency)
            answer = self.script.popleft() if self.script else "ok"
            self._answer(answer, outbound)
            if answer == "hangs":
                await asyncio.sleep(3600)
        finally:
            self._under_way -= 1
        return f"reference {len(self.sent)}"

    def _answer(self, answer: Answer, outbound: Outbound) -> None:
        match answer:
            case "busy":
                raise ChannelBusy("429", self.retry_after)
            case "down":
                raise ChannelDown("connection refused")
            case "refused":
                raise ChannelRefused("552 too large")
            case "dead":
                raise ChannelRefused("550 5.1.1", suppress=True)
            case "vanished":
                raise ChannelUnsure("connection lost")
            case "breaks":
                raise ZeroDivisionError
        self.sent.append(outbound)
        if answer == "lost":
            raise ChannelUnsure("connection lost")
