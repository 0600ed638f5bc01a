"""The texts of alerts: Jinja2 in a sandbox, personal attributes masked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rules.moment import millis
from rules.rulebook import Attribute

__all__ = [
    "MASK",
    "Sandbox",
    "Template",
    "TemplateUse",
    "compile_alert",
    "duration",
    "functions",
    "mask",
    "render",
    "shown",
]

MASK = "•••"
_FILTERS = frozenset({
    "abs", "capitalize", "count", "d", "default", "first", "float", "int", "join", "last", "length", "list", "lower",
    "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "select", "selectattr", "sort", "sum",
    "title", "trim", "truncate", "unique", "upper",
})  # fmt: skip
_REFUSED = (nodes.Import, nodes.FromImport, nodes.Include, nodes.Extends, nodes.Block, nodes.Macro, nodes.CallBlock)
_LONGEST = 3000  # characters of a rendered text
_UNITS = {
    "minute": 60, "hour": 3600, "heure": 3600, "day": 86400, "jour": 86400, "week": 604800, "semaine": 604800,
    "month": 2592000, "mois": 2592000,
}  # fmt: skip
_DURATION = re.compile(r"(\d{1,6}) ?([a-z]+?)s?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateUse:
    """A use of the history by a text, as `FunctionUse` is one by an expression."""

    function: str
    event: str
    window_ms: int | None = None
    property: str | None = None
    value: Any = None
    has_value: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A compiled text. `broken` says why it could not be compiled (it is then shown as written)."""

    text: str
    compiled: Any
    uses: tuple[TemplateUse, ...]
    broken: str = ""


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2 without what can take long or much: no loop in a loop, no methods, no powers, no repeated texts."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or isinstance(left, str | list | tuple) or isinstance(right, str | list | tuple):
            raise SecurityError("only numbers are multiplied here")
        return super().call_binop(context, operator, left, right)

    def parse(self, source: str, name: str | None = None, filename: str | None = None) -> nodes.Template:
        """The tree of a text; raises TemplateSyntaxError also for what has no place in one."""
        tree = super().parse(source, name, filename)
        for call in tree.find_all(nodes.Call):
            if not isinstance(call.node, nodes.Name):
                raise TemplateSyntaxError("methods cannot be called in a text", call.lineno)
        for loop in tree.find_all(nodes.For):
            if loop.recursive or loop.find(nodes.For) is not None:
                raise TemplateSyntaxError("a loop in a loop has no place in a text", loop.lineno)
        for strange in tree.find_all(_REFUSED):
            raise TemplateSyntaxError(f"{type(strange).__name__.lower()} has no place in a text", strange.lineno)
        return tree


@lru_cache(maxsize=1)
def environment() -> Sandbox:
    """The sandbox that alert texts are compiled in."""
    sandbox = Sandbox(autoescape=False, finalize=shown)
    sandbox.globals.clear()
    sandbox.filters = {name: function for name, function in sandbox.filters.items() if name in _FILTERS}
    return sandbox


