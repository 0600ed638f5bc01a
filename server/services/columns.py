"""What the columns of an import mean: guessed from their names, changed by hand, and applied to rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, Final, Literal, TypeAlias

import msgspec

from rules.attribute import Misfit, fit
from rules.contact import Millis
from rules.moment import EARLIEST, millis
from rules.rulebook import Attribute, Rulebook
from server.errors import FieldError, Invalid
from server.services.calls import snake_case
from server.services.tables import Cells

__all__ = ["Columns", "Kind", "Reading", "check", "guess", "read_row", "remap"]

Kind: TypeAlias = Literal["contacts", "events"]
Order: TypeAlias = Literal["", "day first", "month first"]  # of dates such as 03/04/2026; "": there are none

_IDS: Final = {
    "user": ("user", "user_id", "userid", "customer_id", "customerid", "client_id", "id", "identifiant", "uid"),
    "anonymous": ("anonymous", "anonymous_id", "anonymousid", "visitor_id"),
    "email": ("email", "e_mail", "mail", "email_address", "courriel", "adresse_e_mail", "adresse_email"),
}
_EVENT: Final = ("event", "event_name", "evenement", "événement")
_TIME: Final = (
    "time",
    "timestamp",
    "date",
    "datetime",
    "occurred_at",
    "created_at",
    "horodatage",
    "original_timestamp",
)
_MESSAGE: Final = ("message_id", "messageid", "event_id")
_WORDS: Final = ("user", "anonymous", "email", "event", "time", "message_id", "locale", "timezone", "-")
_NUMBER: Final = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,10})?")
_LOCAL_DATE: Final = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})(?:[ T](\d{1,2}):(\d\d)(?::(\d\d))?)?")
_COMPACT: Final = re.compile(r"(\d{4})(\d\d)(\d\d)")
_MAX_TEXT: Final = 256
_NOTHING: Final = ("", None)


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """What each column is: `user`, `anonymous`, `email` (identities), `event`, `time`, `message_id`, `locale`,
    `timezone`, `attribute:NAME`, `property:NAME`, or `-` for one that is left out.

    `event` is the name of all events where no column names it, `dates` how dates without a four-digit year in front
    are read, `numbers` the columns of properties that hold numbers alone, `commas` those with decimal commas.
    """

    kind: Kind
    targets: dict[str, str]
    event: str = ""
    dates: Order = ""
    numbers: tuple[str, ...] = ()
    commas: tuple[str, ...] = ()


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a row says. `time` is None where it has none."""

    user: str = ""
    anonymous: str = ""
    email: str = ""
    event: str = ""
    time: Millis | None = None
    message_id: str = ""
    locale: str = ""
    timezone: str = ""
    values: dict[str, Any] = msgspec.field(default_factory=dict)  # traits of a contact, properties of an event


def guess(columns: Sequence[str], sample: Sequence[Cells], book: Rulebook, kind: Kind | None = None) -> Columns:
    """What columns may mean, by their names and the first rows. A contact's column that no attribute takes is left
    out, an event's column that is nothing else is a property."""
    names = {column: snake_case(column) for column in columns}
    chosen: Kind = kind or ("events" if any(name in _EVENT for name in names.values()) else "contacts")
    traits = {name: name for name in book.attributes} | {
        one.trait or name: name for name, one in book.attributes.items()
    }
    targets: dict[str, str] = {}
    for column, name in names.items():
        targets[column] = _guess(name, chosen, traits, set(targets.values()))
    numbers = tuple(c for c, target in targets.items() if target.startswith("property:") and _all(c, sample, _number))
    return Columns(
        kind=chosen,
        targets=targets,
        dates=_order(targets, sample, book),
        numbers=numbers,
        commas=tuple(c for c in columns if _all(c, sample, _comma)),
    )


