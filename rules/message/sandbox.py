"""The sandbox of messages: Jinja2 in which a text neither takes long nor grows large, and values are only marked.

A value is not written where it stands but marked, and put in when the markup around it is made: escaped for HTML,
quoted for JSON, as it is for text. So no value can change the structure of a message, in whatever format.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sized
from contextvars import ContextVar
from typing import Any, Final

from jinja2 import ChainableUndefined, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context

from rules.template import Sandbox, shown

__all__ = [
    "FORMATS",
    "MARK",
    "Html",
    "Marks",
    "Missing",
    "Values",
    "charge",
    "generated",
    "readable",
    "sandbox",
    "text_of_value",
]

OUTPUT: Final = 400_000  # characters of what is rendered
WORK: Final = 200_000  # values that filters and functions may go through
LOOPS: Final = 1_000  # parts of the loops of a text, in all

MARK: Final = re.compile(r"zq7x(\d+)x7qz")
FORMATS: Final = "formats of the locale"  # no name that a template can read
_MARKS: Final = "marks of values"
_FILTERS: Final = frozenset({
    "abs", "capitalize", "count", "d", "default", "first", "float", "int", "last", "length", "list", "lower", "map",
    "max", "min", "reject", "rejectattr", "reverse", "round", "select", "selectattr", "sort", "striptags", "sum",
    "title", "trim", "truncate", "unique", "upper", "urlencode",
})  # fmt: skip
_REFUSED: Final = {
    nodes.Concat: "texts are written one after the other, not joined by ~",
    nodes.AssignBlock: "{% set %} takes one value: {% set name = value %}",
    nodes.FilterBlock: "{% filter %} has no place in a message: filter each value",
    nodes.ScopedEvalContextModifier: "{% autoescape %} has no place in a message: values are escaped anyway",
}

_left: ContextVar[list[int]] = ContextVar("work left")


class Html(str):
    """Markup that is put in as it is: the content that a layout is around."""

    __slots__ = ()


class Missing(ChainableUndefined):
    """A value that is not there: shown as nothing, equal to null, less and greater than nothing."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Missing)

    def __hash__(self) -> int:
        return hash(None)

    def _never(self, _other: object) -> bool:
        return False

    __lt__ = __le__ = __gt__ = __ge__ = _never  # type: ignore[assignment]


class Values:
    """Values by name as a template reads them: `event.items` is a property of that name, and no method."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        value = self._values[name]
        if value is None:
            raise KeyError(name)
        return readable(value)

    def __len__(self) -> int:
        return len(self._values)


def readable(value: Any) -> Any:
    """A value with what is within it as a template reads it."""
    if isinstance(value, dict):
        return Values(value)
    if isinstance(value, list):
        return tuple(readable(item) for item in value)
    return value


def plain(value: Any) -> Any:
    """What `readable` was given."""
    if isinstance(value, Values):
        return value._values
    return [plain(item) for item in value] if isinstance(value, tuple) else value


class Marks:
    """The values of one rendering, by the number of their mark."""

    __slots__ = ("_bare", "left", "values")

    def __init__(self, *, bare: bool = False) -> None:
        """`bare`: what is missing is marked too (it becomes null in JSON)."""
        self.values: list[Any] = []
        self.left = OUTPUT
        self._bare = bare

    def mark(self, value: Any) -> str:
        if not self._bare and (value is None or isinstance(value, Missing)):
            return ""
        if isinstance(value, str):
            self.left -= len(value)
        else:
            value = plain(value)
            self.left -= 8
        self.values.append(value)
        return f"zq7x{len(self.values) - 1}x7qz"


def charge(amount: int) -> None:
    """Count work against what a rendering may do; raises SecurityError where it is used up."""
    left = _left.get(None)
    if left is not None:
        left[0] -= amount
        if left[0] < 0:
            raise SecurityError("the message goes through too many values")


def generated(compiled: Any, names: Mapping[str, Any], marks: Marks) -> str:
    """A compiled text with its values marked. Raises what a template raises, and SecurityError over a bound."""
    parts: list[str] = []
    before = _left.set([WORK])
    try:
        for part in compiled.root_render_func(compiled.new_context({**names, _MARKS: marks}, shared=True)):
            marks.left -= len(part)
            if marks.left < 0:
                raise SecurityError("the message becomes too long")
            parts.append(part)
    finally:
        _left.reset(before)
    return "".join(parts)


def text_of_value(value: Any) -> str:
    """A value as a text shows it."""
    if type(value) is str:
        return value
    if value is None or isinstance(value, Missing):
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(text_of_value(item) for item in value if not isinstance(item, list | tuple | dict))
    return "" if isinstance(value, dict) else str(shown(value))


class _Sandbox(Sandbox):
    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > 256:
            raise SecurityError("the number is too large")
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """As Jinja2's own, which looks for a name of `Values` among their methods first, and finds none."""
        if type(obj) is not Values or attribute.startswith("_"):
            return super().getattr(obj, attribute)
        try:
            return obj[attribute]
        except KeyError:
            return self.undefined(obj=obj, name=attribute)

    def parse(self, source: str, name: str | None = None, filename: str | None = None) -> nodes.Template:
        """The tree of a text; raises TemplateSyntaxError also for what has no place in a message."""
        tree = super().parse(source, name, filename)
        for kind, reason in _REFUSED.items():
            for strange in tree.find_all(kind):
                raise TemplateSyntaxError(reason, strange.lineno)
        for made in tree.find_all((nodes.List, nodes.Dict, nodes.Tuple)):
            if getattr(made, "ctx", "load") == "load" and not _constant(made):
                raise TemplateSyntaxError("a list in a message holds plain values", made.lineno)
        loops = list(tree.find_all(nodes.For))
        if sum(1 for loop in loops for _ in _below(loop)) > LOOPS:
            raise TemplateSyntaxError("the loops of this message are too long", loops[0].lineno)
        return tree