def shown(value: Any) -> Any:
    """A value as a text shows it: nothing for null, 85 rather than 85.0, a date without midnight."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value else "0"
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d" if (value.hour, value.minute) == (0, 0) else "%Y-%m-%d %H:%M")
    if isinstance(value, tuple | list):
        return ", ".join(str(shown(item)) for item in value)
    return value


def duration(text: str) -> int:
    """The milliseconds of a text duration such as `7 days` or `2 heures`; raises ValueError."""
    found = _DURATION.fullmatch(text.strip())
    unit = found[2].lower() if found else ""
    seconds = _UNITS.get(unit) or _UNITS.get(unit + "s")
    if found is None or seconds is None:
        raise ValueError("not a duration")
    return int(found[1]) * seconds * 1000


def mask(value: Any) -> str:
    """A personal value as a channel may show it: a first letter at most."""
    return f"{value[0]}{MASK}" if isinstance(value, str) and value else MASK


def compile_alert(text: str) -> Template:
    """Compile a text; one that does not compile is kept as it is, with the reason."""
    try:
        tree = environment().parse(text)
        return Template(text, environment().from_string(text), tuple(_uses(tree)))
    except TemplateError as problem:
        return Template(text, None, (), type(problem).__name__)


def _uses(tree: nodes.Template) -> list[TemplateUse]:
    found = []
    for call in tree.find_all(nodes.Call):
        name = call.node.name if isinstance(call.node, nodes.Name) else ""
        values = [argument.value if isinstance(argument, nodes.Const) else None for argument in call.args]
        try:
            use = _use(name, values)
        except (ValueError, AttributeError, IndexError):
            continue
        if use is not None:
            found.append(use)
    return found


def _use(name: str, values: list[Any]) -> TemplateUse | None:
    event = values[0] if values and isinstance(values[0], str) else None
    if event is None:
        return None
    match name:
        case "count":
            window = duration(values[1]) if len(values) > 1 and values[1] is not None else None
            if len(values) > 3:
                return TemplateUse(
                    function=name, event=event, window_ms=window, property=values[2], value=values[3], has_value=True
                )
            return TemplateUse(function=name, event=event, window_ms=window)
        case "total":
            window = duration(values[2]) if len(values) > 2 and values[2] is not None else None
            return TemplateUse(function=name, event=event, property=values[1], window_ms=window)
        case "first" | "last":
            return TemplateUse(function=name, event=event)
        case "received" | "opened" | "clicked":
            names = {"received": "Email Sent", "opened": "Email Opened", "clicked": "Email Link Clicked"}
            return TemplateUse(function="count", event=names[name], property="message", value=event, has_value=True)
    return None


class _Masked(Mapping[str, Any]):
    """Values by name with the personal ones masked; for `contact` and for the properties of an event."""

    def __init__(self, values: Any, attributes: Mapping[str, Attribute], others: bool) -> None:
        self._values = values
        self._attributes = attributes
        self._others = others  # whether names that are no attributes are shown

    def __getitem__(self, name: str) -> Any:
        declared = self._attributes.get(name)
        if declared is None and not self._others and name not in ("score", "created", "last_seen", "age"):
            return None
        value = self._values.get(name)
        birthday = self._attributes.get("birthday")
        hidden = declared or (birthday if name == "age" and not self._others else None)
        if value is not None and hidden is not None and hidden.personal and not hidden.shown_in_alerts:
            return mask(value)
        return value

    def __iter__(self) -> Any:
        return iter(self._attributes)

    def __len__(self) -> int:
        return len(self._attributes)


def render(template: Template, facts: Mapping[str, Any], attributes: Mapping[str, Attribute], events: Any) -> str:
    """The text for these facts. `events` gives the contact's events of a name, newest first.

    Raises jinja2.TemplateError and whatever the arithmetic of a template raises; never shows a masked value.
    """
    if template.compiled is None:
        return template.text
    traits = {one.trait: one for one in attributes.values() if one.trait}
    hidden = {**attributes, **traits}
    contact = _Masked(facts["contact"], attributes, others=False)
    names: dict[str, Any] = {"contact": contact, "score": facts["contact"]["score"], "now": facts["now"]}
    for name in ("event", "entry"):
        if facts.get(name) is not None:
            names[name] = _shown_event(facts[name], hidden)
    names.update(functions(facts, hidden, events))
    return str(template.compiled.render(names)).strip()[:_LONGEST]


def _shown_event(event: Any, hidden: Mapping[str, Attribute]) -> dict[str, Any]:
    return {
        **{name: _masked_value(hidden, name, value) for name, value in event["properties"].items()},
        "name": event["name"],
        "time": event["time"],
        "source": event["source"],
        "properties": _Masked(event["properties"], hidden, others=True),
    }


def _masked_value(hidden: Mapping[str, Attribute], name: str, value: Any) -> Any:
    declared = hidden.get(name)
    personal = declared is not None and declared.personal and not declared.shown_in_alerts
    return mask(value) if personal and value is not None else value


def functions(facts: Mapping[str, Any], hidden: Mapping[str, Attribute], events: Any) -> dict[str, Callable[..., Any]]:
    """The functions that a text may call, over these facts; `hidden` are the attributes whose values are masked."""
    history = facts["history"]

    def window(text: str | None) -> int | None:
        return None if text is None else duration(text)

    def count(event: str, within: str | None = None, *valued: Any) -> int:
        if valued:
            return int(history.count(event, window(within), valued[0], valued[1], True))
        return int(history.count(event, window(within)))

    def total(event: str, name: str, within: str | None = None) -> Any:
        return history.total(event, name, window(within))

    def listed(event: str, within: str | None = None) -> list[dict[str, Any]]:
        since = None if within is None else millis(facts["now"]) - duration(within)
        return [
            {**{name: _masked_value(hidden, name, value) for name, value in one.properties.items()}, "name": one.name}
            for one in events(event)
            if since is None or one.time > since
        ]

    def message(event: str) -> Callable[[str], bool]:
        return lambda name: bool(history.count(event, None, "message", name, True))

    return {
        "count": count,
        "total": total,
        "first": history.first,
        "last": history.last,
        "in_segment": lambda name: name in facts["segments"],
        "in_list": lambda name: name in facts["lists"],
        "consented": lambda purpose: purpose in facts["consents"],
        "received": message("Email Sent"),
        "opened": message("Email Opened"),
        "clicked": message("Email Link Clicked"),
        "days_since": lambda moment: None if moment is None else (facts["now"] - moment).days,
        "events": listed,
    }
