"""A message compiled once and rendered for each contact."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from jinja2 import TemplateError, meta

from rules.contact import Event
from rules.errors import Problem, RuleError, RuleErrors
from rules.message.check import check_layout, check_piece, fields_read, names_of
from rules.message.filling import filled, filled_html, filled_json, one_line
from rules.message.layout import footer_text, footer_words, layout_source
from rules.message.markup import html_of, text_of
from rules.message.sandbox import FORMATS, Html, Marks, Values, charge, generated, readable, sandbox
from rules.message.source import LAYOUT, Format, Piece, read_source
from rules.moment import instant, millis
from rules.rulebook import Purpose, Rulebook
from rules.template import duration, functions

__all__ = ["CompiledMessage", "Formats", "MessageFault", "Words", "compile_message", "render_message"]

Formats = Callable[[str, Any, Any], str]  # ("date", a date, "long") → "2 mars 2026"; also "number", "money"

_WHOLE: Final = re.compile(r"\s*(?:<!--.*?-->\s*)*<(?:!doctype|html)\b", re.IGNORECASE | re.DOTALL)
_HISTORY: Final = frozenset(("count", "total", "first", "last", "received", "opened", "clicked", "events"))
_WORK: Final = 50  # of a function that looks something up


class MessageFault(RuleError):
    """A message cannot be rendered for a contact. `reason` names what went wrong, never a value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CompiledMessage(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A message that has no mistakes. `whole`: its HTML is a document of its own, and goes into no layout.
    `reads_history`: it asks for events of the contact. `fields` are the names that it reads of contact, event and
    entry; "*" where it reads one of them as a whole."""

    name: str
    channel: str
    format: Format
    head: dict[str, Any]
    body: Any
    text: Any = None
    whole: bool = False
    reads_history: bool = False
    fields: frozenset[str] = frozenset()


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """A message for one contact; see `server.model.outgoing.Rendered`."""

    subject: str = ""
    text: str = ""
    html: str = ""
    body: str = ""
    fields: dict[str, str] = {}


def compile_message(name: str, channel: str, format: Format, source: str, book: Rulebook) -> CompiledMessage:  # noqa: A002
    """Compile a message's source; raises RuleErrors with all its mistakes, in order of place."""
    lines = source.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    read, found = read_source(source, channel, format, name)
    known = names_of(book, name)
    pieces = [*read.head.values(), read.body, *([read.text] if read.text else [])]
    for piece in pieces:
        found += check_piece(piece, lines, known, book)
    whole = channel == "email" and format == "html" and bool(_WHOLE.match(read.body.text))
    if channel == "email" and name == LAYOUT:
        found += check_layout(read.body, lines, ("content", "links.unsubscribe"))
    elif whole:
        found += check_layout(read.body, lines, ("links.unsubscribe",))
    if found:
        raise RuleErrors(_in_order(found))
    return CompiledMessage(
        name=name,
        channel=channel,
        format=format,
        head={key: sandbox().from_string(piece.text) for key, piece in read.head.items()},
        body=sandbox().from_string(read.body.text),
        text=sandbox().from_string(read.text.text) if read.text else None,
        whole=whole,
        reads_history=any(map(_asks_history, pieces)),
        fields=frozenset(field for piece in pieces for field in fields_read(piece)),
    )


def render_message(
    compiled: CompiledMessage,
    facts: Mapping[str, Any],
    *,
    events: Callable[[str], Iterable[Event]],
    links: Mapping[str, str],
    purpose: Purpose | None = None,
    locale: str = "en",
    sender: str = "",
    formats: Formats | None = None,
    layout: CompiledMessage | None = None,
) -> Words:
    """The words for the contact of these facts (`rules.facts.facts_now`, with `event` and `entry` where there are).

    `events` gives the contact's events of a name, newest first; personal values are not masked. Raises MessageFault.
    """
    about = Values({"name": purpose.name, "wording": purpose.wording} if purpose else {})
    names = {
        **_names(facts, events),
        "links": Values(dict(links)),
        "purpose": about,
        "locale": locale,
        "sender": sender,
        FORMATS: formats or _as_they_are,
    }
    try:
        head = {name: _line(template, names) for name, template in compiled.head.items()}
        subject, fields = head.pop("subject", ""), {key: value for key, value in head.items() if key != "preheader"}
        if compiled.format == "json":
            body = _checked(_json(compiled.body, names))
            return Words(subject=subject, body=body, fields=fields)
        html, text = _parts(compiled, names)
        if compiled.channel != "email":
            return Words(subject=subject, text=text, html=html, body=text, fields=fields)
        if html and not compiled.whole:
            inner = {**names, "content": Html(html), "subject": subject, "preheader": head.get("preheader", "")}
            html = _html((layout or _built_in()).body, {**inner, "footer": Values(footer_words(locale))})
        footer = footer_text(locale, purpose.wording if purpose else "", links, sender, text)
        text = f"{text}\n\n{footer}" if footer else text
        return Words(subject=subject, text=text + "\n", html=html, body=text, fields=fields)
    except MessageFault:
        raise
    except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as problem:
        raise MessageFault(_reason(problem)) from None


@functools.cache
def _built_in() -> CompiledMessage:
    return compile_message(LAYOUT, "email", "html", layout_source(), Rulebook())


def _parts(compiled: CompiledMessage, names: Mapping[str, Any]) -> tuple[str, str]:
    """The HTML ("" where there is none) and the text of a message."""
    marks = Marks()
    marked = generated(compiled.body, names, marks)
    if compiled.format == "text":
        return "", filled(marked, marks).strip()
    markup = html_of(marked) if compiled.format == "markdown" else marked
    if compiled.text is None:
        return filled_html(markup, marks), filled(text_of(markup), marks)
    own = Marks()
    return filled_html(markup, marks), filled(generated(compiled.text, names, own), own).strip()


def _line(template: Any, names: Mapping[str, Any]) -> str:
    marks = Marks()
    return one_line(generated(template, names, marks), marks)


def _html(template: Any, names: Mapping[str, Any]) -> str:
    marks = Marks()
    return filled_html(generated(template, names, marks), marks)


def _json(template: Any, names: Mapping[str, Any]) -> str:
    marks = Marks(bare=True)
    return filled_json(generated(template, names, marks), marks)


def _checked(body: str) -> str:
    try:
        json.loads(body)
    except ValueError as problem:
        line = getattr(problem, "lineno", 0)
        raise MessageFault(f"the result is not JSON (its line {line})") from None
    return body


def _reason(problem: Exception) -> str:
    """Why a rendering failed; of errors whose words may hold values, their kind alone."""
    if type(problem).__name__ == "SecurityError":
        return str(problem)
    return f"an error in the template ({type(problem).__name__})"


def _names(facts: Mapping[str, Any], events: Callable[[str], Iterable[Event]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "contact": Values(facts["contact"]),
        "score": facts["contact"]["score"],
        "now": facts["now"],
        **{name: _costly(function) for name, function in functions(facts, {}, events).items()},
        "events": _listing(facts, events),
    }
    for name in ("event", "entry"):
        known = facts.get(name)
        if known is not None:
            own = {"name": known["name"], "time": known["time"], "source": known["source"]}
            properties = known["properties"]
            found[name] = Values({**properties, **own, "properties": properties})
    return found


def _listing(facts: Mapping[str, Any], events: Callable[[str], Iterable[Event]]) -> Callable[..., tuple[Any, ...]]:
    def listed(event: str, within: str | None = None) -> tuple[Any, ...]:
        since = None if within is None else millis(facts["now"]) - duration(within)
        found = [one for one in events(event) if since is None or one.time > since]
        charge(_WORK + 4 * len(found))
        return tuple(
            readable({**one.properties, "name": one.name, "time": instant(one.time), "properties": one.properties})
            for one in found
        )

    return listed


def _costly(function: Callable[..., Any]) -> Callable[..., Any]:
    def called(*arguments: Any) -> Any:
        charge(_WORK)
        return function(*arguments)

    return called


def _as_they_are(form: str, value: Any, option: Any) -> str:
    """Values of `date`, `number` and `money` where no locale says how they are written."""
    if form == "number" and option is not None:
        return f"{value:.{int(option)}f}"
    if form == "money":
        return f"{value:.2f} {option}"
    return value.isoformat()[:10] if form == "date" and hasattr(value, "isoformat") else str(value)


def _asks_history(piece: Piece) -> bool:
    return not _HISTORY.isdisjoint(meta.find_undeclared_variables(sandbox().parse(piece.text)))


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda one: (one.line, one.column))
