"""What Slack sends us, reduced to what is asked, by whom, and where the answer goes."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bots.copies import shown_alert
from bots.slack.cards import alert_of
from bots.slack.render import ACTION
from bots.slack.text import unescape

__all__ = ["SHORTCUT", "Asked", "File", "Pointed", "asked"]

SHORTCUT: Final = ACTION + "why"  # the callback id of the message shortcut


_NO_NAMES: Final = frozenset({"privategroup", "directmessage"})  # what stands for a name that Slack does not tell


class File(msgspec.Struct, frozen=True):
    """A file that was sent: where it can be fetched."""

    name: str = ""
    size: int = 0
    url_private_download: str = ""


class Pointed(msgspec.Struct, frozen=True):
    """The message that a shortcut was used on: where it is, and the alert that the request says it is the card of."""

    channel: str = ""
    ts: str = ""
    alert: str = ""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A command typed, a button pressed or a bot mentioned. `id` is the same when Slack repeats the request.

    `team` is the workspace of the person, `workspace` the one in which they ask: in a shared channel they may differ.
    `trigger` lets a form be opened, within three seconds; `view` is the form that a pressed button stands in; `file`
    is what was sent in a direct message. `chat` are the addresses of the channel that it was asked in, its id first.
    `home`: App Home was opened, or the button stands there. `message` is what the shortcut "why?" was used on,
    `card` the card that a pressed button stands on.
    """

    id: str
    team: str
    user: str
    text: str
    response_url: str = ""
    channel: str = ""
    thread: str = ""
    pressed: bool = False
    trigger: str = ""
    view: str = ""
    file: File | None = None
    chat: tuple[str, ...] = ()
    home: bool = False
    workspace: str = ""
    message: Pointed | None = None
    card: Pointed | None = None


class _Typed(msgspec.Struct):
    command: str
    user_id: str
    trigger_id: str
    team_id: str = ""
    text: str = ""
    response_url: str = ""
    channel_id: str = ""
    channel_name: str = ""


class _Id(msgspec.Struct):
    id: str
    name: str = ""


class _User(msgspec.Struct):
    id: str
    team_id: str = ""


class _Action(msgspec.Struct):
    action_id: str
    value: str = ""
    action_ts: str = ""


class _View(msgspec.Struct):
    id: str
    type: str = ""


class _Message(msgspec.Struct):
    ts: str = ""
    blocks: list[dict[str, Any]] = []


class _Pressed(msgspec.Struct):
    user: _User
    actions: list[_Action]
    trigger_id: str = ""
    team: _Id | None = None
    response_url: str = ""
    channel: _Id | None = None
    view: _View | None = None
    message: _Message | None = None


class _Shortcut(msgspec.Struct):
    callback_id: str
    user: _User
    channel: _Id
    message_ts: str
    message: dict[str, Any]
    trigger_id: str = ""
    action_ts: str = ""
    team: _Id | None = None
    response_url: str = ""


class _Event(msgspec.Struct):
    type: str
    user: str = ""
    text: str = ""
    channel: str = ""
    ts: str = ""
    thread_ts: str = ""
    channel_type: str = ""
    subtype: str = ""
    bot_id: str = ""
    user_team: str = ""
    files: list[File] = []
    tab: str = ""


class _Happened(msgspec.Struct):
    event_id: str
    event: _Event
    team_id: str = ""


def asked(body: Any, prefix: str) -> Asked | None:
    """What a request asks of us; None where it asks nothing. `prefix` is what our buttons' action ids start with.

    Raises msgspec.ValidationError where a part that we need is missing or of another type.
    """
    if not isinstance(body, dict):
        raise msgspec.ValidationError("not an object")
    if "command" in body:
        typed = msgspec.convert(body, _Typed)
        return Asked(id=typed.trigger_id, team=typed.team_id, user=typed.user_id, text=unescape(typed.text),
                     response_url=typed.response_url, trigger=typed.trigger_id,
                     chat=_chat(typed.channel_id, typed.channel_name))  # fmt: skip
    match body.get("type"):
        case "block_actions":
            return _pressed(msgspec.convert(body, _Pressed), prefix)
        case "message_action":
            return _pointed(msgspec.convert(body, _Shortcut))
        case "event_callback":
            return _mentioned(msgspec.convert(body, _Happened))
        case kind if isinstance(kind, str) and kind:
            return None
    raise msgspec.ValidationError("neither a command, an action nor an event")


def _pressed(pressed: _Pressed, prefix: str) -> Asked | None:
    action = next((action for action in pressed.actions if action.action_id.startswith(prefix)), None)
    if action is None:
        return None
    home = pressed.view is not None and pressed.view.type == "home"
    team = pressed.user.team_id or (pressed.team.id if pressed.team else "")
    return Asked(
        id=pressed.trigger_id or f"{team}:{pressed.user.id}:{action.action_ts}",
        team=team,
        user=pressed.user.id,
        text=action.value,
        response_url=pressed.response_url,
        channel=pressed.channel.id if pressed.channel else pressed.user.id if home else "",
        pressed=True,
        trigger=pressed.trigger_id,
        view=pressed.view.id if pressed.view and not home else "",
        home=home,
        chat=_chat(pressed.channel.id, pressed.channel.name) if pressed.channel else (),
        card=_card(pressed),
    )


def _card(pressed: _Pressed) -> Pointed | None:
    message = pressed.message
    if message is None or pressed.channel is None:
        return None
    elements = [each for block in message.blocks for each in block.get("elements") or () if isinstance(each, dict)]
    alert = shown_alert(str(each.get("value", "")) for each in elements)
    return Pointed(pressed.channel.id, message.ts, alert) if alert and message.ts else None


def _pointed(shortcut: _Shortcut) -> Asked | None:
    if shortcut.callback_id != SHORTCUT:
        return None
    team = shortcut.user.team_id or (shortcut.team.id if shortcut.team else "")
    return Asked(
        id=shortcut.trigger_id or f"{team}:{shortcut.user.id}:{shortcut.action_ts}",
        team=team,
        user=shortcut.user.id,
        text="",
        response_url=shortcut.response_url,
        channel=shortcut.user.id,  # in private, whatever becomes of the response_url
        chat=_chat(shortcut.channel.id, shortcut.channel.name),
        message=Pointed(shortcut.channel.id, shortcut.message_ts, alert_of(shortcut.message)),
    )


def _mentioned(happened: _Happened) -> Asked | None:
    event = happened.event
    if event.type == "app_home_opened":
        if event.tab != "home" or not event.user:
            return None
        return Asked(
            id=happened.event_id, team=event.user_team or happened.team_id, user=event.user, text="", home=True
        )
    file = event.files[0] if event.files and event.subtype == "file_share" else None
    direct = event.type == "message" and event.channel_type == "im" and (not event.subtype or file is not None)
    if event.bot_id or not event.user or not (direct or event.type == "app_mention"):
        return None
    text = event.text.strip()
    if event.type == "app_mention" or text.startswith("<@"):
        before, found, after = text.partition(">")
        text = after if found and before.startswith("<@") else text
    return Asked(
        id=happened.event_id,
        team=event.user_team or happened.team_id,
        user=event.user,
        text=unescape(text),
        channel=event.channel,
        thread=event.thread_ts if direct else event.thread_ts or event.ts,
        file=file if direct else None,
        chat=_chat(event.channel),
    )


def _chat(channel: str, name: str = "") -> tuple[str, ...]:
    """The addresses of a channel: its id, and its name, where the request tells it."""
    known = name and name not in _NO_NAMES
    return tuple(address for address in (channel, f"#{name}" if known else "") if address)
