"""Slack's Socket Mode: connections that the app opens, requests in envelopes, acknowledged within three seconds."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    from tests.emulators.slack_people import Signed

__all__ = ["Sockets"]

_ACKNOWLEDGED = 3.0  # seconds, as Slack says


class Sockets:
    """The open connections, each used in turn. True as soon as there was one: requests then come this way."""

    def __init__(self) -> None:
        self.tickets: set[str] = set()
        self._open: list[web.WebSocketResponse] = []
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.envelopes: list[str] = []  # every envelope id that was sent, again those that were sent again

    def __bool__(self) -> bool:
        return self._loop is not None

    def __len__(self) -> int:
        return len(self._open)

    def ticket(self) -> str:
        """What opens a connection, once."""
        ticket = f"ticket-{id(self)}-{next(self._numbers)}"
        self.tickets.add(ticket)
        return ticket

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """A connection, from its hello to its end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self.tickets:
            return web.Response(status=403)
        self.tickets.remove(ticket)
        self._loop = asyncio.get_running_loop()
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        await connection.send_json({"type": "hello", "num_connections": len(self._open) + 1})
        self._open.append(connection)
        try:
            async for message in connection:
                if message.type is WSMsgType.TEXT:
                    answer = json.loads(message.data)
                    waiting = self._waiting.get(answer["envelope_id"])
                    if waiting is not None and not waiting.done():
                        waiting.set_result(answer)
        finally:
            if connection in self._open:
                self._open.remove(connection)
        return connection

    async def deliver(self, signed: Signed) -> tuple[int, str]:
        """Send a request to one of the connections, again until it is acknowledged; what was answered."""
        assert self._loop is not None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._deliver(_envelope(signed)), self._loop))

    async def ends(self, reason: str = "refresh_requested") -> None:
        """Slack ends every connection, as it does from time to time."""
        assert self._loop is not None
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._end(reason), self._loop))

    async def _end(self, reason: str) -> None:
        ending, self._open = self._open, []
        for connection in ending:
            await connection.send_json({"type": "disconnect", "reason": reason})

    async def _deliver(self, envelope: dict[str, Any]) -> tuple[int, str]:
        for attempt in range(4):
            while not self._open:
                await asyncio.sleep(0.01)
            connection = self._open[attempt % len(self._open)]
            envelope_id = f"envelope-{next(self._numbers)}"
            waiting = self._waiting[envelope_id] = asyncio.get_running_loop().create_future()
            self.envelopes.append(envelope_id)
            await connection.send_json({"envelope_id": envelope_id, "retry_attempt": attempt, **envelope})
            try:
                answer = await asyncio.wait_for(waiting, _ACKNOWLEDGED)
            except TimeoutError:
                continue
            finally:
                del self._waiting[envelope_id]
            payload = answer.get("payload")
            return 200, json.dumps(payload) if payload is not None else ""
        return 503, ""


def _envelope(signed: Signed) -> dict[str, Any]:
    """A request over HTTP as it looks in Socket Mode."""
    if signed.headers["Content-Type"].startswith("application/json"):
        return {"type": "events_api", "payload": json.loads(signed.body), "accepts_response_payload": False}
    form = {name: values[0] for name, values in parse_qs(signed.body.decode(), keep_blank_values=True).items()}
    if "payload" in form:
        return {"type": "interactive", "payload": json.loads(form["payload"]), "accepts_response_payload": True}
    return {"type": "slash_commands", "payload": form, "accepts_response_payload": True}
