"""Markdown → HTML for mail programs, and HTML → text."""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

__all__ = ["html_of", "text_of"]

_STYLES: Final = {
    "h1": "margin:0 0 16px;font-size:26px;line-height:1.25;font-weight:700",
    "h2": "margin:24px 0 12px;font-size:20px;line-height:1.3;font-weight:700",
    "h3": "margin:20px 0 8px;font-size:17px;line-height:1.35;font-weight:700",
    "p": "margin:0 0 16px",
    "ul": "margin:0 0 16px;padding:0 0 0 24px",
    "ol": "margin:0 0 16px;padding:0 0 0 24px",
    "li": "margin:0 0 6px",
    "blockquote": "margin:0 0 16px;padding:4px 0 4px 16px;border-left:4px solid #d0d7de",
    "hr": "border:0;border-top:1px solid #d0d7de;margin:24px 0",
    "table": "width:100%;border-collapse:collapse;margin:0 0 16px",
    "th": "padding:8px 6px;border-bottom:2px solid #d0d7de;text-align:left;vertical-align:top;overflow-wrap:break-word",
    "td": "padding:8px 6px;border-bottom:1px solid #d0d7de;vertical-align:top;overflow-wrap:break-word",
    "img": "max-width:100%;height:auto;border:0;display:block",
    "a": "color:#0b57d0;text-decoration:underline",
    "code": "font-family:Menlo,Consolas,monospace;font-size:90%",
}
_BUTTON: Final = (
    '<table role="presentation" class="button" border="0" cellpadding="0" cellspacing="0" style="margin:8px 0 24px">'
    '<tr><td align="center" bgcolor="#0b57d0" style="border-radius:6px;background:#0b57d0">'
    '<a class="press" href="{address}" style="display:inline-block;padding:13px 26px;border-radius:6px;'
    'font-weight:700;line-height:1.3;color:#ffffff;text-decoration:none">{words}</a></td></tr></table>\n'
)


@functools.cache
def _reader() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


@functools.lru_cache(maxsize=128)
def html_of(markdown: str) -> str:
    """Markdown as HTML with its styles within, as mail programs want it; a paragraph that is a bold link alone is a
    button. What was read lately is remembered: most contacts' messages differ in their values alone."""
    reader = _reader()
    tokens = _with_buttons(reader.parse(markdown))
    for token in tokens:
        _style(token)
        for child in token.children or ():
            _style(child)
    return str(reader.renderer.render(tokens, reader.options, {}))


def _style(token: Token) -> None:
    style = _STYLES.get(token.tag)
    if style and token.nesting >= 0:
        own = token.attrGet("style")
        whole = f"{style};{own}" if own else style
        token.attrSet("style", f"{whole};white-space:nowrap" if own == "text-align:right" else whole)


def _with_buttons(tokens: Sequence[Token]) -> list[Token]:
    made: list[Token] = []
    at = 0
    while at < len(tokens):
        button = _button(tokens[at : at + 3])
        made.append(tokens[at] if button is None else button)
        at += 1 if button is None else 3
    return made


def _button(paragraph: Sequence[Token]) -> Token | None:
    """The button that a paragraph is; None where it is another paragraph."""
    if [token.type for token in paragraph] != ["paragraph_open", "inline", "paragraph_close"]:
        return None
    parts = [part for part in paragraph[1].children or () if part.type != "text" or part.content.strip()]
    if len(parts) < 5 or [part.type for part in (*parts[:2], *parts[-2:])] != [
        "strong_open", "link_open", "link_close", "strong_close"
    ]:  # fmt: skip
        return None
    if any(part.type in ("link_open", "strong_close") for part in parts[2:-2]):
        return None
    reader = _reader()
    words = reader.renderer.render(list(parts[2:-2]), reader.options, {})
    address = html.escape(str(parts[1].attrGet("href") or ""))
    return Token("html_block", "", 0, content=_BUTTON.format(address=address, words=words))


class _Text(HTMLParser):
    """Gathers the text of HTML, a block a paragraph; a link is followed by its address."""

    _BLOCKS: Final = frozenset((
        "address", "article", "blockquote", "center", "div", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6",
        "header", "hr", "li", "ol", "p", "pre", "section", "table", "tr", "ul",
    ))  # fmt: skip
    _SILENT: Final = frozenset(("head", "script", "style", "title", "template"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = [""]
        self._silent = 0
        self._links: list[tuple[str, int, int]] = []
        self._lists: list[int] = []
        self._exact = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in self._SILENT:
            self._silent += 1
        elif tag == "br":
            self._lines.append("")
        elif tag in self._BLOCKS:
            self._open(tag)
        elif tag in ("td", "th") and self._lines[-1].strip():
            self._lines[-1] += "  "
        elif tag == "img" and given.get("alt"):
            self.handle_data(str(given["alt"]))
        elif tag == "a":
            self._links.append((str(given.get("href") or ""), len(self._lines) - 1, len(self._lines[-1])))

    def handle_endtag(self, tag: str) -> None:
        if tag in self._SILENT:
            self._silent = max(self._silent - 1, 0)
        elif tag in self._BLOCKS:
            if tag in ("ul", "ol") and self._lists:
                self._lists.pop()
            self._exact -= tag == "pre"
            self._break(tag in ("li", "tr"))
        elif tag == "a" and self._links:
            self._link(*self._links.pop())

    def _open(self, tag: str) -> None:
        inside = bool(self._lists) and tag in ("p", "ul", "ol") and self._lines[-1].strip() in ("", "-")
        if not inside:
            self._break(tag in ("li", "tr"))
        if tag in ("ul", "ol"):
            self._lists.append(1 if tag == "ol" else 0)
        elif tag == "li":
            number = self._lists[-1] if self._lists else 0
            self._lines[-1] = "  " * max(len(self._lists) - 1, 0) + (f"{number}. " if number else "- ")
            if number:
                self._lists[-1] += 1
        elif tag == "hr":
            self._lines += ["----------", "", ""]
        self._exact += tag == "pre"

    def _break(self, close: bool) -> None:
        """Begin a line; a paragraph where not `close`."""
        if self._lines[-1].strip():
            self._lines.append("")
        if not close and len(self._lines) > 1 and self._lines[-2].strip():
            self._lines.append("")

    def _link(self, address: str, line: int, column: int) -> None:
        said = "\n".join([self._lines[line][column:], *self._lines[line + 1 :]]).strip()
        address = address.removeprefix("mailto:")
        if address and not address.startswith("#") and said != address:
            self._lines[-1] = self._lines[-1].rstrip() + (f" ({address})" if said else address)

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if self._exact:
            first, *rest = data.split("\n")
            self._lines[-1] += first
            self._lines += rest
            return
        text = re.sub(r"[ \t\r\n\f]+", " ", data)
        self._lines[-1] += text.lstrip() if not self._lines[-1].strip() and not self._lines[-1] else text

    def text(self) -> str:
        text = "\n".join(line.rstrip() for line in self._lines)
        return re.sub(r"\n{3,}", "\n\n", text).strip()


@functools.lru_cache(maxsize=128)
def text_of(markup: str) -> str:
    """The text of HTML: lists with dashes, links with their addresses behind them."""
    parser = _Text()
    parser.feed(markup)
    parser.close()
    return parser.text()
