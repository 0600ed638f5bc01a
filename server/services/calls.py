"""A call of the Segment tracking API as an entry of the log."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from rules.contact import Event, Millis
from rules.entry import Broadcast, EventReceived
from rules.moment import EARLIEST
from server.errors import FieldError, Invalid
from server.store.identities import Caller

__all__ = ["KINDS", "Arrival", "Call", "moment_of", "read_broadcast", "read_call", "snake_case"]

KINDS: Final = frozenset({"track", "identify", "page", "screen", "group", "alias"})

_VIEWS: Final = {"page": "Page Viewed", "screen": "Screen Viewed"}
_MAX_ID: Final = 256
_MAX_NAME: Final = 256
_MAX_MESSAGE_ID: Final = 100
_LATE: Final[Millis] = 24 * 3600 * 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLI: Final = timedelta(milliseconds=1)


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for all calls of a request: when and through which source they came.

    `sent` is the sender's clock when it sent them. `history_only`: they were imported; their times are no sender's
    clock and are taken as they are.
    """

    received: Millis
    source: str
    trusted: bool = True
    sent: Millis | None = None
    history_only: bool = False


class Call(msgspec.Struct, frozen=True):
    """What a call says: who, the entry, and for `identify` the e-mail address, for `alias` the previous id."""

    caller: Caller
    entry: EventReceived
    email: str = ""
    previous: str = ""


def read_call(call: dict[str, Any], kind: str, arrival: Arrival) -> Call:
    """The call of this kind in a decoded body; raises `Invalid`, naming the field."""
    if kind not in KINDS:
        raise _wrong("type", f"must be one of {', '.join(sorted(KINDS))}")
    user, anonymous = _id(call, "userId"), _id(call, "anonymousId")
    if not user and not anonymous:
        raise _wrong("userId", "give a userId or an anonymousId")
    time = _time(call, arrival)
    context = _mapping(call, "context")
    said = _said(call, kind, user, anonymous, arrival)
    if said.previous:
        anonymous = ""
    identities: tuple[tuple[str, str], ...] = (("user", user),) if user else ()
    if anonymous:
        identities += (("anonymous", anonymous),)
    if said.email:
        identities += (("email", said.email),)
    entry = EventReceived(
        name=said.name or kind,
        time=time,
        received=arrival.received,
        message_id=_message_id(call),
        properties=said.properties,
        traits=said.traits,
        identities=identities,
        group=said.group,
        locale=_short(context, "locale"),
        timezone=_short(context, "timezone"),
        source=arrival.source,
        trusted=arrival.trusted,
        history_only=arrival.history_only or arrival.received - time > _LATE,
        silent=not said.name,
    )
    return Call(Caller(user, anonymous), entry, said.email, said.previous)


def read_broadcast(call: dict[str, Any], arrival: Arrival) -> Broadcast:
    """The broadcast in a decoded body: as a `track` call, about nobody; raises `Invalid`, naming the field."""
    for field in ("userId", "anonymousId"):
        if call.get(field) is not None:
            raise _wrong(field, "a broadcast is about no contact; send a track call")
    time = _time(call, arrival)
    event = Event(_event_name(call), time, _mapping(call, "properties"), arrival.source)
    return Broadcast(time=time, id=_message_id(call), event=event)


class _Said(NamedTuple):
    """What a call of one kind says; only events of the history have a name."""

    name: str
    properties: dict[str, Any]
    traits: dict[str, Any]
    group: str = ""
    email: str = ""
    previous: str = ""


def _said(call: dict[str, Any], kind: str, user: str, anonymous: str, arrival: Arrival) -> _Said:
    match kind:
        case "track":
            return _Said(_event_name(call), _mapping(call, "properties"), {})
        case "page" | "screen":
            return _Said(_VIEWS[kind], _viewed(call), {})
        case "identify":
            traits = _traits(_identified(call))
            return _Said("", {}, traits, email=_email(traits) if arrival.trusted else "")
        case "group":
            group = _id(call, "groupId")
            if not group:
                raise _wrong("groupId", "is missing")
            traits = {f"company_{trait}": value for trait, value in _traits(_mapping(call, "traits")).items()}
            return _Said("", {}, traits, group=group)
        case _:
            return _Said("", {}, {}, previous=_alias(call, user, anonymous, arrival))


def moment_of(call: dict[str, Any], field: str) -> Millis | None:
    """A time of a call (RFC 3339; without a zone it is UTC), not before 1900; None where it has none."""
    text = call.get(field)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        millis: Millis = (moment - _EPOCH) // _MILLI
    except (TypeError, ValueError, OverflowError):
        raise _wrong(field, "must be a time such as 2026-01-31T09:30:00Z") from None
    if millis < EARLIEST:
        raise _wrong(field, "must not be before 1900")
    return millis


