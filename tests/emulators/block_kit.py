"""Slack's rules for Block Kit, as far as messages and modals go: https://docs.slack.dev/reference/block-kit/blocks."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["BadBlocks", "characters", "check_blocks", "check_home", "check_view", "texts"]


class BadBlocks(Exception):
    """Slack would answer `invalid_blocks`."""


def check_view(view: Any) -> None:
    """Raise `BadBlocks` with the first rule of modals that is broken: https://docs.slack.dev/reference/views."""
    _need(isinstance(view, dict) and view.get("type") == "modal", "a view must be a modal")
    _only(view, {"type", "callback_id", "title", "submit", "close", "private_metadata", "blocks", "notify_on_close"})
    for name in ("title", "submit", "close"):
        if name in view or name == "title":
            _text(view[name], 24, kinds={"plain_text"})
    _need(len(view.get("callback_id", "")) <= 255, "a callback_id has at most 255 characters")
    _need(len(view.get("private_metadata", "")) <= 3000, "private_metadata has at most 3000 characters")
    _need(len(json.dumps(view)) <= 250_000, "a view has at most 250,000 characters")
    check_blocks(view["blocks"], most=100, modal=True)
    inputs = [block for block in view["blocks"] if block["type"] == "input"]
    _need(not inputs or "submit" in view, "a view with inputs needs submit")


def check_home(view: Any) -> None:
    """Raise `BadBlocks` with the first rule of App Home that is broken: https://docs.slack.dev/surfaces/app-home."""
    _need(isinstance(view, dict) and view.get("type") == "home", "App Home is a view of type home")
    _only(view, {"type", "blocks", "callback_id", "private_metadata"})
    _need(len(json.dumps(view)) <= 250_000, "a view has at most 250,000 characters")
    check_blocks(view["blocks"], most=100)


def check_blocks(blocks: Any, *, most: int = 50, modal: bool = False) -> None:
    """Raise `BadBlocks` with the first rule that is broken."""
    _need(isinstance(blocks, list) and blocks, "blocks must be a list that is not empty")
    _need(len(blocks) <= most, f"more than {most} blocks")
    actions: list[str] = []
    named = [block["block_id"] for block in blocks if "block_id" in block]
    _need(len(named) == len(set(named)), "a block_id is there twice")
    _need(all(1 <= len(name) <= 255 for name in named), "a block_id has 1 to 255 characters")
    for block in blocks:
        match block.get("type"):
            case "header":
                _only(block, {"type", "text", "block_id"})
                _text(block["text"], 150, kinds={"plain_text"})
            case "section":
                _section(block, actions)
            case "actions":
                _only(block, {"type", "elements", "block_id"})
                _need(1 <= len(block["elements"]) <= 25, "an actions block has 1 to 25 elements")
                for element in block["elements"]:
                    _button(element, actions)
            case "context":
                _only(block, {"type", "elements", "block_id"})
                _need(1 <= len(block["elements"]) <= 10, "a context block has 1 to 10 elements")
                for element in block["elements"]:
                    _text(element, 3000)
            case "divider":
                _only(block, {"type", "block_id"})
            case "input" if modal:
                _input(block)
            case kind:
                raise BadBlocks(f"unsupported type: {kind}")
    _need(len(actions) == len(set(actions)), "an action_id is there twice")


def _input(block: dict[str, Any]) -> None:
    _only(block, {"type", "label", "element", "block_id", "optional", "hint", "dispatch_action"})
    _text(block["label"], 2000, kinds={"plain_text"})
    element = block["element"]
    _need(element.get("type") == "plain_text_input", "only plain text inputs are known here")
    _only(element, {"type", "action_id", "multiline", "max_length", "min_length", "initial_value", "placeholder"})
    _need(0 < len(element["action_id"]) <= 255, "an action_id has 1 to 255 characters")
    most = element.get("max_length", 3000)
    _need(1 <= most <= 3000, "max_length is 1 to 3000")
    _need(len(element.get("initial_value", "x")) <= most, "initial_value is longer than the input takes")
    _need(element.get("initial_value") != "", "initial_value is empty")
    if "placeholder" in element:
        _text(element["placeholder"], 150, kinds={"plain_text"})


def texts(blocks: list[dict[str, Any]]) -> list[str]:
    """Everything that a reader sees, in order."""
    found: list[str] = []
    for block in blocks:
        if "text" in block:
            found.append(block["text"]["text"])
        if block.get("type") == "input":
            found += [block["label"]["text"], block["element"].get("initial_value", "")]
        found += [field["text"] for field in block.get("fields", ())]
        for element in [*block.get("elements", ()), *([block["accessory"]] if "accessory" in block else [])]:
            text = element["text"]
            found.append(text if isinstance(text, str) else text["text"])
    return found


def characters(blocks: list[dict[str, Any]]) -> int:
    """How much text a message has in all."""
    return sum(map(len, texts(blocks)))


def _section(block: dict[str, Any], actions: list[str]) -> None:
    _only(block, {"type", "text", "fields", "accessory", "block_id", "expand"})
    _need("text" in block or "fields" in block, "a section needs text or fields")
    if "text" in block:
        _text(block["text"], 3000)
    if "fields" in block:
        _need(1 <= len(block["fields"]) <= 10, "a section has 1 to 10 fields")
        for field in block["fields"]:
            _text(field, 2000)
    if "accessory" in block:
        _button(block["accessory"], actions)


def _button(element: dict[str, Any], actions: list[str]) -> None:
    _need(element.get("type") == "button", "only buttons are known here")
    _only(element, {"type", "text", "action_id", "value", "style", "url", "confirm", "accessibility_label"})
    _text(element["text"], 75, kinds={"plain_text"})
    _need(0 < len(element["action_id"]) <= 255, "an action_id has 1 to 255 characters")
    _need(len(element.get("value", "")) <= 2000, "a value has at most 2000 characters")
    _need(element.get("style") in (None, "primary", "danger"), "an unknown style")
    actions.append(element["action_id"])


def _text(
    text: dict[str, Any], limit: int, kinds: frozenset[str] | set[str] = frozenset({"plain_text", "mrkdwn"})
) -> None:
    _need(text.get("type") in kinds, f"a text must be {sorted(kinds)}")
    allowed = {"type", "text", "emoji"} if text["type"] == "plain_text" else {"type", "text", "verbatim"}
    _only(text, allowed)
    _need(isinstance(text["text"], str) and 1 <= len(text["text"]) <= limit, f"a text has 1 to {limit} characters")


def _only(thing: dict[str, Any], allowed: set[str]) -> None:
    _need(thing.keys() <= allowed, f"unknown keys {sorted(thing.keys() - allowed)}")


def _need(condition: object, rule: str) -> None:
    if not condition:
        raise BadBlocks(rule)
