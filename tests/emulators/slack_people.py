"""Channels, messages and people of the emulated workspace: what a test says and expects."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import aiohttp

from tests.emulators.block_kit import texts
from tests.emulators.http import eventually

if TYPE_CHECKING:
    from tests.emulators.slack_views import Form
    from tests.emulators.slack_workspace import Workspace

__all__ = ["Answer", "Channel", "Message", "Signed", "User", "sign"]


class Answer(NamedTuple):
    """What the app answered to a request, and how many seconds it took."""

    status: int
    text: str
    seconds: float


class Signed(NamedTuple):
    """A request as Slack sends it."""

    body: bytes
    headers: dict[str, str]


def sign(secret: str, body: bytes, content_type: str, timestamp: str) -> Signed:
    """A signed request: https://docs.slack.dev/authentication/verifying-requests-from-slack/."""
    digest = hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": content_type,
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": f"v0={digest}",
    }
    return Signed(body, headers)


class Channel:
    """A channel; `messages` in order of their posting."""

    def __init__(self, slack: Workspace, identifier: str, name: str, member: bool) -> None:
        self._slack = slack
        self.id = identifier
        self.name = name
        self.member = member
        self.readable = True  # whether the app has the scope to read its history
        self.messages: list[Message] = []

    def cards(self, alert: str = "") -> list[Message]:
        """The alert cards, or those of one alert."""
        return [message for message in list(self.messages) if message.alert and alert in ("", message.alert)]

    async def expect_card(self, text: str = "", within: float = 20.0) -> Message:
        """The newest card with this text, as soon as it is there."""
        return await eventually(
            lambda: next((card for card in reversed(self.cards()) if text in card.text), None),
            f"card with {text!r} in {self.name}",
            within,
        )


class Message:
    """A message with all its revisions."""

    def __init__(self, slack: Workspace, channel: Channel | None, ts: str, content: dict[str, Any]) -> None:
        self._slack = slack
        self.channel = channel
        self.ts = ts
        self.revisions = [content]

    @property
    def content(self) -> dict[str, Any]:
        return self.revisions[-1]

    @property
    def alert(self) -> str:
        """The alert whose card this is, or ""."""
        return str(((self.content.get("metadata") or {}).get("event_payload") or {}).get("alert", ""))

    @property
    def text(self) -> str:
        """Everything that a reader sees."""
        return "\n".join(texts(self.content.get("blocks") or [])) or str(self.content.get("text", ""))

    @property
    def buttons(self) -> dict[str, dict[str, Any]]:
        """The buttons by their labels."""
        found = {}
        for block in self.content.get("blocks") or []:
            elements = [*block.get("elements", ()), *([block["accessory"]] if "accessory" in block else [])]
            found.update({one["text"]["text"]: one for one in elements if one.get("type") == "button"})
        return found

    async def expect(self, text: str, within: float = 20.0) -> None:
        """Wait until the message says this."""
        missed = lambda: f"{text!r} on the message, which says {self.text!r}"  # noqa: E731
        await eventually(lambda: text in self.text, missed, within)


