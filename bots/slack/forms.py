"""Forms in Slack, where texts of rules are written: the modal, what comes back of it, and errors at its fields.

Slack's limits (https://docs.slack.dev/reference/views): 100 blocks a view, 24 characters of a title or a button, 3,000
an input, 3,000 of private metadata, 250,000 in all. A longer text is spread over several inputs, each of whole lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from bots.drafts import place_of
from bots.replies import Prompt, Reply
from bots.slack.render import ACTION, Block, render
from bots.slack.text import escape
from rules.errors import Problem
from server.i18n import Translator
from server.model.draft import Place

__all__ = ["Filled", "Memory", "View", "errors_at", "filled", "form", "loading", "said", "too_long"]

View: TypeAlias = dict[str, Any]

INPUT: Final = 3000
CHUNK: Final = 2600  # of a text that is spread: the rest of an input is room to write
INPUTS: Final = 40
TITLE: Final = 24
LABEL: Final = 150
ERROR: Final = 700
SHOWN: Final = 3  # mistakes at a field
NOTES: Final = 12  # blocks above the fields
CALLBACK: Final = ACTION + "form"
_BLOCK: Final = "text:"


class Memory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a form remembers: its place, and where the answer goes."""

    place: Place
    response_url: str = ""
    channel: str = ""


class _Value(msgspec.Struct):
    value: str | None = None


class _State(msgspec.Struct):
    values: dict[str, dict[str, _Value]]


class _View(msgspec.Struct):
    id: str
    callback_id: str
    private_metadata: str
    state: _State


class _User(msgspec.Struct):
    id: str
    team_id: str = ""


class _Team(msgspec.Struct):
    id: str


class _Submission(msgspec.Struct):
    user: _User
    view: _View
    team: _Team | None = None


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """A form that came back: who filled it in, what with, and what it remembered. `parts` are its inputs."""

    view: str
    team: str
    user: str
    parts: tuple[str, ...]
    memory: Memory

    @property
    def text(self) -> str:
        return "\n".join(part.strip("\n") for part in self.parts if part.strip())


def filled(body: Any) -> Filled | None:
    """A form of ours that came back; None where it is none. Raises msgspec.ValidationError for another shape."""
    if not isinstance(body, dict) or body.get("type") != "view_submission":
        return None
    view = body.get("view")
    if not isinstance(view, dict) or view.get("callback_id") != CALLBACK:
        return None
    given = msgspec.convert(body, _Submission)
    values = given.view.state.values
    parts = [next(iter(values[block].values()), _Value()).value or "" for block in sorted(values, key=_number)]
    return Filled(
        view=given.view.id,
        team=given.user.team_id or (given.team.id if given.team else ""),
        user=given.user.id,
        parts=tuple(parts),
        memory=msgspec.json.decode(given.view.private_metadata, type=Memory),
    )


def loading() -> View:
    """What is shown until the form is there."""
    return {"type": "modal", "title": _plain("Relance", TITLE), "blocks": [_section("…")]}


def form(reply: Reply, prompt: Prompt, memory: Memory, t: Translator) -> View:
    """The form in which a prompt's text is written."""
    chunks = list(_chunks(prompt.text)) or [""]
    blocks = list(_notes(reply, prompt))
    if len(chunks) == 1:
        blocks.append(_input(0, chunks[0], t("Why?") if prompt.place.what == "reason" else t("Text")))
    else:
        line = 1
        for number, chunk in enumerate(chunks):
            blocks.append(_input(number, chunk, t("From line {line}", line=line)))
            line += chunk.count("\n") + 1
        blocks.append(_input(len(chunks), "", t("More"), optional=True))
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "title": _plain(prompt.title, TITLE),
        "submit": _plain(t("Save") if prompt.place.what != "reason" else t("Reject"), TITLE),
        "close": _plain(t("Cancel"), TITLE),
        "private_metadata": msgspec.json.encode(memory).decode(),
        "blocks": blocks,
    }


