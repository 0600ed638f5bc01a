"""Slack's Socket Mode: requests over a connection that we open, for installations without a public address.

https://docs.slack.dev/apis/events-api/using-socket-mode/. A request is acknowledged when it was stored, as over HTTP;
one that is not is sent again by Slack. Several processes may be connected at once: each request goes to one of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeAlias

import aiohttp
import msgspec
import structlog

from bots.slack.client import SlackClient
from bots.tasks import Tasks
from server.ports import ChannelError

__all__ = ["Socket"]

log = structlog.get_logger(__name__)

_HEARTBEAT: Final = 15.0  # seconds between two pings; a connection that does not answer them is given up
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds between attempts
_LARGEST: Final = 1_000_000  # bytes of a message
_STOP: Final = 5.0
_KINDS: Final = frozenset({"events_api", "slash_commands", "interactive"})

Take: TypeAlias = Callable[[dict[str, Any]], Awaitable[tuple[int, bytes]]]


class _Envelope(msgspec.Struct):
    type: str
    envelope_id: str = ""
    payload: dict[str, Any] | None = None
    reason: str = ""


class _Answer(msgspec.Struct, omit_defaults=True):
    envelope_id: str
    payload: msgspec.Raw | None = None


class Socket:
    """Keeps a connection and hands what comes to `take`, which says a status (200: it is stored) and an answer.

    `state` is "ok", or why there is no connection.
    """

    def __init__(self, client: SlackClient, take: Take) -> None:
        self._client = client
        self._take = take
        self._tasks = Tasks()
        self.state = "starting"

    async def run(self) -> None:
        """Stay connected until cancelled."""
        pause = _FIRST_PAUSE
        try:
            while True:
                try:
                    await self._listen((await self._client.call("apps.connections.open"))["url"])
                    pause = _FIRST_PAUSE
                except ChannelError as error:
                    self._tell(error.reason.removeprefix("slack: "))
                except (aiohttp.ClientError, TimeoutError, OSError, KeyError) as error:
                    self._tell(type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        finally:
            await self._tasks.finish(_STOP)
            await self._client.close()

    async def _listen(self, url: str) -> None:
        """One connection, until Slack ends it, which it does every few hours."""
        async with (
            aiohttp.ClientSession(trust_env=True) as session,
            session.ws_connect(url, heartbeat=_HEARTBEAT, max_msg_size=_LARGEST) as connection,
        ):
            try:
                async for message in connection:
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        continue
                    try:
                        envelope = msgspec.json.decode(message.data, type=_Envelope)
                    except (msgspec.MsgspecError, RecursionError):
                        log.warning("slack sent something else than an envelope")
                        continue
                    if envelope.type == "hello":
                        self._tell("ok")
                    elif envelope.type == "disconnect":
                        if envelope.reason != "warning":  # that one comes some seconds before
                            return
                    elif envelope.type in _KINDS and envelope.payload is not None:
                        self._tasks.start(self._hand_over(connection, envelope.envelope_id, envelope.payload))
            finally:
                await self._tasks.finish(_STOP)  # what came is acknowledged before the connection closes

    async def _hand_over(
        self, connection: aiohttp.ClientWebSocketResponse, envelope_id: str, payload: dict[str, Any]
    ) -> None:
        status, body = await self._take(payload)
        if status == 503:
            return  # not stored: Slack sends it again
        answer = _Answer(envelope_id, msgspec.Raw(body) if body else None)
        with suppress(ConnectionError, aiohttp.ClientError):  # then it is sent again, and known
            await connection.send_str(msgspec.json.encode(answer).decode())

    def _tell(self, state: str) -> None:
        if state != self.state:
            log.info("slack socket", state=state)
        self.state = state