class User:
    """Somebody who talks to the bot. Each request must be acknowledged with 200 within three seconds."""

    def __init__(self, slack: Workspace, identifier: str) -> None:
        self._slack = slack
        self.id = identifier

    async def says(self, text: str, channel: Channel | None = None) -> Answer:
        """Type a slash command: `/relance leads`."""
        return await self._acknowledged(self.command(text, channel))

    async def mentions(self, text: str, channel: Channel) -> Answer:
        """Write `@relance …` in a channel."""
        return await self._acknowledged(self.event("app_mention", f"<@U0BOT> {text}", channel.id))

    async def writes(self, text: str) -> Answer:
        """Write to the bot directly."""
        return await self._acknowledged(self.event("message", text, f"D{self.id}", channel_type="im"))

    async def sends_file(self, name: str, content: bytes) -> Answer:
        """Send a file to the bot directly."""
        files = [self._slack.upload(name, content)]
        event = self.event("message", "", f"D{self.id}", channel_type="im", subtype="file_share", files=files)
        return await self._acknowledged(event)

    def posts(self, text: str, channel: Channel) -> Message:
        """Write something in a channel that is not for the bot."""
        message = Message(self._slack, channel, self._slack.timestamp(), {"text": text, "user": self.id})
        channel.messages.append(message)
        return message

    async def asks_why(self, message: Message) -> Answer:
        """Use the shortcut "Why?" of a message."""
        return await self._acknowledged(self.shortcut(message))

    async def clicks(self, message: Message, label: str) -> Answer:
        """Press a button of a message."""
        return await self._acknowledged(self.press(message, label))

    async def hears(self, text: str, within: float = 20.0) -> Message:
        """The newest message shown to this person alone that has the text."""
        heard = self._slack.heard
        return await eventually(
            lambda: next((m for m in reversed(heard.get(self.id, [])) if text in m.text), None),
            lambda: f"answer with {text!r} to {self.id}; they heard {[m.text for m in heard.get(self.id, [])]}",
            within,
        )

    async def sees_form(self, text: str, within: float = 20.0) -> Form:
        """The newest form that is open to this person and says this."""
        views = self._slack.views
        return await eventually(
            lambda: next((form for form in reversed(views.of(self.id)) if text in form.text), None),
            lambda: f"form with {text!r} for {self.id}; there are {[form.text for form in views.of(self.id)]}",
            within,
        )

    async def fills(self, form: Form, *texts: str) -> str:
        """Write these texts into a form and send it; what became of it: "errors", "clear" or "update"."""
        answer = await self._acknowledged(self.submission(form, *texts))
        return form.answered(json.loads(answer.text or "{}"))

    async def opens_home(self) -> str:
        """Open App Home; everything that stands there then."""
        homes = self._slack.views.homes.setdefault(self.id, [])
        before = len(homes)
        event = {"type": "app_home_opened", "user": self.id, "tab": "home", "channel": f"D{self.id}"}
        await self._acknowledged(self._happened(event))
        await eventually(lambda: len(homes) > before, f"App Home of {self.id}", 20)
        return "\n".join(texts(homes[-1]["blocks"]))

    def presses_at_home(self, label: str) -> Signed:
        """Press the first button of App Home with this label."""
        view = self._slack.views.homes[self.id][-1]
        elements = [
            element
            for block in view["blocks"]
            for element in (*block.get("elements", ()), *([block["accessory"]] if "accessory" in block else ()))
            if element.get("type") == "button" and element["text"]["text"] == label
        ]
        payload = {
            "type": "block_actions", "token": "deprecated", "api_app_id": "A0",
            "user": {"id": self.id, "username": "somebody", "team_id": self._slack.team},
            "team": {"id": self._slack.team, "domain": self._slack.domain}, "trigger_id": self._slack.trigger(self.id),
            "container": {"type": "view", "view_id": f"H{self.id}"}, "view": {"id": f"H{self.id}", **view},
            "actions": [{
                "type": "button", "block_id": "b", "action_id": elements[0]["action_id"], "text": elements[0]["text"],
                "value": elements[0].get("value", ""), "action_ts": self._slack.timestamp(),
            }],
        }  # fmt: skip
        return self._form({"payload": json.dumps(payload)})

    async def clicks_in(self, form: Form, label: str) -> Answer:
        """Press a button that stands in a form."""
        return await self._acknowledged(self.press_in(form, label))

    # --- requests, to be sent by hand ----------------------------------------------------------------------------

    def command(self, text: str, channel: Channel | None = None) -> Signed:
        command, _, rest = text.partition(" ")
        where, name = (channel.id, channel.name.removeprefix("#")) if channel else ("C00000000", "general")
        form = {
            "token": "deprecated", "team_id": self._slack.team, "team_domain": self._slack.domain, "channel_id": where,
            "channel_name": name, "user_id": self.id, "user_name": "somebody", "command": command, "text": rest,
            "api_app_id": "A0", "is_enterprise_install": "false", "response_url": self._slack.response_url(self.id),
            "trigger_id": self._slack.trigger(self.id),
        }  # fmt: skip
        return self._form(form)

    def event(self, kind: str, text: str, channel: str, **more: Any) -> Signed:
        event = {"type": kind, "user": self.id, "text": text, "channel": channel, "ts": self._slack.timestamp(), **more}
        return self._happened(event)

    def _happened(self, event: dict[str, Any]) -> Signed:
        body = {
            "token": "deprecated", "team_id": self._slack.team, "api_app_id": "A0", "type": "event_callback",
            "event_id": f"Ev{next(self._slack.numbers)}", "event_time": int(time.time()), "event": event,
        }  # fmt: skip
        return self._slack.signed(json.dumps(body).encode(), "application/json")

    def submission(self, form: Form, *texts: str) -> Signed:
        payload = {
            "type": "view_submission", "token": "deprecated", "api_app_id": "A0", "response_urls": [],
            "user": {"id": self.id, "username": "somebody", "team_id": self._slack.team},
            "team": {"id": self._slack.team, "domain": self._slack.domain}, "trigger_id": self._slack.trigger(self.id),
            "view": form.submitted(texts),
        }  # fmt: skip
        return self._form({"payload": json.dumps(payload)})

    def press_in(self, form: Form, label: str) -> Signed:
        button = form.buttons[label]
        payload = {
            "type": "block_actions", "token": "deprecated", "api_app_id": "A0",
            "user": {"id": self.id, "username": "somebody", "team_id": self._slack.team},
            "team": {"id": self._slack.team, "domain": self._slack.domain}, "trigger_id": self._slack.trigger(self.id),
            "container": {"type": "view", "view_id": form.id}, "view": {"id": form.id, **form.content},
            "actions": [{
                "type": "button", "block_id": "b", "action_id": button["action_id"], "text": button["text"],
                "value": button.get("value", ""), "action_ts": self._slack.timestamp(),
            }],
        }  # fmt: skip
        return self._form({"payload": json.dumps(payload)})

    def press(self, message: Message, label: str) -> Signed:
        button = message.buttons[label]
        channel = message.channel
        shown = {"message": {"type": "message", "ts": message.ts, **message.content}} if channel else {}
        payload = {
            **shown, "type": "block_actions", "token": "deprecated", "api_app_id": "A0",
            "user": {"id": self.id, "username": "somebody", "team_id": self._slack.team},
            "team": {"id": self._slack.team, "domain": self._slack.domain},
            "container": {"type": "message", "message_ts": message.ts, "channel_id": channel.id if channel else "C0"},
            "channel": {"id": channel.id if channel else "C0", "name": "x"},
            "trigger_id": self._slack.trigger(self.id),
            "response_url": self._slack.response_url(self.id, message),
            "actions": [{
                "type": "button", "block_id": "b", "action_id": button["action_id"], "text": button["text"],
                "value": button.get("value", ""), "action_ts": self._slack.timestamp(),
            }],
        }  # fmt: skip
        return self._form({"payload": json.dumps(payload)})

    def shortcut(
        self, message: Message, callback: str = "relance:why", /, *, metadata: bool = True, **changed: Any
    ) -> Signed:
        """A shortcut used on a message: https://docs.slack.dev/reference/interaction-payloads/.

        `metadata`: whether what the request says of the message holds its metadata.
        """
        content = {name: value for name, value in message.content.items() if metadata or name != "metadata"}
        channel = message.channel
        payload = {
            "type": "message_action", "token": "deprecated", "callback_id": callback,
            "action_ts": self._slack.timestamp(), "trigger_id": self._slack.trigger(self.id),
            "user": {"id": self.id, "username": "somebody", "team_id": self._slack.team},
            "team": {"id": self._slack.team, "domain": self._slack.domain}, "is_enterprise_install": False,
            "channel": {"id": channel.id if channel else "C0", "name": channel.name[1:] if channel else "x"},
            "response_url": self._slack.response_url(self.id), "message_ts": message.ts,
            "message": {"type": "message", "ts": message.ts, **content}, **changed,
        }  # fmt: skip
        return self._form({"payload": json.dumps(payload)})

    async def sends(self, signed: Signed) -> Answer:
        """Send a request, whatever comes of it."""
        started = time.monotonic()
        if self._slack.sockets:
            status, text = await self._slack.sockets.deliver(signed)
            return Answer(status, text, time.monotonic() - started)
        async with (
            aiohttp.ClientSession() as session,
            session.post(self._slack.app_url, data=signed.body, headers=signed.headers) as answer,
        ):
            return Answer(answer.status, await answer.text(), time.monotonic() - started)

    def _form(self, form: dict[str, str]) -> Signed:
        return self._slack.signed(urlencode(form).encode(), "application/x-www-form-urlencoded")

    async def _acknowledged(self, signed: Signed) -> Answer:
        answer = await self.sends(signed)
        assert answer.status == 200, f"Slack was answered {answer.status} {answer.text}"
        # Slack gives three seconds; a machine that runs tests may be busy with something else
        assert answer.seconds < 20, f"the acknowledgement took {answer.seconds:.1f} s"
        return answer