def _guess(name: str, kind: Kind, traits: Mapping[str, str], taken: set[str]) -> str:
    for target, words in _IDS.items():
        if name in words and target not in taken:
            return target
    if name in ("locale", "timezone") and name not in traits:
        return name
    if kind == "events":
        for target, words in (("event", _EVENT), ("time", _TIME), ("message_id", _MESSAGE)):
            if name in words and target not in taken:
                return target
        return f"property:{name}" if name else "-"
    return f"attribute:{traits[name]}" if name in traits else "-"


def remap(columns: Columns, words: Sequence[str], book: Rulebook) -> Columns:
    """Change what columns mean: `COLUMN=TARGET`, where an attribute or a property may be named alone.

    Raises `Invalid` for a column that is not there and a target that is none.
    """
    targets = dict(columns.targets)
    for word in words:
        column, sign, target = word.rpartition("=")
        if not sign or column not in targets:
            raise _wrong(f"{column or word}: the file has no such column; it has {', '.join(targets)}")
        targets[column] = _target(target.strip(), columns.kind, book)
    return msgspec.structs.replace(columns, targets=targets)


def _target(target: str, kind: Kind, book: Rulebook) -> str:
    name = target.partition(":")[2] or target
    if target in _WORDS:
        return target
    if kind == "events":
        return f"property:{name}"
    if name not in book.attributes:
        known = ", ".join([*_WORDS, *book.attributes])
        raise _wrong(f"{name}: there is no such attribute in the rulebook; one of {known} is wanted")
    return f"attribute:{name}"


def check(columns: Columns) -> None:
    """Raises `Invalid` where rows of such columns could not be taken."""
    targets = list(columns.targets.values())
    if not any(one in targets for one in ("user", "anonymous", "email")):
        raise _wrong("no column says who a row is about: name one with --map COLUMN=email (or user, anonymous)")
    if columns.kind == "events" and "event" not in targets and not columns.event:
        raise _wrong("no column names the event: use --event NAME, or --map COLUMN=event")
    for one in set(targets) - {"-"}:
        if targets.count(one) > 1:
            raise _wrong(f"two columns are {one}: leave one out with --map COLUMN=-")


def read_row(cells: Cells, columns: Columns, attributes: Mapping[str, Attribute], where: tzinfo) -> Reading:
    """What a row says; raises `Invalid`, naming the column, where it cannot be taken."""
    found: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for column, target in columns.targets.items():
        cell = cells.get(column)
        if isinstance(cell, str):
            cell = cell.strip()
        if cell in _NOTHING or target == "-":
            continue
        kind, _, name = target.partition(":")
        if kind == "attribute":
            values[attributes[name].trait or name] = _fitted(cell, column, attributes[name], columns, where)
        elif kind == "property":
            values[name] = _number_of(cell, column, columns) if column in columns.numbers else cell
        elif kind == "time":
            found[kind] = _moment(cell, column, columns, where)
        else:
            found[kind] = _short(cell, column, kind)
    if not (found.get("user") or found.get("anonymous") or found.get("email")):
        raise _wrong("says not who it is about")
    if columns.kind == "events" and not found.setdefault("event", columns.event):
        raise _wrong("names no event")
    return Reading(**found, values=values)


def _fitted(cell: Any, column: str, declared: Attribute, columns: Columns, where: tzinfo) -> Any:
    value = cell
    match declared.type:
        case "date" | "datetime":
            moment = _datetime(cell, columns.dates, where)
            value = cell if moment is None else moment.isoformat()
            if declared.type == "date" and moment is not None:
                value = moment.date().isoformat()
        case "number":
            value = _number_of(cell, column, columns)
        case "list of text" if isinstance(cell, str):
            value = [
                part.strip() for part in re.split(r"[;|]" if ";" in cell or "|" in cell else ",", cell) if part.strip()
            ]
        case "yes/no" if cell in (0, 1, "0", "1"):
            value = cell in (1, "1")
        case "text" | "one of" if isinstance(cell, int | float) and not isinstance(cell, bool):
            value = str(cell)
    try:
        return fit(declared, value)
    except Misfit as misfit:
        raise Invalid("the row cannot be taken", [FieldError(column, str(misfit))], code="bad_row") from None