def _below(node: nodes.Node) -> Iterator[nodes.Node]:
    for child in node.iter_child_nodes():
        yield child
        yield from _below(child)


def _constant(made: nodes.Expr) -> bool:
    if isinstance(made, nodes.Dict):
        return all(isinstance(pair.key, nodes.Const) and isinstance(pair.value, nodes.Const) for pair in made.items)
    return all(isinstance(item, nodes.Const) for item in made.items)  # type: ignore[attr-defined]


@functools.lru_cache(maxsize=1)
def sandbox() -> Sandbox:
    """The environment in which messages are compiled. A filter of `Formats` is found when a message is rendered."""
    made = _Sandbox(autoescape=False, finalize=_marked, undefined=Missing, trim_blocks=True, lstrip_blocks=True)
    made.globals.clear()
    made.filters = {name: _charged(function) for name, function in made.filters.items() if name in _FILTERS}
    made.filters.update(join=_join, replace=_replace, date=_date, number=_number, money=_money)
    made.tests["none"] = lambda value: value is None or isinstance(value, Missing)
    return made


@pass_context
def _marked(context: Context, value: Any) -> str:
    """What stands in the place of a value."""
    marks: Marks = context[_MARKS]
    return marks.mark(value)


def _charged(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that counts what it goes through."""
    place = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)
    def filter_(*arguments: Any, **named: Any) -> Any:
        value = arguments[place] if len(arguments) > place else None
        charge(1 + (len(value) if isinstance(value, Sized) else 0))
        return function(*arguments, **named)

    return filter_


def _join(value: Any, separator: str = "", attribute: str | None = None) -> str:
    items = list(value) if value is not None else []
    charge(1 + len(items))
    if attribute is not None:
        items = [item[attribute] for item in items]
    said = [text_of_value(item) for item in items]
    _bounded(sum(map(len, said)) + len(separator) * len(said))
    return separator.join(said)


def _replace(value: Any, old: str, new: str) -> str:
    text = text_of_value(value)
    _bounded(len(text) + text.count(str(old)) * len(str(new)))
    return text.replace(str(old), str(new))


def _bounded(length: int) -> None:
    """Refuse a text that would become too long, also where it is made when a message is compiled."""
    if length > OUTPUT:
        raise SecurityError("the message becomes too long")
    charge(1 + length // 16)


@pass_context
def _date(context: Context, value: Any, form: str = "long") -> Any:
    return _formatted(context, "date", value, form)


@pass_context
def _number(context: Context, value: Any, decimals: int | None = None) -> Any:
    return _formatted(context, "number", value, decimals)


@pass_context
def _money(context: Context, value: Any, currency: str = "EUR") -> Any:
    return _formatted(context, "money", value, currency)


def _formatted(context: Context, name: str, value: Any, option: Any) -> Any:
    """A value as the locale of the message writes it; nothing for what is missing."""
    charge(20)
    if value is None or isinstance(value, Missing):
        return ""
    return context[FORMATS](name, value, option)
