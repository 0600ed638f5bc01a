"""Alert cards in Slack channels: `server.ports.CardChannel` over the Web API."""

from __future__ import annotations

from typing import Any, Final

import structlog

from bots.cards import card_reply
from bots.slack.client import SlackClient
from bots.slack.render import render
from server.i18n import translator
from server.model.card import Card
from server.ports import ChannelDown, ChannelError, ChannelRefused, ChannelUnsure

__all__ = ["SlackCards", "alert_of"]

log = structlog.get_logger(__name__)

EVENT: Final = "relance_alert"  # the metadata by which a card is found again
MARK: Final = ":repeated"
PAGE: Final = 100
PAGES: Final = 5


class SlackCards:
    """Posts, edits and finds cards; an address is a channel's name or id.

    A reference is `<channel id>:<timestamp>`, with `:repeated` behind it on a card that bears this mark.
    """

    platform = "slack"

    def __init__(self, client: SlackClient, *, language: str = "en") -> None:
        self._client = client
        self._language = language
        self._channels: dict[str, str] = {}  # name → id
        self._names: dict[str, str] = {}  # id → name

    async def post(self, address: str, card: Card, *, repeated: bool = False) -> str:
        """Post a card and return its reference. Raises ChannelBusy, ChannelDown, ChannelRefused, ChannelUnsure."""
        sent = await self._client.call(
            "chat.postMessage",
            channel=self._channels.get(address, address),
            unfurl_links=False,
            unfurl_media=False,
            **self._message(card, repeated),
        )
        channel, timestamp = sent.get("channel"), sent.get("ts")
        if not isinstance(channel, str) or not isinstance(timestamp, str):
            raise ChannelUnsure("slack: an answer without channel and ts")
        self._channels[address] = channel
        return f"{channel}:{timestamp}" + (MARK if repeated else "")

    async def edit(self, address: str, reference: str, card: Card) -> None:
        """Bring a card up to date. An edit may be repeated, so a lost answer counts as not sent."""
        channel, _, timestamp = reference.removesuffix(MARK).partition(":")
        repeated = reference.endswith(MARK)
        try:
            await self._client.call("chat.update", channel=channel, ts=timestamp, **self._message(card, repeated))
        except ChannelUnsure as error:
            raise ChannelDown(error.reason) from None

    async def find(self, address: str, alert: str) -> str | None:
        """Look through the channel's latest messages for an alert's card; None where the bot may not look."""
        try:
            return await self._find(await self._channel_id(address), alert)
        except ChannelRefused as error:
            log.warning("slack channel cannot be searched", reason=error.reason)
            return None

    async def alert(self, channel: str, timestamp: str) -> str:
        """The alert whose card a message is; "" where it is none, or the bot may not look.

        Raises ChannelBusy, ChannelDown.
        """
        params = {"channel": channel, "latest": timestamp, "oldest": timestamp, "inclusive": "true", "limit": 1,
                  "include_all_metadata": "true"}  # fmt: skip
        try:
            found = await self._read("conversations.history", params)
        except ChannelRefused as error:
            log.warning("slack channel cannot be searched", reason=error.reason)
            return ""
        return next((alert_of(one) for one in found.get("messages") or () if one.get("ts") == timestamp), "")

    async def name(self, channel: str) -> str:
        """The name of a channel, `#hot-leads`; "" where it has none that we may know."""
        if channel not in self._names:
            try:
                found = await self._read("conversations.info", {"channel": channel})
            except ChannelError:
                return ""
            name = (found.get("channel") or {}).get("name")
            self._names[channel] = f"#{name}" if isinstance(name, str) and name else ""
        return self._names[channel]

    async def _find(self, channel: str, alert: str) -> str | None:
        cursor = ""
        for _ in range(PAGES):
            params = {"channel": channel, "limit": PAGE, "include_all_metadata": "true"}
            found = await self._read("conversations.history", params | ({"cursor": cursor} if cursor else {}))
            for message in found.get("messages") or ():
                if alert_of(message) == alert:
                    repeated = message["metadata"]["event_payload"].get("repeated")
                    return f"{channel}:{message['ts']}" + (MARK if repeated else "")
            cursor = (found.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                break
        return None

    async def _channel_id(self, address: str) -> str:
        """The id of a channel: reading takes no names."""
        if not address.startswith("#"):
            return address
        cursor = ""
        while address not in self._channels:
            params = {"limit": 200, "exclude_archived": "true", "types": "public_channel,private_channel"}
            listed = await self._read("conversations.list", params | ({"cursor": cursor} if cursor else {}))
            for channel in listed.get("channels") or ():
                self._channels["#" + str(channel.get("name"))] = str(channel.get("id"))
            cursor = (listed.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor and address not in self._channels:
                raise ChannelRefused("slack: channel_not_found")
        return self._channels[address]

    async def _read(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._client.call(method, params=params)
        except ChannelUnsure as error:  # reading changes nothing
            raise ChannelDown(error.reason) from None

    def _message(self, card: Card, repeated: bool) -> dict[str, Any]:
        message = render(card_reply(card, translator(self._language), repeated=repeated))[0]
        payload = {"alert": card.alert} | ({"repeated": True} if repeated else {})
        return {**message.payload, "metadata": {"event_type": EVENT, "event_payload": payload}}


def alert_of(message: dict[str, Any]) -> str:
    """The alert whose card a message of Slack is, by its metadata; "" where it is none of ours."""
    metadata = message.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT:
        return ""
    payload = metadata.get("event_payload")
    alert = payload.get("alert") if isinstance(payload, dict) else None
    return alert if isinstance(alert, str) else ""
