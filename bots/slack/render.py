"""Replies as Slack messages in Block Kit.

Slack's limits (https://docs.slack.dev/reference/block-kit/blocks): 50 blocks a message, 3,000 characters a section
text, 10 fields of 2,000, 25 elements an actions block, 150 characters a header, 75 a button, 2,000 its value,
and about 13,000 characters in all. A reply that is longer becomes several messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import msgspec

from bots.replies import Button, Field, Item, Reply
from bots.slack.text import escape

__all__ = ["ACTION", "Block", "Message", "render"]

Block: TypeAlias = dict[str, Any]

ACTION = "relance:"  # the action ids of our buttons start with this
BLOCKS = 50
CHARACTERS = 12_000
SECTION = 3000
FIELD = 2000
FIELDS = 10
HEADER = 150
LABEL = 75
VALUE = 2000
TEXT = 3000
PROMPT = 6000  # of a text that is asked for: all of it stands in the form
BUTTONS = 5  # in a row: more is allowed, but not read


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message: its blocks, and the text that notifications show."""

    text: str
    blocks: list[Block]

    @property
    def payload(self) -> dict[str, Any]:
        return {"text": self.text, "blocks": self.blocks}


def render(reply: Reply) -> list[Message]:
    """The reply as one message, or as several where Slack's limits ask for it."""
    pages: list[list[Block]] = [[]]
    size = 0
    for number, block in enumerate(_blocks(reply)):
        if block["type"] == "actions":
            for at, element in enumerate(block["elements"]):
                element["action_id"] = f"{ACTION}{number}:{at}"
        elif "accessory" in block:
            block["accessory"]["action_id"] = f"{ACTION}{number}"
        length = len(msgspec.json.encode(block))
        if pages[-1] and (len(pages[-1]) == BLOCKS or size + length > CHARACTERS):
            pages.append([])
            size = 0
        pages[-1].append(block)
        size += length
    text = _cut(escape(reply.summary) or "…", TEXT)
    return [Message(text=text, blocks=page or [_section("…")]) for page in pages]


def _blocks(reply: Reply) -> Iterator[Block]:
    if reply.title:
        if len(reply.title) <= HEADER:
            yield {"type": "header", "text": {"type": "plain_text", "text": reply.title, "emoji": False}}
        else:
            yield from _sections([f"*{escape(reply.title)}*"])
    yield from _sections(escape(line) for line in reply.lines)
    for at in range(0, len(reply.fields), FIELDS):
        yield {"type": "section", "fields": [_field(field) for field in reply.fields[at : at + FIELDS]]}
    if reply.table and reply.table.rows:
        yield from _code(reply.table.lines())
    for item in reply.items:
        yield from _item(item)
    if reply.code:
        yield from _code(reply.code.splitlines())
    buttons = reply.all_buttons
    if reply.prompt:
        text = reply.prompt.text
        yield from _code((text if len(text) <= PROMPT else text[:PROMPT] + " …").splitlines())
        yield from _sections([f"_{escape(reply.prompt.hint)}_"])
        buttons = (Button("✎", reply.prompt.command, "primary"), *buttons)
    yield from _actions(buttons)
    if reply.footer:
        yield {"type": "context", "elements": [_mrkdwn(_cut(escape(reply.footer), SECTION))]}


def _item(item: Item) -> Iterator[Block]:
    sections = list(_sections([f"*{escape(item.heading)}*", *(escape(line) for line in item.lines)]))
    code = list(_code(item.code.splitlines()))
    if len(item.buttons) == 1:
        sections[-1]["accessory"] = _button(item.buttons[0])
    yield from sections
    yield from code
    if len(item.buttons) > 1:
        yield from _actions(item.buttons)


def _sections(lines: Iterable[str]) -> Iterator[Block]:
    for text in _joined(lines, SECTION):
        yield _section(text)


def _code(lines: Iterable[str]) -> Iterator[Block]:
    # a fence inside the text would end the block
    shown = (escape(line).replace("```", "`\u200b`\u200b`") for line in lines)
    for text in _joined(shown, SECTION - 8):
        yield _section(f"```\n{text}\n```")


def _actions(buttons: tuple[Button, ...]) -> Iterator[Block]:
    for at in range(0, len(buttons), BUTTONS):
        yield {"type": "actions", "elements": [_button(button) for button in buttons[at : at + BUTTONS]]}


def _button(button: Button) -> Block:
    element: Block = {
        "type": "button",
        "text": {"type": "plain_text", "text": _cut(button.label, LABEL), "emoji": False},
        "value": button.command[:VALUE],
        "action_id": ACTION,
    }
    if button.style != "plain":
        element["style"] = button.style
    return element


def _field(field: Field) -> Block:
    return _mrkdwn(_cut(f"*{escape(field.label)}*\n{escape(field.value) or '—'}", FIELD))


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _joined(lines: Iterable[str], limit: int) -> Iterator[str]:
    """The lines, joined into texts of at most `limit` characters; a line that is longer is cut apart."""
    text = ""
    for whole in lines:
        for line in _pieces(whole, limit):
            if text and len(text) + 1 + len(line) > limit:
                yield text
                text = line
            else:
                text = f"{text}\n{line}" if text else line
    if text:
        yield text


def _pieces(line: str, limit: int) -> Iterator[str]:
    while len(line) > limit:
        end = limit
        ampersand = line.rfind("&", end - 5, end)  # never inside `&amp;`
        if ampersand > 0 and ";" not in line[ampersand:end]:
            end = ampersand
        yield line[:end]
        line = line[end:]
    yield line


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return next(_pieces(text, limit - 1)) + "…"
