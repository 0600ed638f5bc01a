"""Checking the texts of alerts and tasks: Jinja2, with names that must be known."""

from __future__ import annotations

import re

from jinja2 import TemplateSyntaxError
from lark import Token

from rules.reading import OUT_OF_PLACE, Facts, Reader
from rules.syntax import quote
from rules.template import environment
from rules.template_check import Names, mistakes, references

__all__ = ["check_wording"]


def check_wording(reader: Reader, token: Token, facts: Facts) -> str:
    """A text; what is wrong in it is reported: Jinja2 that does not parse, unknown names, wrong arguments."""
    text = reader.text(token)
    there = [name for name, there in (("event", facts.event), ("entry", facts.entry)) if there]
    known = Names(
        names=("contact", "score", "now", *there),
        attributes=reader.desk.names.get("attribute", ()),
        elsewhere=OUT_OF_PLACE,
    )
    try:
        tree = environment().parse(text)
        found = list(mistakes(tree, environment(), known))
        for one in found:
            place = _place(token, one.written) if one.written else token
            reader.tell(place, one.message, one.code, one.suggestion, **one.arguments)
        if not any(one.code == "template" for one in found):
            for kind, name, _ in references(tree):
                reader.refer(kind, (*_place(token, name), name))
    except TemplateSyntaxError as error:
        reader.tell(token, f"this text is not a valid template: {error.message}", "template")
    except RecursionError:
        reader.tell(token, "this text is nested too deep", "template")
    return text


def _place(token: Token, name: str) -> tuple[int, int]:
    """Where a name stands in a quoted text; the whole text where it is not found as it is."""
    written = quote(name)[1:-1]
    found = re.search(rf"(?<!\w){re.escape(written)}(?!\w)", token.value)
    start = token.start_pos or 0
    return (start + found.start(), len(written)) if found else (start, len(token))