def _number_of(cell: Any, column: str, columns: Columns) -> Any:
    if not isinstance(cell, str):
        return cell
    text = re.sub(r"[\s\u00a0\u202f]", "", cell)
    if column in columns.commas:
        text = text.replace(",", ".")
    if not _NUMBER.fullmatch(text):
        return cell
    return float(text) if "." in text else int(text)


def _moment(cell: Any, column: str, columns: Columns, where: tzinfo) -> Millis:
    found: Millis | None = None
    if isinstance(cell, int | float) and not isinstance(cell, bool) and not _COMPACT.fullmatch(str(cell)):
        if abs(cell) < 10**14:  # milliseconds, or seconds, since 1970
            found = int(cell if abs(cell) > 10**11 else cell * 1000)
    elif (read := _datetime(cell, columns.dates, where)) is not None:
        found = millis(read)
    if found is None or found < EARLIEST:
        wrong = FieldError(column, "is no time such as 2026-01-31T09:30:00Z")
        raise Invalid("the row cannot be taken", [wrong], code="bad_row")
    return found


def _datetime(cell: Any, order: Order, where: tzinfo) -> datetime | None:
    """A time as it is written: ISO 8601, 31/01/2026 or 01/31/2026 as `order` says, 20260131; local where no zone is."""
    text = str(cell).strip()
    try:
        if local := _LOCAL_DATE.fullmatch(text):
            first, second, year, hour, minute, second_ = (int(part or 0) for part in local.groups())
            day, month = (second, first) if order == "month first" else (first, second)
            return datetime(year, month, day, hour, minute, second_, tzinfo=where)
        if compact := _COMPACT.fullmatch(text):
            year, month, day = (int(part) for part in compact.groups())
            return datetime(year, month, day, tzinfo=where)
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=where)
    except (ValueError, OverflowError):
        return None


def _short(cell: Any, column: str, kind: str) -> str:
    if isinstance(cell, bool) or not isinstance(cell, str | int):
        raise Invalid("the row cannot be taken", [FieldError(column, "is no text")], code="bad_row")
    text = str(cell)
    if len(text) > (100 if kind == "message_id" else _MAX_TEXT):
        raise Invalid("the row cannot be taken", [FieldError(column, "is too long")], code="bad_row")
    if kind == "email" and ("@" not in text[1:-1] or any(sign.isspace() for sign in text)):
        raise Invalid("the row cannot be taken", [FieldError(column, "is no e-mail address")], code="bad_row")
    return text


def _all(column: str, sample: Sequence[Cells], test: Any) -> bool:
    cells = [cell for row in sample if (cell := row.get(column)) not in _NOTHING]
    return bool(cells) and all(test(cell) for cell in cells)


def _number(cell: Any) -> bool:
    if isinstance(cell, int | float):
        return not isinstance(cell, bool)
    return isinstance(cell, str) and bool(_NUMBER.fullmatch(cell.strip()) or _comma(cell))


def _comma(cell: Any) -> bool:
    if not isinstance(cell, str):
        return False
    return bool(re.fullmatch(r"-?\d{1,3}([\s\u00a0\u202f]?\d{3})*(,\d{1,10})?", cell.strip()))


def _order(targets: Mapping[str, str], sample: Sequence[Cells], book: Rulebook) -> Order:
    """Which comes first in dates such as 03/04/2026; the day, unless some date can only be read the other way."""
    dated = [c for c, target in targets.items() if target == "time" or _is_date(target, book)]
    found = [m for row in sample for c in dated if (m := _LOCAL_DATE.fullmatch(str(row.get(c) or "").strip()))]
    if not found:
        return ""
    return (
        "month first" if any(int(m[2]) > 12 for m in found) and not any(int(m[1]) > 12 for m in found) else "day first"
    )


def _is_date(target: str, book: Rulebook) -> bool:
    declared = book.attributes.get(target.partition(":")[2])
    return declared is not None and declared.type in ("date", "datetime")


def _wrong(message: str) -> Invalid:
    return Invalid(message, code="bad_row")
