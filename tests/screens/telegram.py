"""Telegram's messages as HTML, in the manner of its apps on a telephone; what is not known here raises `Undrawn`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from tests.emulators.telegram import Post, checked
from tests.emulators.telegram_people import TAG
from tests.screens.slack import Undrawn

__all__ = ["chat", "post", "said"]

_PRE = re.compile(r"\n?<pre>(.*?)</pre>\n?", re.S)  # a block of its own: the line ends around it are not shown
_LINK = re.compile(r'<a href="(?:https?|tg|mailto):[^"<>]*">')


def chat(title: str, below: str, parts: Iterable[str]) -> str:
    """A chat with these messages; `below` is what stands under its name."""
    mark = escape(title[:1])
    return (
        f'<main class="telegram"><header><i>‹</i><div class="round">{mark}</div>'
        f"<div><b>{escape(title)}</b><br>{escape(below)}</div></header>{''.join(parts)}</main>"
    )


def post(sent: Post, time: str, *, group: bool = False) -> str:
    """A message of the bot with its keyboard; in a group its name stands above."""
    if sent.file is not None:
        raise Undrawn("a file")
    text, keyboard = sent.revisions[-1]
    name = '<b class="from">Relance</b>\n' if group else ""
    return f"<article>{_bubble(name + _html(text), time)}{_keyboard(keyboard)}</article>"


def said(text: str, time: str, *, answering: Post | None = None) -> str:
    """What a person has written, as the answer to a message of the bot or not."""
    quoted = ""
    if answering is not None:
        line = TAG.sub("", answering.html).split("\n")[0]
        quoted = f'<div class="quoted"><b>Relance</b><br>{line}</div>'
    return f'<article class="mine">{_bubble(quoted + escape(text), time)}</article>'


def _bubble(body: str, time: str) -> str:
    return f'<div class="bubble">{body}<time>{escape(time)}</time></div>'


def _html(text: str) -> str:
    """What Telegram makes of its HTML: the same tags, and links that lead out."""
    checked(text)
    shown = _LINK.sub("<u>", text).replace("</a>", "</u>")
    if "<a" in shown:
        raise Undrawn("a link that is none of http, tg or mailto")
    return _PRE.sub(r"<pre>\1</pre>", shown)


def _keyboard(rows: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    return "".join(f'<div class="row">{"".join(map(_key, row))}</div>' for row in rows)


def _key(button: Mapping[str, Any]) -> str:
    if not button.keys() <= {"text", "callback_data", "url"} or len(button) != 2:
        raise Undrawn(f"a button with {sorted(button)}")
    leads = "<i>↗</i>" if "url" in button else ""
    return f"<span>{escape(button['text'])}{leads}</span>"