def _time(call: dict[str, Any], arrival: Arrival) -> Millis:
    """When it happened, by our clock: received - (sent - original), never after it was received."""
    field = "timestamp" if call.get("originalTimestamp") is None else "originalTimestamp"
    original = moment_of(call, field)
    if original is None:
        return arrival.received
    if arrival.history_only:
        return min(original, arrival.received)
    sent = moment_of(call, "sentAt")
    if sent is None:
        sent = arrival.sent
    if sent is not None:
        original += arrival.received - sent
        if original < EARLIEST:
            raise _wrong(field, "must not be before 1900, by the clock that sentAt tells")
    return min(original, arrival.received)


def _id(call: dict[str, Any], field: str) -> str:
    value = call.get(field)
    if value is None:
        return ""
    if type(value) is int:
        value = str(value)
    if type(value) is not str:
        raise _wrong(field, "must be text or a whole number")
    value = value.strip()
    if len(value) > _MAX_ID:
        raise _wrong(field, f"has more than {_MAX_ID} characters")
    return value


def _message_id(call: dict[str, Any]) -> str:
    """The sender's id of the call; one is made where there is none."""
    message_id = call.get("messageId")
    if message_id is None or message_id == "":
        return uuid.uuid4().hex
    if type(message_id) is not str:
        raise _wrong("messageId", "must be text")
    if len(message_id) > _MAX_MESSAGE_ID:
        raise _wrong("messageId", f"has more than {_MAX_MESSAGE_ID} characters")
    return message_id


def _event_name(call: dict[str, Any]) -> str:
    name = call.get("event")
    if type(name) is not str or not name.strip():
        raise _wrong("event", "is missing" if name is None else "must be text that is not empty")
    if len(name) > _MAX_NAME:
        raise _wrong("event", f"has more than {_MAX_NAME} characters")
    return name.strip()


def _viewed(call: dict[str, Any]) -> dict[str, Any]:
    """The properties of a page or screen, with its name and category."""
    properties = _mapping(call, "properties")
    for field in ("name", "category"):
        value = call.get(field)
        if value is None or field in properties:
            continue
        if type(value) is not str:
            raise _wrong(field, "must be text")
        properties[field] = value
    return properties


def _alias(call: dict[str, Any], user: str, anonymous: str, arrival: Arrival) -> str:
    if not arrival.trusted:
        raise _wrong("type", "a browser source may not alias; use a server source")
    previous = _id(call, "previousId") or anonymous
    if not user:
        raise _wrong("userId", "is missing")
    if not previous:
        raise _wrong("previousId", "is missing")
    return previous


def _email(traits: dict[str, Any]) -> str:
    address = traits.get("email")
    if type(address) is not str:
        return ""
    address = address.strip()
    return address if "@" in address[1:-1] and len(address) <= _MAX_ID else ""


def _mapping(call: dict[str, Any], field: str) -> dict[str, Any]:
    value = call.get(field)
    if value is None:
        return {}
    if type(value) is not dict:
        raise _wrong(field, "must be an object")
    return value


def _short(context: dict[str, Any], field: str) -> str:
    value = context.get(field)
    return value if type(value) is str and len(value) <= 64 else ""


def _identified(call: dict[str, Any]) -> dict[str, Any]:
    """The traits of an `identify` call: RudderStack's libraries put them into the context, Segment's beside it."""
    inside = _mapping(call, "context").get("traits")
    traits = _mapping(call, "traits")
    return inside | traits if isinstance(inside, dict) else traits


def _traits(traits: dict[str, Any]) -> dict[str, Any]:
    """Traits snake_cased and flattened: `{"address": {"zipCode": 1}}` as `{"address_zip_code": 1}`."""
    flat: dict[str, Any] = {}
    for key, value in traits.items():
        name = snake_case(key)
        if type(value) is dict:
            for inner, deep in _traits(value).items():
                flat[f"{name}_{inner}"] = deep
        else:
            flat[name] = value
    return flat


@lru_cache(maxsize=10_000)
def snake_case(name: str) -> str:
    """`firstName`, `First Name` and `first-name` as `first_name`; `HTMLTitle` as `html_title`."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[\W_]+", "_", name).strip("_").lower()


def _wrong(path: str, message: str) -> Invalid:
    return Invalid("the event is not valid", [FieldError(path, message)], code="bad_event")
