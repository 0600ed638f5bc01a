"""Checking the texts of alerts and tasks: Jinja2, with names that must be known."""

from __future__ import annotations

import re

from jinja2 import TemplateSyntaxError, meta, nodes
from lark import Token

from rules.near import nearest
from rules.reading import OUT_OF_PLACE, Facts, Reader
from rules.syntax import quote
from rules.template import duration, environment

__all__ = ["check_wording"]

_CONTACT = ("score", "created", "last_seen", "age", "locale", "timezone")
_REFERS = {"in_segment": "segment", "in_list": "list", "consented": "purpose"}
_FUNCTIONS = {  # name → fewest and most arguments
    "count": (1, 4), "total": (2, 3), "first": (1, 1), "last": (1, 1), "events": (1, 2), "in_segment": (1, 1),
    "in_list": (1, 1), "consented": (1, 1), "received": (1, 1), "opened": (1, 1), "clicked": (1, 1),
    "days_since": (1, 1),
}  # fmt: skip
_WINDOW = {"count": 1, "total": 2, "events": 1}  # where the text duration stands

_REFUSED = (
    nodes.Import, nodes.FromImport, nodes.Include, nodes.Extends, nodes.Block, nodes.Macro, nodes.CallBlock
)  # fmt: skip


def check_wording(reader: Reader, token: Token, facts: Facts) -> str:
    """A text; what is wrong in it is reported: Jinja2 that does not parse, unknown names, wrong arguments."""
    text = reader.text(token)
    try:
        tree = environment().parse(text)
        if _fits(reader, token, tree):
            _check_names(reader, token, tree, facts)
    except TemplateSyntaxError as error:
        reader.tell(token, f"this text is not a valid template: {error.message}", "template")
    except RecursionError:
        reader.tell(token, "this text is nested too deep", "template")
    return text


def _fits(reader: Reader, token: Token, tree: nodes.Template) -> bool:
    """Whether the text holds only what a text may: no imports, no macros, no unknown filters."""
    strange = next(tree.find_all(_REFUSED), None)
    if strange is not None:
        what = type(strange).__name__.lower()
        reader.tell(token, f"{what} has no place in a text", "template", None, what=what)
        return False
    fits = True
    for used in tree.find_all((nodes.Filter, nodes.Test)):
        table = environment().filters if isinstance(used, nodes.Filter) else environment().tests
        if used.name not in table:
            near = nearest(used.name, table)
            reader.tell(_place(token, used.name), f"unknown filter {used.name}", "unknown name", near, name=used.name)
            fits = False
    return fits


def _check_names(reader: Reader, token: Token, tree: nodes.Template, facts: Facts) -> None:
    names = ["contact", "score", "now", *_FUNCTIONS]
    names += [name for name, there in (("event", facts.event), ("entry", facts.entry)) if there]
    for name in sorted(meta.find_undeclared_variables(tree) - set(names)):
        if name in OUT_OF_PLACE:
            reader.tell(_place(token, name), OUT_OF_PLACE[name], "out of place", None, name=name)
        else:
            reader.tell(_place(token, name), f"unknown name {name}", "unknown name", nearest(name, names), name=name)
    for read in tree.find_all(nodes.Expr):
        if isinstance(read, nodes.Getattr | nodes.Getitem):
            _check_field(reader, token, read)
    for call in tree.find_all(nodes.Call):
        _check_call(reader, token, call)


def _check_field(reader: Reader, token: Token, read: nodes.Getattr | nodes.Getitem) -> None:
    """`contact.X`: X must be an attribute."""
    if isinstance(read, nodes.Getattr):
        field = read.attr
    elif isinstance(read.arg, nodes.Const) and isinstance(read.arg.value, str):
        field = read.arg.value
    else:
        return
    if field.startswith("_"):
        reader.tell(_place(token, field), f"unknown name {field}", "unknown name", name=field)
    elif isinstance(read.node, nodes.Name) and read.node.name == "contact":
        known = [*reader.desk.names.get("attribute", ()), *_CONTACT]
        if field not in known:
            near = nearest(field, known)
            reader.tell(_place(token, field), f"unknown attribute contact.{field}", "unknown", near, name=field)


def _check_call(reader: Reader, token: Token, call: nodes.Call) -> None:
    """A call of one of the functions: how many arguments, the names and the duration in them."""
    name = call.node.name if isinstance(call.node, nodes.Name) else ""
    if name not in _FUNCTIONS:
        return
    fewest, most = _FUNCTIONS[name]
    plain = not (call.kwargs or call.dyn_args or call.dyn_kwargs)
    if not plain or not fewest <= len(call.args) <= most or (name == "count" and len(call.args) == 3):
        reader.tell(_place(token, name), f"wrong arguments of {name}", "arguments", name=name)
        return
    values = [argument.value if isinstance(argument, nodes.Const) else None for argument in call.args]
    if name != "days_since" and not isinstance(values[0], str):
        reader.tell(_place(token, name), f"{name} takes a literal name in quotes", "arguments", name=name)
    elif name in _REFERS:
        reader.refer(_REFERS[name], (*_place(token, str(values[0])), str(values[0])))
    at = _WINDOW.get(name, 9)
    if at < len(values) and values[at] is not None:
        _check_window(reader, token, str(values[at]))


def _check_window(reader: Reader, token: Token, written: str) -> None:
    try:
        duration(written)
    except ValueError:
        reader.tell(_place(token, written), "expected a length of time such as '7 days'", "duration")


def _place(token: Token, name: str) -> tuple[int, int]:
    """Where a name stands in a quoted text; the whole text where it is not found as it is."""
    written = quote(name)[1:-1]
    found = re.search(rf"(?<!\w){re.escape(written)}(?!\w)", token.value)
    start = token.start_pos or 0
    return (start + found.start(), len(written)) if found else (start, len(token))