def said(reply: Reply) -> View:
    """A reply in the place of a form."""
    blocks = [block for message in render(reply) for block in message.blocks]
    for number, block in enumerate(blocks):  # ids that several messages share
        for at, element in enumerate([*block.get("elements", ()), *filter(None, [block.get("accessory")])]):
            if "action_id" in element:
                element["action_id"] = f"{ACTION}{number}:{at}"
    return {"type": "modal", "title": _plain("Relance", TITLE), "blocks": blocks[:100]}


def too_long(prompt: Prompt) -> bool:
    """Whether a text does not go into a form."""
    return len(list(_chunks(prompt.text))) > INPUTS


def errors_at(filled: Filled, problems: Sequence[Problem], t: Translator) -> dict[str, str]:
    """The mistakes by the field that they are in, their lines counted in it."""
    starts, line = [], 1
    for number, part in enumerate(filled.parts):
        if part.strip():
            starts.append((line, number, len(part) - len(part.lstrip("\n"))))
            line += part.strip("\n").count("\n") + 1
    found: dict[str, list[str]] = {}
    for problem in problems:
        first, number, above = next((one for one in reversed(starts) if one[0] <= problem.line), starts[0])
        here = msgspec.structs.replace(problem, line=problem.line - first + 1 + above)
        text = place_of(here, t)
        if "\n" in filled.parts[number].strip("\n"):  # of one line it is clear which is meant
            text = f"{text}\n{problem.excerpt.strip()}"
        found.setdefault(f"{_BLOCK}{number}", []).append(text[:ERROR])
    return {block: "\n".join(_few(texts, t)) for block, texts in found.items()}


def _few(texts: list[str], t: Translator) -> Iterator[str]:
    yield from texts[:SHOWN]
    if len(texts) > SHOWN:
        yield t("… and {number} more", number=t.number(len(texts) - SHOWN))


def _notes(reply: Reply, prompt: Prompt) -> Iterator[Block]:
    """What is to be known before one writes."""
    title = reply.title if reply.title != prompt.title else ""
    if title or reply.lines or reply.code or reply.items:
        plain = Reply(title=title, lines=reply.lines, code=reply.code, items=reply.items)
        yield from [block for message in render(plain) for block in message.blocks][:NOTES]


def _input(number: int, text: str, label: str, *, optional: bool = False) -> Block:
    element: Block = {"type": "plain_text_input", "action_id": f"{ACTION}text", "multiline": True, "max_length": INPUT}
    if text:
        element["initial_value"] = text
    return {
        "type": "input",
        "block_id": f"{_BLOCK}{number}",
        "label": _plain(label, LABEL),
        "element": element,
        "optional": optional,
    }


def _chunks(text: str) -> Iterator[str]:
    """The text in pieces of whole lines; a text that fits is one piece."""
    if len(text) <= CHUNK:
        if text:
            yield text.rstrip("\n")
        return
    piece = ""
    for line in _lines(text.rstrip("\n").split("\n")):
        if piece and len(piece) + 1 + len(line) > CHUNK:
            yield piece
            piece = line
        else:
            piece = f"{piece}\n{line}" if piece else line
    yield piece


def _lines(lines: Iterable[str]) -> Iterator[str]:
    """Lines; one that no input holds is continued in the next, as the language has it."""
    for whole in lines:
        line = whole
        while len(line) > CHUNK:
            end = line.rfind(" ", 1, CHUNK) if " " in line[1:CHUNK] else CHUNK
            yield line[:end] + "\\"
            line = line[end:]
        yield line


def _number(block: str) -> int:
    try:
        return int(block.removeprefix(_BLOCK))
    except ValueError:
        raise msgspec.ValidationError("a field that is none of ours") from None


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": escape(text), "verbatim": True}}


def _plain(text: str, limit: int) -> Block:
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return {"type": "plain_text", "text": cut, "emoji": False}
