"""Types of names: those of a rulebook, or rule-engine's own, as rule-engine's checker wants them."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from rule_engine import DataType, errors

from rules.expression.intrinsics import FORMS
from rules.near import nearest
from rules.rulebook import Attribute

__all__ = ["CONTACT", "OCCURRENCE", "Occurrence", "is_occurrence", "kind_of", "resolver_of", "rulebook_types"]

_NAMED: dict[str, Any] = {
    "text": DataType.STRING,
    "number": DataType.FLOAT,
    "yes/no": DataType.BOOLEAN,
    "date": DataType.DATETIME,
    "datetime": DataType.DATETIME,
    "duration": DataType.TIMEDELTA,
    "list of text": DataType.ARRAY(DataType.STRING),
    "one of": DataType.STRING,
    "mapping": DataType.MAPPING,
    "any": DataType.UNDEFINED,
}

CONTACT = {
    "score": "number",
    "created": "datetime",
    "last_seen": "datetime",
    "age": "number",
    "locale": "text",
    "timezone": "text",
}
"""What is known of every contact, beside its attributes."""

RESERVED = {
    "name": DataType.STRING,
    "time": DataType.DATETIME,
    "source": DataType.STRING,
    "properties": DataType.MAPPING(DataType.STRING),
}
"""What an event has beside its properties."""


class Occurrence:
    """The type of `event` and `entry`: name, time, source, properties, and any property by its name.

    `only` limits it to these names (an entry that is no event has only `name` and `time`).
    """

    def __init__(self, only: tuple[str, ...] = ()) -> None:
        self.only = only


OCCURRENCE = Occurrence()


class _AnyProperty(dict[str, Any]):
    """The attributes of an occurrence as rule-engine asks for them: any name is there, of unknown type."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Any:
        return DataType.UNDEFINED


def is_occurrence(definition: Any) -> bool:
    """Whether a type is that of `event` or `entry`."""
    return isinstance(getattr(definition, "attributes", None), _AnyProperty)


_KINDS = {
    "ARRAY": "list",
    "BOOLEAN": "yes/no",
    "BYTES": "bytes",
    "DATETIME": "datetime",
    "FLOAT": "number",
    "MAPPING": "mapping",
    "NULL": "null",
    "SET": "set",
    "STRING": "text",
    "TIMEDELTA": "duration",
}


def kind_of(definition: Any) -> str | None:
    """The name of a value's type in a rulebook; None where rule-engine does not know it."""
    return _KINDS.get(DataType.NULLABLE.unwrap(definition).name)


def resolver_of(types: Mapping[str, Any]) -> Any:
    """A `type_resolver` for rule-engine. Raises TypeError for what is no type."""
    known = {name: _definition(name, kind) for name, kind in types.items()}

    def resolve(name: str) -> Any:
        if name not in known:
            raise errors.SymbolResolutionError(name, suggestion=nearest(name, [*known, *FORMS]))
        return known[name]

    return resolve


def _definition(name: str, kind: Any) -> Any:
    if DataType.is_definition(kind):
        return kind
    if isinstance(kind, Occurrence):
        if kind.only:
            fields = {field: RESERVED[field] for field in kind.only}
            return DataType.OBJECT(name, fields, accessor=operator.getitem)
        definition = DataType.OBJECT(name, dict(RESERVED), accessor=operator.getitem)
        definition.attributes = _AnyProperty(definition.attributes)
        return definition
    if isinstance(kind, Attribute):
        return _NAMED[kind.type]
    if isinstance(kind, str):
        kind = "one of" if kind.startswith("one of ") else kind
        if kind in _NAMED:
            return _NAMED[kind]
    if isinstance(kind, Mapping):
        fields = {field: _definition(f"{name}.{field}", inner) for field, inner in kind.items()}
        return DataType.OBJECT(name, fields, accessor=operator.getitem)
    if isinstance(kind, type):
        return DataType.from_type(kind)
    raise TypeError(f"not a type: {name}")


def rulebook_types(
    attributes: Mapping[str, Attribute],
    *,
    event: bool = False,
    entry: bool | tuple[str, ...] = False,
    arrived: bool = False,
) -> dict[str, Any]:
    """The types of the names that an expression of a rulebook may use, for `compile_expression`.

    `event`, `entry` and `arrived` say whether these names are known at that place; `entry` may instead name the only
    fields it has, as for an entry by a list: `("name", "time")`.
    """
    contact: dict[str, Any] = {name: attribute.type for name, attribute in attributes.items()}
    types: dict[str, Any] = {"contact": contact | CONTACT, "now": "datetime"}
    if event:
        types["event"] = OCCURRENCE
    if entry:
        types["entry"] = Occurrence(entry) if isinstance(entry, tuple) else OCCURRENCE
    if arrived:
        types["arrived"] = "yes/no"
    return types
