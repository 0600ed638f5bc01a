"""JSON as it is taken from outside: strictly.

A body is one UTF-8 JSON object of bounded depth, with bounded keys, with numbers that can be stored, without
duplicate keys, lone surrogates and NUL. The good case costs one decode in C and a few scans of the bytes; only where
a scan finds something is the text looked at again, slowly. Messages name the mistake and its place, never a value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import msgspec

from server.errors import FieldError, Invalid

__all__ = ["Broken", "Item", "decode_batch", "decode_object", "decode_record", "without_value"]

T = TypeVar("T")

_DEPTH: Final = 9  # of containers within the outermost object; every level doubles the decoder's table
_MAX_KEY: Final = 256
_MAX_KEYS: Final = 1_000  # of one object
_MAX_ITEMS: Final = 5_000  # of one list

_Key = Annotated[str, msgspec.Meta(max_length=_MAX_KEY)]
_Int = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


def _json_type(depth: int) -> Any:
    kind: Any = None | bool | _Int | float | str
    for _ in range(depth):
        items = Annotated[list[kind], msgspec.Meta(max_length=_MAX_ITEMS)]
        fields = Annotated[dict[_Key, kind], msgspec.Meta(max_length=_MAX_KEYS)]
        kind = None | bool | _Int | float | str | items | fields
    return Annotated[dict[_Key, kind], msgspec.Meta(max_length=_MAX_KEYS)]


_object = msgspec.json.Decoder(_json_type(_DEPTH))
_fields = msgspec.json.Decoder(Annotated[dict[_Key, msgspec.Raw], msgspec.Meta(max_length=_MAX_KEYS)])
_raw_list = msgspec.json.Decoder(list[msgspec.Raw])
_encode = msgspec.json.Encoder().encode
_faults = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Broken(NamedTuple):
    """An item of a batch that is not a fit JSON object, and why."""

    errors: list[FieldError]


class Item(NamedTuple):
    """An item of a batch: its text as it came, and the object, or what is wrong with it."""

    raw: bytes
    value: dict[str, Any] | Broken


def decode_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; raises `Invalid`."""
    _require_utf8(body)
    try:
        value: dict[str, Any] = _object.decode(body)
    except _faults as error:
        raise _invalid(error) from None
    if _suspicious(body, value):
        _look_closely(body, value)
    return value


def decode_record(body: bytes, kind: type[T]) -> T:
    """The record of a given type in a body, all of whose fields are known; raises `Invalid`."""
    try:
        return msgspec.convert(decode_object(body), kind)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None


def decode_batch(body: bytes) -> tuple[dict[str, Any], list[Item]]:
    """The object in a body without its `batch`, and the items of `batch`; raises `Invalid`.

    Mistakes within one item are that item's.
    """
    _require_utf8(body)
    try:
        fields = _fields.decode(body)
        batch = fields.pop("batch", None)
        raws = _raw_list.decode(batch) if batch is not None else None
    except _faults as error:
        raise _invalid(error, "batch") from None
    if raws is None:
        raise Invalid("the body has no batch", [FieldError("batch", "must be a list of events")])
    envelope = {name: decode_object(b'{"v":' + bytes(raw) + b"}")["v"] for name, raw in fields.items()}
    items = [_item(raw) for raw in raws]
    outside = body.count(b":") - bytes(batch or b"").count(b":") - 1
    if outside != sum(bytes(raw).count(b":") for raw in fields.values()) + len(fields):
        _look_closely(_without(body, batch), envelope)
    _look_over(bytes(batch or b""), items)
    return envelope, items


def _item(raw: msgspec.Raw) -> Item:
    try:
        return Item(bytes(raw), _object.decode(raw))
    except _faults as error:
        return Item(bytes(raw), Broken(_invalid(error).errors))


def _look_over(batch: bytes, items: list[Item]) -> None:
    """Scan a whole batch at once; look closely at its items, one by one, only where something is found."""
    if any(type(item.value) is Broken for item in items) or _suspicious(batch, [item.value for item in items]):
        for at, item in enumerate(items):
            if isinstance(item.value, dict) and _suspicious(item.raw, item.value):
                try:
                    _look_closely(item.raw, item.value)
                except Invalid as error:
                    items[at] = Item(item.raw, Broken(error.errors))


def _suspicious(body: bytes, value: Any) -> bool:
    """Whether a text may hold a duplicate key or a NUL.

    Written again, a value has a colon for each distinct key and for each colon in its texts; a body that has as many,
    and no colon in disguise, has no key twice.
    """
    if b"\\" in body and (b"\\u0000" in body or b"\\u003" in body):
        return True
    return body.count(b":") != _encode(value).count(b":")


def _look_closely(body: bytes, value: Any) -> None:
    try:
        json.loads(body, object_pairs_hook=_distinct)
    except RecursionError:
        raise _invalid(RecursionError()) from None
    if any("\x00" in text for text in _texts(value)):
        raise _malformed("a text holds a NUL character")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _malformed("an object has the same key twice")
    return fields


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, inner in value.items():
                yield key
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)


def _without(body: bytes, batch: msgspec.Raw | None) -> bytes:
    return body.replace(bytes(batch), b"null", 1) if batch is not None else body


def _require_utf8(body: bytes) -> None:
    if not body:
        raise _malformed("the body is empty; send a JSON object")
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise _invalid(error) from None


def _malformed(message: str, path: str = "") -> Invalid:
    return Invalid("the body is not valid JSON of the kind wanted", [FieldError(path, message)], code="malformed")


def _invalid(error: Exception, within: str = "") -> Invalid:
    """The mistake as ours. msgspec's messages hold types and places, but a place may name a key of the sender's."""
    if isinstance(error, msgspec.ValidationError):
        message, _, place = str(error).partition(" - at ")
        return _malformed(without_value(message), _place(place, within))
    if isinstance(error, UnicodeDecodeError):
        return _malformed("the body is not UTF-8")
    if isinstance(error, RecursionError):
        return _malformed("the body is nested too deeply")
    return _malformed(str(error))


def without_value(message: str) -> str:
    """A message of msgspec without the value that some of them repeat, or a name that is none: it may be personal."""
    if message.startswith("Invalid enum value"):
        return "none of the values it may have"
    field = message.removeprefix("Object contains unknown field ").strip("`")
    return message if field == message or field.isidentifier() else "Object contains an unknown field"


def _place(place: str, within: str) -> str:
    """`$.batch[3].userId` as `batch[3].userId`; keys that msgspec writes as `[...]` stay so."""
    return place.strip("`").removeprefix("$").lstrip(".") or within
