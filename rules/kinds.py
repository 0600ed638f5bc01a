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


def check_kind(reader: Reader, token: Token, condition: Condition, wanted: Kinds) -> bool:
    """Report a value that is of another type for certain; null fits everything."""
    expression = condition.expression
    if expression is None or expression.kind in (None, "null", *wanted):
        return True
    message = f"expected a {wanted[0]}, and this is a {expression.kind}"
    reader.tell(token, message, "type", None, wanted=wanted[0], found=expression.kind)
    return False


def check_fit(reader: Reader, token: Token, condition: Condition, name: str) -> None:
    """Report a value that `contact.NAME` would never take."""
    attribute = reader.desk.attributes.get(name)
    wanted = _WRITTEN.get(attribute.type) if attribute is not None else None
    if attribute is None or wanted is None or not check_kind(reader, token, condition, wanted):
        return
    if (reason := _misfit(attribute, condition.expression)) is not None:
        options = " | ".join(f'"{option}"' for option in attribute.options)
        more = f": contact.{name} is one of {options}" if options else f" for contact.{name}"
        reader.tell(token, f"this is {reason}{more}", "type", None, name=name)


def _misfit(attribute: Attribute, expression: Expression | None) -> str | None:
    """Why a literal does not fit; None of what depends on the facts."""
    if expression is None or expression.kind is None or expression.reads != Reads():
        return None
    try:
        value = plain(expression.run({}))
        if value is not None:
            fit(attribute, value)
    except Misfit as misfit:
        return str(misfit)
    except EVALUATION_FAULTS:
        return None
    return None
