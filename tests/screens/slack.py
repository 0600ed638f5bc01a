"""Block Kit as HTML, in Slack's manner: what our bots send is drawn, and what is not known here raises `Undrawn`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

__all__ = ["Undrawn", "blocks", "channel", "home", "message", "modal", "typed"]

# code, then what stands between two marks that no letter touches from outside, then what Slack puts between < and >
_MARKED = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|(?<![\w*])\*(?P<bold>\S(?:[^*\n]*\S)?)\*(?![\w*])"
    r"|(?<![\w_])_(?P<italic>\S(?:[^_\n]*\S)?)_(?![\w_])"
    r"|(?<![\w~])~(?P<struck>\S(?:[^~\n]*\S)?)~(?![\w~])"
    r"|<(?P<link>[^>\n]*)>"
)
_FENCE = re.compile(r"```\n?(.*?)\n?```", re.S)
_TAGS = {"bold": "b", "italic": "i", "struck": "s"}


class Undrawn(Exception):
    """Something stands in a payload for which there is no drawing."""


def channel(name: str, parts: Iterable[str]) -> str:
    """A channel with these messages."""
    return f'<main class="slack"><header># {escape(name.removeprefix("#"))}</header>{"".join(parts)}</main>'


def typed(text: str) -> str:
    """A command as it stands in the field where one writes."""
    return f'<div class="typed">{escape(text)}</div>'


def message(content: Mapping[str, Any], time: str, *, above: str = "") -> str:
    """A message of the app. `above` is what Slack says over one that a single person sees."""
    alone = f'<p class="alone">{escape(above)}</p>' if above else ""
    return (
        f'<article>{alone}<div class="avatar">R</div><div class="said">'
        f'<p class="from"><b>Relance</b><span class="app">APP</span><time>{escape(time)}</time></p>'
        f"{blocks(content['blocks'])}</div></article>"
    )


def modal(view: Mapping[str, Any], written: tuple[str, ...] = (), errors: Mapping[str, str] | None = None) -> str:
    """A modal, with what somebody has written into its fields and the errors shown at them."""
    known = {"type", "callback_id", "title", "submit", "close", "private_metadata", "blocks"}
    _need(view["type"] == "modal" and view.keys() <= known, f"a view with {sorted(view)}")
    body, texts = [], list(written)
    for block in view["blocks"]:
        if block["type"] == "input":
            body.append(_input(block, texts.pop(0) if texts else None, (errors or {}).get(block["block_id"], "")))
        else:
            body.append(_block(block))
    feet = [f'<span class="button {kind}">{_plain(view[name])}</span>'
            for name, kind in (("close", ""), ("submit", "primary")) if name in view]  # fmt: skip
    return (
        f'<main class="slack modal"><header>{_plain(view["title"])}<i>×</i></header><section>{"".join(body)}</section>'
        f"<footer>{''.join(feet)}</footer></main>"
    )


def home(view: Mapping[str, Any], tabs: Iterable[str]) -> str:
    """App Home, under its tabs, the first of which is open."""
    _need(view["type"] == "home" and view.keys() <= {"type", "blocks"}, f"a view with {sorted(view)}")
    first, *others = map(escape, tabs)
    nav = f"<nav><b>{first}</b>{''.join(f'<span>{tab}</span>' for tab in others)}</nav>"
    body = f'<section class="home">{blocks(view["blocks"])}</section>'
    return f'<main class="slack"><header>Relance</header>{nav}{body}</main>'


def blocks(found: Iterable[Mapping[str, Any]]) -> str:
    """Blocks one under the other."""
    return "".join(map(_block, found))


def _block(block: Mapping[str, Any]) -> str:
    match block["type"]:
        case "header":
            return f"<h2>{_plain(_only(block, 'text')['text'])}</h2>"
        case "section":
            _only(block, "text", "fields", "accessory")
            text = f'<div class="text">{_text(block["text"])}</div>' if "text" in block else ""
            fields = "".join(f"<div>{_text(field)}</div>" for field in block.get("fields", ()))
            grid = f'<div class="fields">{fields}</div>' if fields else ""
            accessory = _button(block["accessory"]) if "accessory" in block else ""
            return f'<div class="block"><div>{text}{grid}</div>{accessory}</div>'
        case "actions":
            return f'<div class="actions">{"".join(map(_button, _only(block, "elements")["elements"]))}</div>'
        case "context":
            return f'<div class="context">{"".join(map(_text, _only(block, "elements")["elements"]))}</div>'
        case "divider":
            _only(block)
            return "<hr>"
        case kind:
            raise Undrawn(f"a block of type {kind}")


def _input(block: Mapping[str, Any], written: str | None, error: str) -> str:
    _only(block, "label", "element", "optional")
    element = block["element"]
    _need(element["type"] == "plain_text_input", f"an input of type {element['type']}")
    known = {"type", "action_id", "multiline", "max_length", "initial_value"}
    _need(element.keys() <= known, f"an input with {sorted(element)}")
    optional = " <small>(optional)</small>" if block.get("optional") else ""
    text = element.get("initial_value", "") if written is None else written
    kind = "lines" if element.get("multiline") else "line"
    # what stands in an error is one paragraph: Slack keeps no line breaks there
    wrong = f'<p class="error">{escape(" ".join(error.split()))}</p>' if error else ""
    return (
        f"<label>{_plain(block['label'])}{optional}</label>"
        f'<div class="field {kind}{" wrong" if error else ""}">{escape(text)}</div>{wrong}'
    )


def _button(element: Mapping[str, Any]) -> str:
    _need(element["type"] == "button", f"an element of type {element['type']}")
    _need(element.keys() <= {"type", "text", "value", "action_id", "style", "url"}, f"a button with {sorted(element)}")
    style = element.get("style", "")
    _need(style in ("", "primary", "danger"), f"a button of style {style}")
    leads = " ↗" if "url" in element else ""
    return f'<span class="button {style}">{_plain(element["text"])}{leads}</span>'


def _text(text: Mapping[str, Any]) -> str:
    return _plain(text) if text["type"] == "plain_text" else _mrkdwn(text)


def _plain(text: Mapping[str, Any]) -> str:
    _need(text["type"] == "plain_text" and text.keys() <= {"type", "text", "emoji"}, f"a text {sorted(text)}")
    return escape(text["text"])


def _mrkdwn(text: Mapping[str, Any]) -> str:
    _need(text["type"] == "mrkdwn" and text.keys() <= {"type", "text", "verbatim"}, f"a text {sorted(text)}")
    pieces = _FENCE.split(text["text"])  # every second one is code
    return "".join(f"<pre>{piece}</pre>" if at % 2 else _lines(piece.strip("\n")) for at, piece in enumerate(pieces))


def _lines(text: str) -> str:
    return _MARKED.sub(_marked, text).replace("\n", "<br>")


def _marked(found: re.Match[str]) -> str:
    kind, inner = str(found.lastgroup), str(found.group(str(found.lastgroup)))
    match kind:
        case "code":
            return f"<code>{inner}</code>"
        case "link":
            target, _, label = inner.partition("|")
            _need(target.startswith(("https://", "http://", "mailto:")), f"the mark <{inner}>")
            return f"<u>{label or target}</u>"
        case _:
            return f"<{_TAGS[kind]}>{_lines(inner)}</{_TAGS[kind]}>"


def _only(block: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    unknown = block.keys() - {"type", "block_id", *names}
    _need(not unknown, f"a {block['type']} block with {sorted(unknown)}")
    return block


def _need(condition: object, what: str) -> None:
    if not condition:
        raise Undrawn(what)
