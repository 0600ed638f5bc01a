"""Whether the value of an expression fits what takes it: an attribute, a wait, an amount, a ranking."""

from __future__ import annotations

from typing import Final

from lark import Token

from rules.attribute import Misfit, fit, plain
from rules.expression import EVALUATION_FAULTS, Expression, Reads
from rules.reading import Reader
from rules.rulebook import Attribute, Condition

__all__ = ["AMOUNT", "MOMENT", "RANK", "check_fit", "check_kind"]

Kinds = tuple[str, ...]

MOMENT: Final[Kinds] = ("datetime",)
AMOUNT: Final[Kinds] = ("number",)
RANK: Final[Kinds] = ("number", "yes/no")

_WRITTEN: Final[dict[str, Kinds]] = {
    "text": ("text", "datetime"),
    "number": ("number", "text"),
    "yes/no": ("yes/no", "text"),
    "date": ("datetime", "text"),
    "datetime": ("datetime", "text"),
    "list of text": ("list",),
    "one of": ("text",),
}
"""What an attribute of each type takes: a text is read as what it says."""
_NOUNS: Final[dict[str, str]] = {
    "text": "a text",
    "number": "a number",
    "yes/no": "yes/no",
    "datetime": "a datetime",
    "duration": "a duration",
    "list": "a list",
    "set": "a set",
    "mapping": "a mapping",
}


def check_kind(reader: Reader, token: Token, condition: Condition, wanted: Kinds) -> bool:
    """Report a value that is of another type for certain; null fits everything."""
    expression = condition.expression
    if expression is None or expression.kind in (None, "null", *wanted):
        return True
    found, needed = _NOUNS.get(expression.kind, expression.kind), _NOUNS[wanted[0]]
    reader.tell(token, f"this is {found}, and {needed} is expected", "type", None, found=found, wanted=needed)
    return False


def check_fit(reader: Reader, token: Token, condition: Condition, name: str) -> None:
    """Report a value that `contact.NAME` would never take."""
    attribute = reader.desk.attributes.get(name)
    wanted = _WRITTEN.get(attribute.type) if attribute is not None else None
    if attribute is None or wanted is None or not check_kind(reader, token, condition, wanted):
        return
    if not _misfit(attribute, condition.expression):
        return
    if attribute.options:
        options = " | ".join(f'"{option}"' for option in attribute.options)
        reader.tell(token, f"contact.{name} is one of {options}", "type", None, name=name, options=options)
    else:
        needed = _NOUNS[wanted[0]]
        reader.tell(token, f"contact.{name} takes {needed}, and this is none", "type", None, name=name, wanted=needed)


def _misfit(attribute: Attribute, expression: Expression | None) -> bool:
    """Whether a literal does not fit; what depends on the facts may."""
    if expression is None or expression.kind is None or expression.reads != Reads():
        return False
    try:
        value = plain(expression.run({}))
        if value is not None:
            fit(attribute, value)
    except Misfit:
        return True
    except EVALUATION_FAULTS:
        return False
    return False
