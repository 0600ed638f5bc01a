"""What is wrong in a Jinja2 text as far as its tree tells: names, filters, the arguments of functions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import msgspec
from jinja2 import Environment, meta, nodes

from rules.near import nearest
from rules.template import duration

__all__ = ["FUNCTIONS", "REFERS", "Mistake", "Names", "mistakes", "references"]

_CONTACT = ("score", "created", "last_seen", "age", "locale", "timezone")
REFERS = {"in_segment": "segment", "in_list": "list", "consented": "purpose"}
FUNCTIONS = {  # name → fewest and most arguments
    "count": (1, 4), "total": (2, 3), "first": (1, 1), "last": (1, 1), "events": (1, 2), "in_segment": (1, 1),
    "in_list": (1, 1), "consented": (1, 1), "received": (1, 1), "opened": (1, 1), "clicked": (1, 1),
    "days_since": (1, 1),
}  # fmt: skip
_WINDOW = {"count": 1, "total": 2, "events": 1}  # where the text duration stands

_REFUSED = (
    nodes.Import, nodes.FromImport, nodes.Include, nodes.Extends, nodes.Block, nodes.Macro, nodes.CallBlock
)  # fmt: skip


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """The names that a text may use. `elsewhere` says of others why they have no place here; `fields` are those of a
    name that has no others, such as `links`."""

    names: tuple[str, ...]
    attributes: Collection[str]
    elsewhere: Mapping[str, str] = {}
    fields: Mapping[str, tuple[str, ...]] = {}


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake: `written` is what is wrong, as it stands in the text ("" where that is the whole)."""

    written: str
    message: str
    code: str
    line: int = 1
    suggestion: str | None = None
    arguments: dict[str, str] = {}


def mistakes(tree: nodes.Template, environment: Environment, known: Names) -> Iterator[Mistake]:
    """All mistakes of a text's tree; where it holds what no text may hold, those alone."""
    unfit = list(_unfit(tree, environment))
    yield from unfit or _misnamed(tree, known)


def references(tree: nodes.Template) -> Iterator[tuple[str, str, int]]:
    """The segments, lists and purposes that a text names: (kind, name, line)."""
    for call in tree.find_all(nodes.Call):
        name = call.node.name if isinstance(call.node, nodes.Name) else ""
        value = call.args[0].value if call.args and isinstance(call.args[0], nodes.Const) else None
        if name in REFERS and isinstance(value, str):
            yield REFERS[name], value, call.lineno


def _unfit(tree: nodes.Template, environment: Environment) -> Iterator[Mistake]:
    """What a text may not hold: imports, macros, unknown filters."""
    strange = next(tree.find_all(_REFUSED), None)
    if strange is not None:
        what = type(strange).__name__.lower()
        message = f"{what} has no place in a text"
        yield Mistake(written="", message=message, code="template", line=strange.lineno, arguments={"what": what})
        return
    for used in tree.find_all((nodes.Filter, nodes.Test)):
        table = environment.filters if isinstance(used, nodes.Filter) else environment.tests
        if used.name not in table:
            yield _unknown(used.name, f"unknown filter {used.name}", used.lineno, nearest(used.name, table))


def _misnamed(tree: nodes.Template, known: Names) -> Iterator[Mistake]:
    names = [*known.names, *FUNCTIONS]
    for name in sorted(meta.find_undeclared_variables(tree) - set(names)):
        line = next((each.lineno for each in tree.find_all(nodes.Name) if each.name == name), 1)
        if name in known.elsewhere:
            yield Mistake(
                written=name, message=known.elsewhere[name], code="out of place", line=line, arguments={"name": name}
            )
        else:
            yield _unknown(name, f"unknown name {name}", line, nearest(name, names))
    for read in tree.find_all(nodes.Expr):
        if isinstance(read, nodes.Getattr | nodes.Getitem):
            yield from _wrong_field(read, known)
    for call in tree.find_all(nodes.Call):
        yield from _wrong_call(call)


def _unknown(name: str, message: str, line: int, near: str | None, code: str = "unknown name") -> Mistake:
    return Mistake(written=name, message=message, code=code, line=line, suggestion=near, arguments={"name": name})


def _wrong_field(read: nodes.Getattr | nodes.Getitem, known: Names) -> Iterator[Mistake]:
    """`contact.X`: X must be an attribute."""
    if isinstance(read, nodes.Getattr):
        field = read.attr
    elif isinstance(read.arg, nodes.Const) and isinstance(read.arg.value, str):
        field = read.arg.value
    else:
        return
    owner = read.node.name if isinstance(read.node, nodes.Name) else ""
    if field.startswith("_"):
        yield _unknown(field, f"unknown name {field}", read.lineno, None)
    elif owner == "contact":
        fields = [*known.attributes, *_CONTACT]
        if field not in fields:
            yield _unknown(field, f"unknown attribute contact.{field}", read.lineno, nearest(field, fields), "unknown")
    elif owner in known.fields and field not in known.fields[owner]:
        near = nearest(field, known.fields[owner])
        yield _unknown(field, f"unknown name {owner}.{field}", read.lineno, near)


def _wrong_call(call: nodes.Call) -> Iterator[Mistake]:
    """A call of one of the functions: how many arguments, the names and the duration in them."""
    name = call.node.name if isinstance(call.node, nodes.Name) else ""
    if name not in FUNCTIONS:
        return
    fewest, most = FUNCTIONS[name]
    said = {"name": name}
    plain = not (call.kwargs or call.dyn_args or call.dyn_kwargs)
    if not plain or not fewest <= len(call.args) <= most or (name == "count" and len(call.args) == 3):
        message = f"wrong arguments of {name}"
        yield Mistake(written=name, message=message, code="arguments", line=call.lineno, arguments=said)
        return
    values = [argument.value if isinstance(argument, nodes.Const) else None for argument in call.args]
    if name != "days_since" and not isinstance(values[0], str):
        message = f"{name} takes a literal name in quotes"
        yield Mistake(written=name, message=message, code="arguments", line=call.lineno, arguments=said)
    at = _WINDOW.get(name, 9)
    if at < len(values) and values[at] is not None:
        try:
            duration(str(values[at]))
        except ValueError:
            message = "expected a length of time such as '7 days'"
            yield Mistake(written=str(values[at]), message=message, code="duration", line=call.lineno)
